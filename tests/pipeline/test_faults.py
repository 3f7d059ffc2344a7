from __future__ import annotations

import pytest

from pairforge.pipeline.faults import in_recipe_terms


@pytest.mark.parametrize(
    ("sentence", "in_a_recipe"),
    [
        ("Raise --max-rank or lower --dev.", "Raise max_rank or lower dev."),
        ("Name it with --anchor-column.", 'Name it with columns = { anchor = "…" }.'),
        ("Run it first, with --from mined.", "Run it first, with --from mined."),
        ("Name another place with -o.", "Name another folder with --set output=…."),
    ],
)
def test_a_sentence_that_mends_by_flags_mends_by_keys_in_a_recipe(sentence: str, in_a_recipe: str) -> None:
    assert in_recipe_terms(sentence) == in_a_recipe
