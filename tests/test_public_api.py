from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pairforge


@pytest.mark.parametrize("name", pairforge.__all__)
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(pairforge, name) is not None


def test_all_is_sorted_and_complete() -> None:
    functions = {"find_model", "load_encoder", "load_generator", "load_matcher", "load_scorer", "run_recipe"}
    assert sorted(pairforge.__all__) == list(pairforge.__all__) == dir(pairforge)
    assert set(pairforge.__all__) == set(pairforge._HOME_OF) | functions


def test_type_checkers_see_the_same_names_from_the_same_homes() -> None:
    tree = ast.parse(Path(pairforge.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert seen == pairforge._HOME_OF


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'mine'"):
        _ = pairforge.mine


def test_star_import_gives_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from pairforge import *", names)
    assert set(pairforge.__all__) <= set(names)
