"""JSON schemas as engines take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def strict(schema: Any) -> Any:
    """A schema whose objects allow no further property and want each that they name.

    Hosted servers take no other; and a model that may name properties of its own need never come to an end.
    """
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    made = {name: strict(part) for name, part in schema.items()}
    if isinstance(made.get("properties"), Mapping) and made.get("type") == "object":
        made |= {"additionalProperties": False, "required": list(made["properties"])}
    return made
