"""What is known of a stage before it runs: its files and models, what decides its output, and whether that is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pairforge.errors import StageError
from pairforge.execution.inputs import FileInput, given_inputs, refuse_output_among_sources
from pairforge.execution.manifest import Manifest, manifest_path, read_manifest
from pairforge.execution.origin import Origin, trace
from pairforge.execution.outputs import output_paths
from pairforge.execution.step import Outputs, Step, StepOptions
from pairforge.files import digest_path
from pairforge.generator_files import find_model
from pairforge.generators import AnyRequest, FoundModel, request_type


@dataclass(frozen=True)
class Stage:
    """One step with its options, the files and models it gets, and where its outputs go.

    Args:
        step: What is run.
        options: Its options.
        inputs: Input role → files; optional ones may be left out.
        models: Model role → models asked for; the role's default where it is left out.
        outputs: Output name → path; defaults beside the first input, and for further outputs beside the main one.

    Raises:
        OptionsError: the options mean nothing to the models, or those cannot do what the step needs.
    """

    step: Step
    options: StepOptions
    inputs: Mapping[str, FileInput] = field(default_factory=dict)
    models: Mapping[str, tuple[AnyRequest, ...]] = field(default_factory=dict)
    outputs: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.step.check_models(self.options, self.models)


@dataclass(frozen=True)
class Freshness:
    """Whether a stage has nothing to do.

    Args:
        up_to_date: Its outputs are there, as its manifest says, made from the same inputs, options and models.
        reasons: Why not, one phrase each, as "option num_negatives 3 → 5".
        unaccounted: Existing outputs that no run of a stage made as they are: of other making, or edited since.
    """

    up_to_date: bool
    reasons: tuple[str, ...] = ()
    unaccounted: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Case:
    """A stage with all that was looked up for it.

    Args:
        stage: What is to be run.
        inputs: The inputs that were given.
        outputs: What the step gives with these options.
        paths: Output name → path, the main one first.
        specs: Model role → models found, of the roles that these options need.
        origin: What decides the outputs.
        made: The manifest that lies beside the main output.
        changes: How the origin differs from that manifest's.
        existing: The outputs that are there, by name; an empty folder is nothing.
        edited: Those of them that are not as a manifest says.
    """

    stage: Stage
    inputs: Mapping[str, FileInput]
    outputs: Outputs
    paths: Mapping[str, Path]
    specs: Mapping[str, tuple[FoundModel, ...]]
    origin: Origin
    made: Manifest | None
    changes: tuple[str, ...]
    existing: Mapping[str, Path]
    edited: Mapping[str, Path]

    @property
    def main(self) -> Path:
        """The path of the main output."""
        return next(iter(self.paths.values()))

    @property
    def freshness(self) -> Freshness:
        """Whether there is anything to do."""
        fault = "was edited" if self.made else "has no manifest that says what made it"
        reasons = (
            *self.changes,
            *(f"output {path} is missing" for name, path in self.paths.items() if name not in self.existing),
            *(f"output {path} {fault}" for path in self.edited.values()),
        )
        return Freshness(not reasons, reasons, tuple(self.edited.values()))


def look_up(stage: Stage, cache: Path) -> Case:
    """Digest, find and compare all that decides whether a stage has anything to do.

    Raises:
        FileError: an input cannot be found.
        ModelError: a model cannot be found.
        StageError: the stage cannot run as it is given.
    """
    inputs = given_inputs(stage.step, stage.inputs)
    paths = output_paths(stage.step, stage.options, inputs, stage.outputs)
    specs = _find_models(stage, cache)
    sources = [source for given in inputs.values() for source in given.sources]
    model_folders = [spec.path for found in specs.values() for spec in found if spec.path is not None]
    named = stage.step.files_in_options(stage.options)
    refuse_output_among_sources([*sources, *named], model_folders, paths.values())
    origin = trace(stage.step, stage.options, inputs, specs, cache)
    made = read_manifest(manifest_path(next(iter(paths.values()))))
    existing = {name: path for name, path in paths.items() if _is_something(path)}
    return Case(
        stage=stage,
        inputs=inputs,
        outputs=stage.step.outputs(stage.options),
        paths=paths,
        specs=specs,
        origin=origin,
        made=made,
        changes=origin.differences(made.origin) if made and made.fingerprint != origin.fingerprint else (),
        existing=existing,
        edited={name: path for name, path in existing.items() if not _is_as_made(name, path, made, cache)},
    )


def _is_as_made(name: str, path: Path, made: Manifest | None, cache: Path) -> bool:
    if made is None or name not in made.outputs:
        return False
    return digest_path(path, cache=cache) == made.outputs[name].digest


def _is_something(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _find_models(stage: Stage, cache: Path) -> dict[str, tuple[FoundModel, ...]]:
    found = {}
    for name, role in stage.step.models.items():
        if not role.needed(stage.options):
            continue
        default = (request_type(role.kind)(name=role.default),) if role.default else ()
        requests = stage.models.get(name) or default
        if not requests and role.optional:
            continue
        if not requests:
            raise StageError(f"{stage.step.name}: needs a model ({role.help.rstrip('.')}). Name it with --{role.flag}.")
        found[name] = tuple(find_model(request, role.kind, cache=cache) for request in requests)
    return found
