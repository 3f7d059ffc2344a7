"""Judging models by retrieval: documents ranked for queries, measured as trec_eval does."""
