"""The one way from rows to prompts to verified answers that all generating steps share."""
