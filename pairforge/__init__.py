"""pairforge: build, mine and judge training data for embedding models."""
