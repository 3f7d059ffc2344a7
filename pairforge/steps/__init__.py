"""Corpus builders: plain functions from frames to a frame, with their options."""
