"""The options of `augment`: those of the stages it chains that users set, and its own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from pairforge.errors import OptionsError
from pairforge.execution.step import SeededOptions
from pairforge.models import DEFAULT_ENCODER
from pairforge.pipeline.students import FRESH_STATIC
from pairforge.steps.gold_agreement import Calibration
from pairforge.steps.propose_pairs import MaxPairs, TopK, Way
from pairforge.steps.sample_silver import NumSilver, Spread
from pairforge.training.options import LossName

_File = Annotated[str | None, Field(min_length=1)]
_ColumnName = Annotated[str | None, Field(min_length=1)]


class AugmentOptions(SeededOptions):
    """Options of augment."""

    teacher: Annotated[
        str, Field(min_length=1, description="Encoder or cross-encoder that the teacher is fine-tuned from.")
    ] = DEFAULT_ENCODER
    teacher_ready: Annotated[
        str | None, Field(min_length=1, description="A cross-encoder that scores pairs already; none is trained.")
    ] = None
    restarts: Annotated[int, Field(ge=1, description="Trainings of the teacher, of which the best on dev is kept.")] = 3
    teacher_epochs: Annotated[
        float | None,
        Field(gt=0, description="Times the teacher goes through gold; if not given, as often as makes about 250 "
                                "batches, from 3 to 10."),
    ] = None  # fmt: skip
    teacher_batch_size: Annotated[int, Field(ge=1, description="Gold pairs in a batch of the teacher's.")] = 16
    teacher_learning_rate: Annotated[float, Field(gt=0, description="The teacher's peak learning rate.")] = 5e-5
    dev: Annotated[
        str,
        Field(min_length=1, description="What the teacher is chosen and judged by: a share of gold, which is held out "
                                        "of all that follows, or a file of scored pairs."),
    ] = "0.15"  # fmt: skip
    min_teacher_score: Annotated[
        float,
        Field(ge=-1, le=1, description="Rank correlation with dev below which the teacher is held too weak to help; 1 "
                                       "is the best that ties in dev allow."),
    ] = 0.5  # fmt: skip
    accept_weak_teacher: Annotated[bool, Field(description="Go on with a teacher below that.")] = False
    candidates: Way = "bm25"
    given: Annotated[_File, Field(description="File of the candidates, with --candidates given.")] = None
    encoder: Annotated[
        str, Field(min_length=1, description="Finds sentences that are close, for semantic candidates.")
    ] = DEFAULT_ENCODER
    top_k: TopK = 4
    max_pairs: MaxPairs = None
    cross_domain: Annotated[
        bool,
        Field(description="Gold is of another domain than the texts: only texts are paired, and gold is left out of "
                          "the output."),
    ] = False  # fmt: skip
    calibrate: Annotated[
        Calibration,
        Field(description="Fit the teacher's scores to dev's, so that a silver score means what a gold one does: by a "
                          "slope and an offset (platt), any non-decreasing function (isotonic), or one number "
                          "(temperature)."),
    ] = "platt"  # fmt: skip
    sample: Spread = "all"
    num_silver: NumSilver = None
    verify: Annotated[
        tuple[str, ...],
        Field(description="Scored pairs by which students trained on gold and on silver are then compared."),
    ] = ()
    true: Annotated[
        _File,
        Field(description="Scored pairs with the truth about silver pairs, as far as it is known, to compare; given "
                          "candidates that are scored need none."),
    ] = None  # fmt: skip
    student: Annotated[
        str,
        Field(min_length=1, description="What is trained to compare: static, a fresh one of 512 dimensions with random "
                                        "weights, or a model."),
    ] = FRESH_STATIC  # fmt: skip
    student_loss: Annotated[LossName, Field(description="What students learn.")] = "cosine-similarity"
    student_batch_size: Annotated[int, Field(ge=1, description="Pairs in a batch of a student's.")] = 64
    student_steps: Annotated[
        int | None,
        Field(ge=1, description="Batches each student is trained on; if not given one epoch of gold and silver, and "
                                "300 at least."),
    ] = None  # fmt: skip
    student_seeds: Annotated[int, Field(ge=2, description="Students trained on each corpus.")] = 5
    student_rates: Annotated[
        tuple[float, ...],
        Field(description="Learning rates tried on dev for each corpus; three that are usual for the student if not "
                          "given."),
    ] = ()  # fmt: skip
    sentence1_column: Annotated[_ColumnName, Field(description="The files' column of first sentences.")] = None
    sentence2_column: Annotated[_ColumnName, Field(description="The files' column of second sentences.")] = None
    score_column: Annotated[_ColumnName, Field(description="The files' column of scores.")] = None
    score_scale: Annotated[
        float | None, Field(gt=0, description="Score that means 'the same'; 5 is guessed for scores above 1, up to 5.")
    ] = None

    @property
    def dev_share(self) -> float | None:
        """The share of gold that is held out; None where dev is a file."""
        try:
            return float(self.dev)
        except ValueError:
            return None

    @property
    def files(self) -> tuple[str, ...]:
        """The files that are named."""
        named = (self.given, self.true, None if self.dev_share else self.dev, *self.verify)
        return tuple(name for name in named if name is not None)

    @field_validator("dev")
    @classmethod
    def _a_share_or_a_file(cls, dev: str) -> str:
        try:
            share = float(dev)
        except ValueError:
            return dev
        if not 0 < share < 1:
            raise ValueError(f"a share lies between 0 and 1, but it is {dev}")
        return dev

    @field_validator("student_rates")
    @classmethod
    def _above_zero(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if any(rate <= 0 for rate in rates):
            raise ValueError("a learning rate is above 0")
        return rates

    @model_validator(mode="after")
    def _go_together(self) -> AugmentOptions:
        if (self.candidates == "given") != (self.given is not None):
            if self.given is None:
                raise OptionsError("candidates='given' needs the file of them. Name it: given=FILE.")
            raise OptionsError(
                f"given='{self.given}' is for candidates='given', not candidates='{self.candidates}'. Change one."
            )
        if self.candidates == "given" and self.top_k != type(self).model_fields["top_k"].default:
            raise OptionsError("top_k is of pairs that are found, but with candidates='given' none are. Leave it out.")
        if "semantic" not in self.candidates and self.encoder != DEFAULT_ENCODER:
            raise OptionsError(
                f"encoder='{self.encoder}' finds semantic pairs, but candidates='{self.candidates}'. Leave it out."
            )
        if self.true is not None and not self.verify:
            raise OptionsError(
                f"true='{self.true}' is for comparing students, and nothing to judge them by is given: verify=FILE."
            )
        if self.teacher_ready is not None and self.teacher != DEFAULT_ENCODER:
            raise OptionsError(
                f"teacher='{self.teacher}' is to be trained, and teacher_ready is trained already. Give one of them."
            )
        return self
