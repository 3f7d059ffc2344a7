from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.stage import FileInput, Stage, run_stage
from pairforge.execution.step import StepContext
from pairforge.steps.add_noise import STEP, AddNoiseOptions, TreebankWords, add_noise, damaged_rows

TEXTS = pl.DataFrame(
    {"text": ["The cat sat on the mat, didn't it?", "A dog's bone cost $5.50.", "Rain"], "id": [7, 8, 9]}
)

LONG = pl.DataFrame({"text": [" ".join(f"word{place}" for place in range(60))]})


class RecordingWords(TreebankWords):
    """Remembers what was joined."""

    def __init__(self) -> None:
        super().__init__()
        self.joined: list[list[str]] = []

    def join(self, words: Sequence[str]) -> str:
        self.joined.append(list(words))
        return super().join(words)


class SlowWords(TreebankWords):
    """Gives up on one text."""

    def split(self, text: str) -> list[str]:
        if text == "slow":
            raise TimeoutError
        return super().split(text)


def damaged(texts: Sequence[str], **options: object) -> list[str]:
    made = add_noise(pl.DataFrame({"text": texts}), options=AddNoiseOptions.model_validate(options))
    return made["damaged"].to_list()


def stsb_sentences(folder: Path) -> pl.DataFrame:
    """All distinct sentences of STSb, in order."""
    sets = [pl.read_parquet(folder / f"stsb/{name}.parquet") for name in ("train", "dev", "test")]
    sides = [pl.col(side).alias("text") for side in ("sentence1", "sentence2")]
    return pl.concat([one.select(side) for one in sets for side in sides]).unique(maintain_order=True)


def test_a_damaged_text_stands_before_its_original_and_other_columns_travel() -> None:
    made = add_noise(TEXTS)
    assert made.columns == ["damaged", "original", "id"]
    assert made["original"].to_list() == TEXTS["text"].to_list()
    assert made["id"].to_list() == [7, 8, 9]
    assert all(len(text) < len(whole) for text, whole in zip(made["damaged"][:2], TEXTS["text"][:2], strict=True))


@pytest.mark.parametrize("noise", ["delete", "mask", "swap", "shuffle"])
def test_a_text_of_one_word_or_none_stays_as_it_is(noise: str) -> None:
    assert damaged(["", "  \n", "Rain", " rain "], noise=(noise,)) == ["", "  \n", "Rain", "rain"]


def test_what_is_left_is_joined_as_text_is_written() -> None:
    assert damaged(TEXTS["text"].to_list(), deletion_ratio=0) == TEXTS["text"].to_list()


def test_noises_are_done_in_the_order_given() -> None:
    text = [" ".join("abcdefghij")] * 50
    masked_first = damaged(text, noise=("mask", "delete"))
    assert any("[MASK]" in one and len(one.split()) < 9 for one in masked_first)
    deleted_first = damaged(text, noise=("delete", "mask"), mask_token="<m>", mask_ratio=1)
    assert all(one.split().count("<m>") == len(one.split()) - 1 for one in deleted_first)
    assert damaged(text, noise=("shuffle",)) != damaged(text, noise=("shuffle", "shuffle"))


def test_copies_stand_together_differ_and_do_not_change_the_first() -> None:
    once = add_noise(TEXTS)
    made = add_noise(TEXTS, options=AddNoiseOptions(copies=3))
    assert made["id"].to_list() == [7, 7, 7, 8, 8, 8, 9, 9, 9]
    assert made[::3].equals(once)
    assert len(set(add_noise(LONG, options=AddNoiseOptions(copies=20))["damaged"])) == 20


def test_the_seed_decides() -> None:
    assert add_noise(TEXTS).equals(add_noise(TEXTS))
    assert not add_noise(TEXTS).equals(add_noise(TEXTS, options=AddNoiseOptions(seed=43)))


def test_options_without_effect_are_refused() -> None:
    with pytest.raises(
        OptionsError, match=r"mask_token needs noise='mask', but there is only noise='delete', noise='swap'"
    ):
        AddNoiseOptions(noise=("delete", "swap"), mask_token="<mask>")
    with pytest.raises(OptionsError, match=r"deletion_ratio needs noise='delete'"):
        AddNoiseOptions(noise=("shuffle",), deletion_ratio=0.3)


def test_a_column_in_the_way_is_named() -> None:
    with pytest.raises(FrameError, match="its column 'original' bears the name of a column that the step writes"):
        add_noise(TEXTS.rename({"id": "original"}))


def test_a_text_that_nltk_gives_up_on_is_named_by_its_row() -> None:
    rows = pl.DataFrame({"text": ["a", "b", "slow", "c"]})
    with pytest.raises(FrameError, match=r"texts: the text of row 1,003 keeps .* Shorten or remove it"):
        damaged_rows(rows, first_row=1_000, prepared=SlowWords(), options=AddNoiseOptions(), context=StepContext())


def test_a_text_of_a_megabyte_is_damaged() -> None:
    made = damaged(["the cat sat. " * 80_000], deletion_ratio=0.5)
    assert 0.49 < len(made[0]) / 1_040_000 < 0.51


@pytest.mark.parametrize(
    ("every", "number", "near"), [(10, 1_546, 0.01), pytest.param(1, 15_457, 0.005, marks=pytest.mark.model)]
)
def test_kept_words_of_real_sentences_are_nltk_s_and_four_in_ten(
    shared_data: Path, every: int, number: int, near: float
) -> None:
    from nltk.tokenize import NLTKWordTokenizer
    from nltk.tokenize.treebank import TreebankWordDetokenizer

    texts, words = stsb_sentences(shared_data).gather_every(every), RecordingWords()
    made = damaged_rows(texts, first_row=0, prepared=words, options=AddNoiseOptions(), context=StepContext())
    tokenize, join = NLTKWordTokenizer().tokenize, TreebankWordDetokenizer().detokenize
    kept = total = 0
    for text, damage, left in zip(texts["text"], made["damaged"], words.joined, strict=True):
        all_words = tokenize(text)
        rest = iter(all_words)
        assert all(word in rest for word in left)
        assert damage == join(left)
        kept, total = kept + len(left), total + len(all_words)
    assert len(words.joined) == number
    assert kept / total == pytest.approx(0.4, abs=near)


@pytest.mark.model
def test_parts_of_one_row_seven_and_a_thousand_give_the_same_bytes_on_real_sentences(
    shared_data: Path, tmp_path: Path
) -> None:
    stsb_sentences(shared_data).write_parquet(tmp_path / "texts.parquet")
    source = FileInput((str(tmp_path / "texts.parquet"),))
    made = []
    for part_rows in (1, 7, 1_000):
        out = tmp_path / f"{part_rows}.parquet"
        stage = Stage(STEP, AddNoiseOptions(copies=2), {"texts": source}, outputs={"corpus": out})
        assert run_stage(stage, cache=tmp_path / "cache", part_rows=part_rows).rows_out == {"corpus": 30_914}
        made.append(out.read_bytes())
    assert made[0] == made[1] == made[2]
