"""What is refused of a comparison before anything is trained, by its names, outputs and tasks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pairforge.errors import FileError, OptionsError, StageError
from pairforge.evaluation.tasks import files_of
from pairforge.execution.inputs import refuse_output_among_sources
from pairforge.files import digest_path, digest_source
from pairforge.option_faults import nearest_names
from pairforge.pipeline.compare_options import CompareOptions
from pairforge.pipeline.compare_results import read_comparison
from pairforge.pipeline.comparison import Contest
from pairforge.pipeline.entrants import Entrant
from pairforge.pipeline.verdict import UNTRAINED


def check_entrants(entrants: Sequence[Entrant], options: CompareOptions) -> None:
    """See that there is something to compare.

    Raises:
        OptionsError: there are too few corpora or too many, or a name means nothing.
    """
    names = [entrant.name for entrant in entrants]
    if not names or (len(names) == 1 and not options.learning_curve and not options.leave_one_out):
        raise OptionsError(
            f"there {'is one corpus' if names else 'are no corpora'}, but a comparison needs two. Name another, or ask "
            "for learning_curve or leave_one_out."
        )
    if options.leave_one_out and len(names) > 1:
        raise OptionsError(f"leave_one_out takes one mix apart, but {len(names)} corpora are given. Name one.")
    if UNTRAINED in names:
        raise OptionsError(f"a corpus is called {UNTRAINED}, as the student before training is. Name it OTHER=FILE.")
    if options.baseline is not None and options.baseline not in names:
        raise OptionsError(f"baseline='{options.baseline}' is no corpus; {nearest_names(options.baseline, names)}.")
    for name in options.losses:
        if name not in names:
            raise OptionsError(f"loss_of: '{name}' is no corpus; {nearest_names(name, names)}.")


def check_outputs(outputs: Sequence[Path], sources: Sequence[str], *, overwrite: bool) -> None:
    """See that results can be written without loss.

    Args:
        outputs: The results as JSON, as Markdown, and a plot if there is one.
        sources: What is read.
        overwrite: Whether files of other making may be replaced.

    Raises:
        OptionsError: the results would be no JSON.
        StageError: an output is what is read, or no comparison made it.
    """
    results, page = outputs[:2]
    if results.suffix != ".json":
        raise OptionsError(f"{results}: results are written as JSON. Give it the ending .json.")
    refuse_output_among_sources(sources, [], outputs)
    if overwrite or not (results.exists() or page.exists()):
        return
    try:
        read_comparison(results)
    except FileError:
        raise StageError(
            f"{results}: it or {page.name} exists, and no comparison made it. Name another place with -o, or replace "
            "it with --overwrite."
        ) from None


def check_tasks(contest: Contest, options: CompareOptions) -> None:
    """Read every task, and see that dev is none of them under another name.

    Raises:
        FileError, FrameError: a task cannot be read.
        OptionsError: dev is reported as well.
    """
    for task in contest.tasks:
        contest.read(task)
    if options.dev is None:
        return
    of_dev = _contents(options.dev, options, contest.cache)
    for task in options.task:
        if of_dev and of_dev == _contents(task, options, contest.cache):
            raise OptionsError(
                f"{options.dev}: holds the same as {task}: rates chosen by it would flatter every corpus. Choose them "
                "by another file."
            )


def _contents(task: str, options: CompareOptions, cache: Path) -> list[str]:
    """The digests of what a task is read from; none of a task that is read by its name."""
    found = []
    for source in files_of(task, options.data_by_task):
        folder = Path(source).expanduser()
        found.append(digest_path(folder, cache=cache) if folder.is_dir() else digest_source(source, cache=cache))
    return found
