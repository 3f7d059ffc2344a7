from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, model_validator

from pairforge.cli.parameters import ValueForm, field_help, validated, value_form
from pairforge.errors import OptionsError
from pairforge.steps.mining.options import MineNegativesOptions


class _Options(BaseModel):
    number: Annotated[int, Field(ge=1, lt=10, description="How many.")] = 3
    shape: Literal["pair", "triplet"] = "pair"
    weights: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 1.0
    needed: str

    @model_validator(mode="after")
    def _ordered(self) -> _Options:
        if self.low > self.high:
            raise ValueError(f"--low ({self.low:g}) is above --high ({self.high:g})")
        return self


@pytest.mark.parametrize(
    ("annotation", "form"),
    [
        (int, ValueForm("INTEGER")),
        (float | None, ValueForm("NUMBER")),
        (Path, ValueForm("PATH")),
        (bool, ValueForm("", count=0)),
        (Literal["a", "b"], ValueForm("a|b", ("a", "b"))),
        (Annotated[Literal["a", "b"] | None, "why"], ValueForm("a|b", ("a", "b"))),
        (tuple[str, ...], ValueForm("TEXT", many=True)),
        (tuple[float, float, float], ValueForm("NUMBER", count=3)),
    ],
)
def test_types_become_forms_of_typing(annotation: object, form: ValueForm) -> None:
    assert value_form(annotation) == form


def test_help_ends_with_the_bounds() -> None:
    assert field_help(_Options.model_fields["number"]) == "How many. At least 1, below 10."


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"number": "x"}, "--number should be a whole number, at least 1, below 10, but it is 'x'."),
        ({"number": "0"}, "--number should be a whole number, at least 1, below 10, but it is '0'."),
        ({"shape": "tripet"}, "--shape should be one of pair, triplet (perhaps triplet), but it is 'tripet'."),
        ({"weights": ["1", "much"]}, "--weights should be a number, but it is 'much'."),
        ({"low": "2"}, "--low (2) is above --high (1)."),
        ({"needed": None}, "NEEDED should be text, but it is 'None'."),
    ],
)
def test_a_refused_value_is_named_by_its_flag(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(OptionsError) as refused:
        validated(_Options, {"needed": "yes"} | values, {"needed": "NEEDED"})
    assert str(refused.value) == sentence


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(OptionsError, match=r"--number .*; --shape "):
        validated(_Options, {"needed": "yes", "number": "0", "shape": "x"}, {})


def test_options_that_contradict_each_other_are_named_by_their_flags() -> None:
    with pytest.raises(OptionsError) as refused:
        validated(MineNegativesOptions, {"strategy": "easy", "min_rank": "5"}, {})
    assert str(refused.value).startswith("--min-rank has no effect with --strategy easy, ")
