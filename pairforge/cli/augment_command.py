"""`pairforge augment`: parse, call, render."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import typer

from pairforge.cache import cache_folder
from pairforge.cli.help import Command
from pairforge.cli.parameters import field_parameter, parameter, told_in_flags, validated
from pairforge.cli.quiet import environment
from pairforge.cli.render import print_json, say, show_outcome, show_plan, table
from pairforge.pipeline.augment import (
    Augmentation,
    plan_augmentation,
    run_augmentation,
    teacher_score,
    verify_augmentation,
)
from pairforge.pipeline.augment_options import AugmentOptions
from pairforge.pipeline.augment_verify import Verification
from pairforge.pipeline.registry import AUGMENT_SUMMARY
from pairforge.pipeline.runner import StageReport, plan
from pairforge.progress import terminal

_TEACHER, _SILVER, _COMPARING, _READING, _RUNNING = (
    "Teacher", "Silver pairs", "Comparing students (with --verify)", "Reading the input", "Running",
)  # fmt: skip
_PANELS: Mapping[str, tuple[str, ...]] = {
    _TEACHER: (
        "teacher", "teacher_ready", "restarts", "teacher_epochs", "teacher_batch_size", "teacher_learning_rate", "dev",
        "min_teacher_score", "accept_weak_teacher",
    ),
    _SILVER: (
        "candidates", "given", "encoder", "top_k", "max_pairs", "cross_domain", "calibrate", "sample", "num_silver",
        "seed",
    ),
    _COMPARING: (
        "verify", "true", "student", "student_loss", "student_batch_size", "student_steps", "student_seeds",
        "student_rates",
    ),
    _READING: ("sentence1_column", "sentence2_column", "score_column", "score_scale"),
}  # fmt: skip


def augment_command() -> Command:
    """The command, with a flag for each option of `AugmentOptions`."""

    def run(**values: Any) -> None:
        _run(values)

    run.__signature__ = inspect.Signature(_parameters())  # type: ignore[attr-defined]
    made = typer.Typer(add_completion=False, rich_markup_mode=None)
    made.command("augment", cls=Command, help=AUGMENT_SUMMARY)(run)
    return typer.main.get_command(made)  # type: ignore[return-value]


def _parameters() -> list[inspect.Parameter]:
    gold = typer.Option(..., "--gold", help="Scored or labelled pairs, or NLI rows.", metavar="FILE")
    texts = typer.Option(None, "--texts", help="Texts or pairs of texts: more sentences to pair.", metavar="FILE")
    fields = AugmentOptions.model_fields
    options = [field_parameter(name, fields[name], panel) for panel, names in _PANELS.items() for name in names]
    shown: Mapping[str, tuple[str, Any, str, str]] = {
        "output": ("-o --output", None, "Where the corpus goes; gold.augmented.parquet beside gold.parquet if not "
                   "given.", "PATH"),
        "work": ("--work", None, "Folder of what the stages make; gold.augment beside the output if not given.",
                 "FOLDER"),
        "dry_run": ("--dry-run", False, "Show what would run, and what is up to date or why not.", ""),
        "overwrite": ("--overwrite", False, "Replace an output that was made from something else.", ""),
        "cache_dir": ("--cache-dir", None, "Folder of vectors and digests that all commands share.", "FOLDER"),
        "json": ("--json", False, "Print what was done as one JSON object on stdout.", ""),
        "debug": ("--debug", False, "Show tracebacks and what other libraries say.", ""),
    }  # fmt: skip
    running = [_running(name, *told) for name, told in shown.items()]
    return [parameter("gold", gold, str), parameter("texts", texts, list[str]), *options, *running]


def _running(name: str, flags: str, default: Any, text: str, metavar: str) -> inspect.Parameter:
    info = typer.Option(
        default, *flags.split(), help=text, metavar=metavar, show_default=False, rich_help_panel=_RUNNING
    )
    return parameter(name, info, str if default is None else bool)


def _run(values: Mapping[str, Any]) -> None:
    given = {name: values[name] for name in AugmentOptions.model_fields if values[name] is not None}
    options = validated(AugmentOptions, given, {})
    cache = values["cache_dir"]
    kept = environment({"PAIRFORGE_CACHE": str(Path(cache).expanduser())}) if cache else nullcontext()
    with kept, told_in_flags(AugmentOptions):
        planned = plan_augmentation(
            values["gold"],
            values["texts"] or (),
            output=Path(values["output"]) if values["output"] else None,
            work=Path(values["work"]).expanduser() if values["work"] else None,
            options=options,
        )
        if values["dry_run"]:
            show_plan(plan(planned.recipe))
        else:
            _augment(planned, overwrite=values["overwrite"], json=values["json"])


def _augment(planned: Augmentation, *, overwrite: bool, json: bool) -> None:
    stages = {stage.name: stage.stage for stage in planned.recipe.stages}

    def show(report: StageReport) -> None:
        if not json:
            show_outcome(stages[report.name], report.outcome, called=report.name)

    reports = run_augmentation(planned, overwrite=overwrite, progress=terminal, after=show)
    verified = verify_augmentation(planned, cache=cache_folder(), progress=terminal) if planned.options.verify else None
    if json:
        print_json(
            {
                "output": str(planned.output),
                "teacher_score": round(teacher_score(planned), 6),
                "stages": [report.to_json() for report in reports],
                **({} if verified is None else {"verification": verified.model_dump(mode="json")}),
            }
        )
        return
    _show_end(planned, verified)


def _show_end(planned: Augmentation, verified: Verification | None) -> None:
    if verified is not None:
        say(f"\nA student ({verified.student}) trained on each, Spearman of its similarities:")
        table(verified.table())
        for finding in verified.findings:
            say(finding)
    say(f"\nThe teacher's rank correlation on dev is {teacher_score(planned):.3f}.")
    say(f"{planned.output} holds the augmented corpus, {planned.recipe.output} what led to it.")
