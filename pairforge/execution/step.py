"""What a step is: a plain function from frames to a frame, and a record of what it takes and gives.

The record is all that the command line, recipes, the docs table and the registry test know of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pairforge.cache import cache_folder
from pairforge.errors import OptionsError
from pairforge.execution.ledger import Ledger
from pairforge.frames import FrameContract
from pairforge.generator_engines import INSTRUCTED, Engine
from pairforge.generators import AnyRequest, GeneratorRequest
from pairforge.models import DEFAULT_ENCODER, ModelKind
from pairforge.option_faults import fault_sentences
from pairforge.progress import Progress, silent

if TYPE_CHECKING:
    from pairforge.execution.origin import Origin

_ROWS_PREVIEWED = 3

Requests = Mapping[str, Sequence[AnyRequest]]
"""Model role → the models asked for."""

NO_REQUESTS: Requests = MappingProxyType({})


class StepOptions(BaseModel):
    """Base of every step's options: each option's name, default, bounds and help stand once, here.

    Raises:
        OptionsError: a value is wrong, or at odds with another; all that is wrong, in one line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            faults = "; ".join(sentence.rstrip(".") for sentence in fault_sentences(error, type(self)))
            raise OptionsError(f"{type(self).__name__}: {faults}.") from None

    # Without it `model_validate`, by which commands and recipes learn what is wrong value by value, would come by here.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


class SeededOptions(StepOptions):
    """Options of a step that draws at random."""

    seed: Annotated[int, Field(ge=0, lt=2**32, description="Seed of every random draw.")] = 42


@dataclass(frozen=True)
class StepContext:
    """What the house lends a step while it runs.

    Args:
        cache: Folder of the caches that all commands share.
        ledger: Where the step counts what it dropped and saw.
        progress: Where it shows how far it is.
        say: Where it tells something before it works (what the work will cost).
        workspace: A folder of the stage's own that survives a kill and goes when the stage is done;
            None outside a stage.
        origin: What decides the stage's output: files by digest, models, options; None outside a stage.
        output: Where the stage's main output will lie; None outside a stage.
    """

    cache: Path = field(default_factory=cache_folder)
    ledger: Ledger = field(default_factory=Ledger)
    progress: Progress = silent
    say: Callable[[str], None] = lambda sentence: None
    workspace: Path | None = None
    origin: Origin | None = None
    output: Path | None = None


@dataclass(frozen=True)
class Input:
    """One role among a step's input files.

    Args:
        help: What it is, for `--help` and the docs.
        shapes: The contracts it may meet, the most specific first.
        required: Whether the step needs it.
        many: Whether several files may be given, read as one.
        apart: Whether each of them is read by itself, so that they may be of different shapes; the step then gets a
            list of frames.
        shapes_for: Which of the shapes these options want; all of them if not given.
    """

    help: str
    shapes: tuple[FrameContract, ...]
    required: bool = True
    many: bool = False
    apart: bool = False
    shapes_for: Callable[[Any], tuple[FrameContract, ...]] | None = None

    def narrowed(self, options: StepOptions) -> Input:
        """The same input, wanting only the shapes that these options want."""
        return self if self.shapes_for is None else replace(self, shapes=self.shapes_for(options))


def _always(options: Any) -> bool:
    return True


@dataclass(frozen=True)
class ModelRole:
    """One role among a step's models.

    Args:
        help: What it does, for `--help` and the docs.
        kind: How the step uses it.
        flag: Its name on the command line (`--flag`) and in recipes.
        default: The model taken when none is named; None where one must be named.
        many: Whether several may be given (the command line takes them as arguments).
        needed: Whether these options use it at all; one that is not needed is neither resolved nor loaded.
        optional: Whether the step does without it where none is named; it is then None.
        engines: The engines whose language models may take it, where it is one.
    """

    help: str
    kind: ModelKind
    flag: str = "model"
    default: str | None = DEFAULT_ENCODER
    many: bool = False
    needed: Callable[[Any], bool] = _always
    optional: bool = False
    engines: tuple[Engine, ...] = INSTRUCTED

    @property
    def must_be_named(self) -> bool:
        """Whether no options do without it, and nothing stands in for it."""
        return self.default is None and self.needed is _always and not self.optional


@dataclass(frozen=True)
class Artifact:
    """An output that is no frame: a model folder or a report.

    Args:
        suffix: Ending of its default path, with the dot (".model", ".json").
        folder: Whether it is a folder.
        model: Whether it is a model that a later stage may use by `stage:NAME`.
    """

    suffix: str
    folder: bool = False
    model: bool = False


Output = FrameContract | Artifact
Outputs = Mapping[str, Output]
StepResult = pl.DataFrame | Path | Mapping[str, pl.DataFrame | Path]


@dataclass(frozen=True)
class RowWise:
    """How a step whose rows are independent is cut into parts.

    Args:
        role: The input whose rows are cut.
        prepare: Called once, as `prepare(**inputs, **models, options=…, context=…)`, for what all parts share
            (an index, closed positives, vectors). Must not depend on how the parts are cut. None where they share
            nothing.
        run: Called for each part, as `run(rows, first_row=…, prepared=…, options=…, context=…)`; `first_row` is the
            ordinal of the part's first row in the whole input, from 0.
        streamed: Whether the parts share nothing of the input that is cut: `prepare` is then called without it, and
            each part's rows are read when it is worked on, so that the input may be larger than memory.
    """

    role: str
    prepare: Callable[..., Any] | None
    run: Callable[..., pl.DataFrame]
    streamed: bool = False


@dataclass(frozen=True)
class Step:
    """A corpus builder, trainer or evaluator, as a record; never subclassed.

    Args:
        name: The command's and the recipe's name; the module's and function's with underscores.
        run: The plain function, called as `run(**inputs, **models, options=…, context=…)`. Frames arrive checked,
            optional inputs that were not given as None. It returns a frame (or a path that it wrote in
            `context.workspace`) for a step of one output, or a mapping by output name.
        options: Its options model.
        inputs: Input role → what it may hold; the first is the command's positional argument.
        outputs: Output name → contract or artifact, as these options make them; the first is the main one.
        models: Model role (the function's parameter) → how it is used.
        row_wise: How it is cut into parts, if its rows are independent.
        suffix: What the default output adds to the input's name (`pairs.parquet` → `pairs.SUFFIX.parquet`), or how
            these options decide it; the step's name if empty.
        files_in_options: Files that these options name; their contents count for being up to date.
        mend_of_file: What else to say, in a sentence, where such a file cannot be found; empty if nothing.
        preview: Called as `preview(**inputs, options=…, models=…)` with the first rows of the first input and the
            models asked for, for what the step would ask a language model of them; None for a step that asks none. So
            is seen what is wrong with a prompt or with its examples before a model is loaded.
        refuse: Called as `refuse(options, models)` with the models asked for, before anything is read; raises
            OptionsError where these options mean nothing to such models.
        version: Raised when the output would change for the same input and options.
    """

    name: str
    run: Callable[..., StepResult]
    options: type[StepOptions]
    inputs: Mapping[str, Input]
    outputs: Callable[[Any], Outputs]
    models: Mapping[str, ModelRole] = field(default_factory=dict)
    row_wise: RowWise | None = None
    suffix: str | Callable[[Any], str] = ""
    files_in_options: Callable[[Any], Sequence[str]] = lambda options: ()
    mend_of_file: Callable[[str], str] = lambda source: ""
    preview: Callable[..., Sequence[str]] | None = None
    refuse: Callable[[Any, Requests], None] = lambda options, models: None
    version: int = 1

    def __post_init__(self) -> None:
        names = [*self.inputs, *(role.flag for role in self.models.values()), *self.options.model_fields]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise TypeError(f"step {self.name} uses {', '.join(twice)} for two things")

    def check_models(self, options: StepOptions, models: Requests) -> None:
        """See that these models can do what these options want of them, by what was asked for alone.

        Raises:
            OptionsError: a language model follows no instructions but has to, or an option means nothing to it.
        """
        for name, role in self.models.items():
            for request in models.get(name, ()):
                if isinstance(request, GeneratorRequest) and request.engine not in role.engines:
                    request.refuse_without_instructions(self.name)
        self.refuse(options, models)

    def inputs_for(self, options: StepOptions) -> dict[str, Input]:
        """The inputs as these options want them."""
        return {role: wanted.narrowed(options) for role, wanted in self.inputs.items()}

    def streams(self, role: str) -> bool:
        """Whether slices of this input are read when a part is worked on, instead of all of it before."""
        return self.row_wise is not None and self.row_wise.streamed and self.row_wise.role == role

    def previewed(
        self, options: StepOptions, inputs: Mapping[str, Any], models: Requests = NO_REQUESTS
    ) -> Sequence[str]:
        """What it would ask these models about the first rows of these inputs; nothing if it asks no language model."""
        if self.preview is None:
            return ()
        main = next(iter(self.inputs))
        first = inputs[main].slice(0, _ROWS_PREVIEWED)
        return self.preview(**{**inputs, main: first}, options=options, models=models)

    def suffix_of(self, options: StepOptions) -> str:
        """What the default output adds to the input's name with these options."""
        return (self.suffix(options) if callable(self.suffix) else self.suffix) or self.name
