"""Everything that can go wrong in a way a user can mend.

PairforgeError
├── FileError            a file cannot be found, read or written
├── FrameError           a corpus does not hold what its contract asks for
├── OptionsError         an option is unknown, out of bounds or at odds with another
├── ModelError           a model cannot be found, loaded or used for this
├── StageError           a stage cannot run, or ran and kept nothing
├── RecipeError          a recipe is wrong; its message lists every fault found
├── MissingExtraError    an optional dependency is not installed
└── Stopped              the user pressed Ctrl-C; the message says how to go on

Every message is one sentence that names the place, what was wanted, what was found and the mend.
"""

from __future__ import annotations

EXIT_FAILED = 1
EXIT_USAGE = 2


class PairforgeError(Exception):
    """Base of all errors that pairforge raises on purpose."""

    exit_code = EXIT_FAILED


class FileError(PairforgeError):
    """A file cannot be found, read or written."""


class FrameError(PairforgeError):
    """A corpus does not hold what its contract asks for."""


class OptionsError(PairforgeError):
    """An option is unknown, out of bounds or at odds with another.

    Options that are made in Python (`MineNegativesOptions(num_negatives=0)`) raise it too, in place of pydantic's
    ValidationError of several lines. It is no ValueError: pydantic would take one out of a validator for its own.
    """

    exit_code = EXIT_USAGE


class ModelError(PairforgeError):
    """A model cannot be found, loaded or used for this."""


class StageError(PairforgeError):
    """A stage cannot run, or ran and kept nothing."""


class RecipeError(PairforgeError):
    """A recipe is wrong; the message lists every fault found."""


class Stopped(PairforgeError):  # noqa: N818 - not a fault: the user asked for it
    """The user pressed Ctrl-C; the message says how to go on."""


class MissingExtraError(PairforgeError):
    """An optional dependency is not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs: pip install 'pairforge[{extra}]'")
        self.extra = extra
