"""Recipes: stages in a chain, checked before anything runs; and composites of several steps."""
