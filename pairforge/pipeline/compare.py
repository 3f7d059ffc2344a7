"""Which corpus is better? The same student trained on each, at equal steps, judged, ranked with intervals.

A composite: it checks all it can before anything is trained, runs what recipes it is given, trains and judges by
`comparison`, and writes JSON, Markdown and a plot.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pairforge.cache import cache_folder
from pairforge.engines.plots import check_plots
from pairforge.evaluation.options import TaskOptions, task_files
from pairforge.files import atomic_path, write_json
from pairforge.pipeline.compare_checks import check_entrants, check_outputs, check_tasks
from pairforge.pipeline.compare_options import CompareOptions
from pairforge.pipeline.compare_plot import draw
from pairforge.pipeline.compare_results import Comparison
from pairforge.pipeline.comparison import DEV, Contest, Contestant, hold
from pairforge.pipeline.entrants import Entrant, Part, Sources, entrants_in, mixes, samples, whole
from pairforge.pipeline.fairness import check_fits, rows_shared, warnings
from pairforge.pipeline.runner import Intent, StagePlan, StageReport, plan, run
from pairforge.pipeline.students import usual_rates
from pairforge.pipeline.verdict import UNTRAINED, Verdict
from pairforge.progress import Progress, silent

_OUTPUT = Path("comparison.json")


@dataclass(frozen=True)
class PlannedComparison:
    """A comparison that was checked and may run.

    Args:
        entrants: The corpora, and recipes that make some.
        contest: What they share.
        options: What was asked for.
        output: Where the results go; Markdown beside it.
        work: Where samples of corpora and trials are kept.
        plot: Where the plot goes; None for none.
    """

    entrants: tuple[Entrant, ...]
    contest: Contest
    options: CompareOptions
    output: Path
    work: Path
    plot: Path | None

    @property
    def baseline(self) -> str:
        """The corpus that all others are compared with."""
        return self.options.baseline or self.entrants[0].name

    @property
    def page(self) -> Path:
        """Where the results go as Markdown."""
        return self.output.with_suffix(".md")

    @property
    def is_made(self) -> bool:
        """Whether no recipe has anything left to do, so that all corpora can be read."""
        return all(stage.intent is Intent.UP_TO_DATE for stage in self.recipe_plans())

    def recipe_plans(self) -> list[StagePlan]:
        """What the recipes would do."""
        return [stage for entrant in self.entrants if entrant.recipe for stage in plan(entrant.recipe)]

    def trainings(self) -> tuple[int, int]:
        """How many students will be made, and how many of them are there already; all corpora must be there.

        Raises:
            FileError, FrameError, OptionsError: a corpus cannot be read or does not fit.
        """
        with tempfile.TemporaryDirectory(prefix="pairforge-compare-") as folder:
            contestants = _contestants(_parts(self, Path(folder)), self.options)
            done = sum(map(self.contest.trials_done, contestants))
            return sum(map(self.contest.trials_of, contestants)), done


def compare(
    corpora: Sources,
    *,
    options: CompareOptions,
    output: str | Path = _OUTPUT,
    work: str | Path | None = None,
    plot: str | Path | None = None,
    settings: Sequence[str] = (),
    overwrite: bool = False,
) -> Comparison:
    """Train the same student on each corpus, judge it, and say which corpus is best and what is beyond noise.

    Every corpus gets the same number of steps of the same batch size, over seeds, at the learning rate that does best
    on dev with a seed that is not reported. Differences come with intervals over seeds and items, paired. Trials that
    were made before, for whatever comparison in this work folder, are not made again.

    Args:
        corpora: Files or recipes, each by itself or as `NAME=FILE`; or name → file. Of a recipe the corpus of its last
            train stage is compared, and only the stages that lead to it are run.
        options: How they are compared.
        output: Where the results go as JSON; as Markdown beside it.
        work: Where trials are kept; `comparison.trials` for `comparison.json` if not given.
        plot: Where an SVG goes; none is drawn if not given.
        settings: `setting=value` or `stage.key=value` for the recipes.
        overwrite: Whether output files of other making may be replaced.

    Raises:
        OptionsError: there is nothing to compare, or an option is at odds with another.
        FileError, FrameError, ModelError, RecipeError: something that was named cannot be had or is not what is wanted.
        StageError: a stage of a recipe failed, or an output may not be replaced.
        MissingExtraError: a plot is asked for, and matplotlib is not installed.
    """
    planned = plan_comparison(
        corpora, options=options, output=output, work=work, plot=plot, settings=settings, overwrite=overwrite
    )
    return run_comparison(planned)


def plan_comparison(
    corpora: Sources,
    *,
    options: CompareOptions,
    output: str | Path = _OUTPUT,
    work: str | Path | None = None,
    plot: str | Path | None = None,
    settings: Sequence[str] = (),
    cache: Path | None = None,
    overwrite: bool = False,
) -> PlannedComparison:
    """Check everything that can be checked before anything is trained.

    Arguments and errors as those of `compare`.
    """
    entrants = entrants_in(corpora, settings)
    check_entrants(entrants, options)
    written = Path(output).expanduser()
    planned = PlannedComparison(
        entrants=tuple(entrants),
        contest=_contest(options, Path(work or written.with_suffix(".trials")).expanduser(), cache or cache_folder()),
        options=options,
        output=written,
        work=Path(work or written.with_suffix(".trials")).expanduser(),
        plot=None if plot is None else Path(plot).expanduser(),
    )
    outputs = [planned.output, planned.page, *([] if planned.plot is None else [planned.plot])]
    check_outputs(outputs, [*(entrant.source for entrant in entrants), *task_files(options)], overwrite=overwrite)
    check_tasks(planned.contest, options)
    if planned.plot is not None:
        check_plots(planned.plot)
    if not any(entrant.recipe for entrant in entrants):
        with tempfile.TemporaryDirectory(prefix="pairforge-compare-") as folder:
            parts = _parts(planned, Path(folder))
            check_fits(parts, with_losses(planned.contest, parts, options), options.steps)
    return planned


def run_comparison(
    planned: PlannedComparison,
    *,
    progress: Progress = silent,
    say: Callable[[str], None] = lambda sentence: None,
    after: Callable[[StageReport], None] = lambda report: None,
) -> Comparison:
    """Run the recipes, train and judge the students that are not there yet, and write what came of it.

    Args:
        planned: What is compared.
        progress: Shows how far the work is.
        say: Told what flatters a corpus before students are trained on it.
        after: Called with what came of each stage of a recipe.

    Raises:
        PairforgeError: a stage failed, or a student cannot be trained on a corpus.
    """
    contest = planned.contest
    for entrant in planned.entrants:
        if entrant.recipe is not None:
            run(entrant.recipe, cache=contest.cache, progress=progress, say=say, after=after)
    parts = _parts(planned, planned.work / "corpora")
    contest = with_losses(contest, parts, planned.options)
    losses = check_fits(parts, contest, planned.options.steps)
    contestants = _contestants(parts, planned.options)
    shared = rows_shared(parts, contest.texts(contestants[0]))
    for sentence in warnings(parts, shared):
        say(sentence)
    tried = hold(contestants, contest, progress=progress)
    found = Verdict(parts, tried, contest, planned.options, planned.baseline, losses, shared).comparison()
    _write(found, planned)
    return found


def _write(found: Comparison, planned: PlannedComparison) -> None:
    planned.output.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(planned.page) as page:
        page.write_text(found.markdown(), encoding="utf-8")
    if planned.plot is not None:
        draw(found, planned.plot)
    write_json(found.to_json(), planned.output)


def _contest(options: CompareOptions, work: Path, cache: Path) -> Contest:
    shared = {name: getattr(options, name) for name in TaskOptions.model_fields}
    dev = {} if options.dev is None else {DEV: options.dev}
    usual = usual_rates(options.student)  # Refuses a student that is no encoder, whatever the rates.
    return Contest(
        student=options.student,
        tasks={**dev, **{task: task for task in options.task}},
        judging=TaskOptions(**{**shared, "task": options.tasks_read}),
        rates=options.rate or ((None,) if options.dev is None else usual),
        seeds=options.seeds,
        batch_size=options.batch_size,
        loss=options.loss,
        folder=work,
        cache=cache,
        reported=options.task,
    )


def with_losses(contest: Contest, parts: Sequence[Part], options: CompareOptions) -> Contest:
    """The contest in which each corpus, and whatever is a part of it, learns what was asked for it."""
    asked = {part.name: options.losses.get(part.part_of or part.name) for part in parts}
    return replace(contest, losses={name: loss for name, loss in asked.items() if loss is not None})


def _parts(planned: PlannedComparison, folder: Path) -> list[Part]:
    """What students are trained on: the corpora, or their samples, or the mix with and without each source."""
    options, found = planned.options, [whole(entrant, folder) for entrant in planned.entrants]
    if options.learning_curve:
        return [
            part for one in found for part in samples(one, options.learning_curve, seed=options.seed, folder=folder)
        ]
    return mixes(found[0], options.leave_one_out, folder) if options.leave_one_out else found


def _contestants(parts: Sequence[Part], options: CompareOptions) -> list[Contestant]:
    untrained = Contestant(UNTRAINED, parts[0].place, 0, 0)
    trained = [Contestant(part.name, part.place, part.corpus.height, options.steps) for part in parts]
    return [untrained, *trained]
