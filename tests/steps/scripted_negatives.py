"""Negatives as a model might write them for real pairs: good ones and bad ones, each known for what it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import polars as pl

PLAN = {
    "copy of the anchor": 25, "copy of the positive": 25, "copy of a sibling": 25, "near copy": 25,
    "another language": 50, "ten times too long": 50, "unrelated: of another science": 25,
    "unrelated: of another disease": 25,
    "good: answers a neighbouring question": 75,
    "good: statements turned round": 40,
    "good: the same words of another disease": 35,
}  # fmt: skip
"""How many there are of each sort, 400 in all."""

_FOREIGN = (
    """Die Behandlung richtet sich nach dem Stadium der Erkrankung und wird mit dem Arzt besprochen. Viele Menschen
    haben zunächst keine Beschwerden, so dass die Krankheit erst spät erkannt wird. {focus} ist nicht ansteckend.""",
    """Le traitement dépend du stade de la maladie et il est décidé avec le médecin. Beaucoup de patients n'ont pas de
    symptômes au début, ce qui retarde le diagnostic. {focus} ne se transmet pas d'une personne à une autre.""",
    """El tratamiento depende de la etapa de la enfermedad y se decide con el médico. Muchas personas no tienen
    síntomas al principio, por lo que el diagnóstico llega tarde. {focus} no se contagia de una persona a otra.""",
    """Лечение зависит от стадии болезни и обсуждается с врачом. Многие люди сначала не замечают никаких признаков,
    поэтому диагноз часто ставят поздно. {focus} не передаётся от человека к человеку и не опасна для других.""",
    """治疗方法取决于疾病的阶段，并由医生与患者共同决定。许多人起初没有任何症状，因此往往很晚才得到诊断。
    这种疾病不会在人与人之间传播，也不会影响日常生活，患者可以照常工作和学习。{focus}。""",
)
_OTHERWISE = (
    ("increase", "decrease"), ("common", "rare"), ("rare", "very common"), ("children", "older adults"),
    ("can be", "can never be"), ("is caused by", "is not caused by"), ("is a", "is not a"), ("are", "are not"),
    ("may", "may not"), ("inherited", "acquired"), ("is", "is never"), ("can", "cannot"),
)  # fmt: skip


@dataclass(frozen=True)
class Scripted:
    """Pairs, what a model writes for each, and what that is.

    Args:
        pairs: anchor and positive; the first rows are asked about, those after them are siblings.
        sorts: By anchor, which sort of the plan its negative is.
        texts: By anchor, the negative.
    """

    pairs: pl.DataFrame
    sorts: Mapping[str, str]
    texts: Mapping[str, str]

    def reply(self, prompt: str) -> str:
        """The answer to a prompt of generate-negatives."""
        anchor = re.search(r"Query:\n(`+)\n(.*?)\n\1\n", prompt, re.DOTALL)
        assert anchor is not None
        return json.dumps({"negatives": [{"kind": "same-topic-wrong-fact", "text": self.texts[anchor[2]]}]})

    def table(self, refused: Sequence[str]) -> str:
        """How many of each sort were refused, line by line."""
        lines = []
        for sort in dict.fromkeys(self.sorts.values()):
            anchors = [anchor for anchor, of in self.sorts.items() if of == sort]
            lines.append(f"{sort:<40} {sum(anchor in refused for anchor in anchors):>3} of {len(anchors):>3} refused")
        return "\n".join(lines)


def scripted(medquad: pl.DataFrame, unrelated: Sequence[str], share: int = 1) -> Scripted:
    """Negatives for pairs of MedQuAD, by the plan; with a share above 1 only that part of each sort."""
    rows = _rows(medquad)
    sorts = [sort for sort, number in PLAN.items() for _ in range(number // share)]
    chosen = list(islice(rows, len(sorts)))
    others = cycle(unrelated)
    write = _writers(lambda: next(others), chosen)
    texts = {
        row["anchor"]: write[sort](place, row) for place, (row, sort) in enumerate(zip(chosen, sorts, strict=True))
    }
    siblings = [row["anchor"] for row in chosen], [row["sibling"] for row in chosen]
    pairs = pl.DataFrame(
        {
            "anchor": [*texts, *siblings[0]],
            "positive": [*(row["positive"] for row in chosen), *siblings[1]],
        }
    )
    return Scripted(pairs, dict(zip(texts, sorts, strict=True)), texts)


def _rows(medquad: pl.DataFrame) -> Iterator[dict[str, str]]:
    """Pairs of subjects with several questions: anchor, positive, a sibling, an answer to a neighbouring question."""
    fitting = medquad.filter(pl.col("answer").str.len_chars().is_between(250, 1100)).unique(
        "question", keep="first", maintain_order=True
    )
    subjects = fitting.group_by("focus", maintain_order=True).agg("question", "answer")
    for focus, questions, answers in subjects.filter(pl.col("answer").list.len() >= 3).iter_rows():
        yield {
            "focus": focus,
            "anchor": questions[0],
            "positive": answers[0],
            "neighbour": answers[1],
            "sibling": answers[2],
            "longer": " ".join(answers),
        }


def _writers(
    unrelated: Callable[[], str], rows: Sequence[dict[str, str]]
) -> Mapping[str, Callable[[int, dict[str, str]], str]]:
    def other(place: int) -> dict[str, str]:
        return rows[(place + 100) % len(rows)]

    def long_text(place: int, row: dict[str, str]) -> str:
        text = " ".join(rows[(place + shift) % len(rows)]["longer"] for shift in range(1, 30))
        return text[: 10 * len(row["positive"])]

    return {
        "copy of the anchor": lambda place, row: _copy(place, row["anchor"]),
        "copy of the positive": lambda place, row: _copy(place, row["positive"]),
        "copy of a sibling": lambda place, row: row["sibling"],
        "near copy": lambda place, row: _near_copy(place, row["positive"] if place % 2 else row["sibling"]),
        "another language": lambda place, row: _FOREIGN[place % len(_FOREIGN)].format(focus=row["focus"]),
        "ten times too long": long_text,
        "unrelated: of another science": lambda place, row: unrelated()[: len(row["positive"])],
        "unrelated: of another disease": lambda place, row: other(place)["longer"][: len(row["positive"])],
        "good: answers a neighbouring question": lambda place, row: row["neighbour"],
        "good: statements turned round": lambda place, row: _otherwise(row["positive"]),
        "good: the same words of another disease": lambda place, row: _renamed(row, other(place)["focus"]),
    }


def _copy(place: int, text: str) -> str:
    return (text, text.upper(), f"{text.rstrip('?.')}!")[place % 3]


def _renamed(row: dict[str, str], focus: str) -> str:
    text = re.sub(re.escape(row["focus"].partition(" (")[0]), focus, row["positive"], flags=re.IGNORECASE)
    return text if text != row["positive"] else f"In {focus}: {text}"


def _near_copy(place: int, text: str) -> str:
    words = text.split()
    edits = (
        lambda: " ".join(word for number, word in enumerate(words) if number % 20 != 7),
        lambda: " ".join([*words[len(words) // 3 :], *words[: len(words) // 3]]),
        lambda: "In short, this is what is known: " + text,
        lambda: text.replace("the ", "teh ").replace(",", ";"),
    )
    return edits[place // 2 % len(edits)]()


def _otherwise(text: str) -> str:
    """The same text, in which half of the statements are turned round."""
    for said, otherwise in _OTHERWISE:
        text = re.sub(rf"\b{said}\b(?! n)", otherwise, text, count=2)
    return text
