"""Training: a thin, typed layer on the trainers of sentence-transformers."""
