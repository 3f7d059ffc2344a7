"""What mine-negatives and sweep-negatives share: retrieval, the reasons that speak against a text, and the choice."""
