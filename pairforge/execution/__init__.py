"""What a step is, and how a stage runs one over files."""
