"""Whether the files and models that a recipe names are there and are what its stages want, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pairforge.errors import PairforgeError
from pairforge.execution.stage import FileInput
from pairforge.files import open_frames, source_exists
from pairforge.files.sources import is_hub
from pairforge.generators import AnyRequest, request_type
from pairforge.models import ModelKind
from pairforge.pipeline.faults import Faults, in_recipe_terms
from pairforge.pipeline.stage_table import Draft, reference_in

_ROWS_LOOKED_AT = 100


def check_files(made: Draft, written: Mapping[Path, str], faults: Faults) -> None:
    """Note files that are missing or do not hold what the stage wants.

    Of parquet the first rows are looked at; other formats must be read to know their columns. Of hub datasets only the
    existence is checked.

    Args:
        made: The stage.
        written: Absolute path → the stage of this recipe that writes it.
        faults: Where faults are noted.
    """
    for role, given in made.inputs.items():
        for source in given.sources:
            if reference_in(source) is None and not _is_unfilled(source):
                _check_source(made, role, source, given=given, written=written, faults=faults)
    for source in made.files_in_options:
        # What a folder has to hold, the step knows that asks for it.
        if reference_in(source) is None and not _is_unfilled(source) and not _is_folder(source):
            _check_exists(made.place, source, faults, made.step.mend_of_file(source))


def _is_folder(source: str) -> bool:
    return not is_hub(source) and Path(source).expanduser().is_dir()


def _is_unfilled(text: str) -> bool:
    """Whether a setting is missing there, which was said already."""
    return "${" in text


def _check_source(
    made: Draft, role: str, source: str, *, given: FileInput, written: Mapping[Path, str], faults: Faults
) -> None:
    place = f"{made.place}: {role}"
    if (maker := written.get(Path(source).expanduser().absolute())) is not None:
        faults.add(place, f"{source} is what stage '{maker}' writes; say \"stage:{maker}\".")
    elif is_hub(source):
        _check_exists(place, source, faults)
    else:
        try:
            given.adopt(_head(source), made.wanted[role], source)
        except PairforgeError as error:
            faults.add(place, in_recipe_terms(str(error)))


def _check_exists(place: str, source: str, faults: Faults, mend: str = "") -> None:
    if Path(source).expanduser().is_dir():
        return  # Its layout may be the step's own, no folder of shards.
    try:
        source_exists(source)
    except PairforgeError as error:
        faults.add(place, in_recipe_terms(f"{error} {mend}".rstrip()))


def _head(source: str) -> pl.DataFrame:
    return open_frames([source]).slice(0, _ROWS_LOOKED_AT)


def check_models(made: Draft, faults: Faults) -> None:
    """Note models that cannot be had: neither here nor, where the hub may be used, from there."""
    for name, role in made.step.models.items():
        if not made.valid or not role.needed(made.options):
            continue
        default = (request_type(role.kind)(name=role.default),) if role.default else ()
        for request in made.models.get(name, default):
            if reference_in(request.name) is None and not _is_unfilled(request.name):
                _check_model(f"{made.place}: {role.flag}", request, role.kind, faults)


def _check_model(place: str, request: AnyRequest, kind: ModelKind, faults: Faults) -> None:
    from pairforge.generator_files import find_model  # noqa: PLC0415 - not every recipe names a model

    try:
        find_model(request, kind)
    except PairforgeError as error:
        faults.add(place, in_recipe_terms(str(error)))
