"""To be written."""

from __future__ import annotations

from pairforge.generators import GeneratorSpec, TextGenerator


def load_served_model(spec: GeneratorSpec) -> TextGenerator:
    """To be written."""
    raise NotImplementedError
