"""The only homes of heavy libraries: encoders, scorers, generators, vectors, search."""
