from __future__ import annotations

import subprocess
import sys

import pytest

from pairforge.errors import OptionsError
from pairforge.option_faults import nearest_names
from pairforge.pipeline.registry import STEPS, Entry, load_step, shipped_folder, shipped_recipes


@pytest.mark.parametrize("name", STEPS)
def test_every_entry_leads_to_the_step_of_its_name(name: str) -> None:
    assert load_step(name).name == name
    assert STEPS[name].summary.endswith(".")


def test_unknown_step_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(OptionsError, match=r"there is no step 'mine-negative'; did you mean mine-negatives"):
        load_step("mine-negative")


def test_steps_may_be_given() -> None:
    assert load_step("mine", {"mine": Entry("pairforge.steps.mine_negatives", "")}).name == "mine-negatives"


def test_all_names_are_listed_where_none_is_near() -> None:
    assert nearest_names("xyz", ["alpha", "beta"]) == "there are: alpha, beta"
    assert nearest_names("xyz", []) == "there is none"


def test_listing_loads_nothing_heavy() -> None:
    code = (
        "import sys; from pairforge.pipeline.registry import shipped_recipes; shipped_recipes()\n"
        "print([name for name in ('polars', 'numpy', 'pydantic', 'torch') if name in sys.modules])"
    )
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout.strip() == "[]"


def test_importing_the_records_loads_no_model_library() -> None:
    code = (
        "import sys; from pairforge.pipeline.registry import STEPS, load_step\n"
        "import pairforge.pipeline.runner\n"
        "for name in STEPS: load_step(name)\n"
        "heavy = ('torch', 'sentence_transformers', 'transformers', 'datasets', 'faiss')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_shipped_recipes_are_found_with_their_descriptions() -> None:
    found = {recipe.name: recipe for recipe in shipped_recipes()}
    assert {"quickstart", "nli-to-encoder"} <= found.keys()
    assert all(recipe.description.endswith(".") and recipe.path.is_file() for recipe in found.values())
    assert (shipped_folder("examples") / "nli.jsonl").is_file()
