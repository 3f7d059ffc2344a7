"""Judging models: scores with intervals."""
