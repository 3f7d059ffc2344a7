from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairforge.steps.generation.languages import language_of, most_telling, other_language, script_of

ENGLISH = "The treatment of this disease is not the same for all people, and it may be long."


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("German", "Die Behandlung der Krankheit ist nicht für alle gleich, und sie kann lange dauern."),
        ("French", "Le traitement de la maladie ne convient pas à tous et il peut être long pour les patients."),
        ("Spanish", "El tratamiento de la enfermedad no es igual para todos y puede ser muy largo."),
        (
            "Italian",
            "La cura della malattia non è la stessa per tutti e può essere lunga anche nella vita di ogni giorno.",
        ),
        ("Portuguese", "O tratamento da doença não é igual para todos e pode ser muito longo."),
        ("Dutch", "De behandeling van de ziekte is niet voor iedereen gelijk en kan lang duren."),
        ("Russian", "Лечение этой болезни не для всех одинаково, и оно может быть долгим, как и при других."),
        (None, "这种疾病的治疗并非对所有人都一样"),
        (None, "इस रोग का उपचार सभी के लिए एक जैसा नहीं है"),
    ],
)
def test_another_language_is_seen(language: str | None, text: str) -> None:
    assert language_of(text) == language
    assert other_language(text, ENGLISH)
    assert other_language(ENGLISH, text)
    assert not other_language(text, text)


@pytest.mark.parametrize(
    "text", ["", "42", "Zink?", "Aspirin, Ibuprofen, Paracetamol", "Cleidocranial dysplasia occurs rarely"]
)
def test_what_is_not_sure_differs_from_nothing(text: str) -> None:
    assert language_of(text) is None
    assert not other_language(text, ENGLISH)
    assert not other_language(ENGLISH, text)


def test_a_name_in_another_script_does_not_make_another_language() -> None:
    assert script_of("The city of Москва is the capital of this country.") == "LATIN"
    assert script_of("北京市朝阳区 Beijing") is None


def test_a_short_text_is_helped_by_the_one_beside_it() -> None:
    assert most_telling("Zink", ENGLISH) == f"Zink\n{ENGLISH}"
    assert most_telling(ENGLISH, "Zink") == ENGLISH


@given(st.text(), st.text())
def test_no_text_fails_and_none_differs_from_itself(one: str, other: str) -> None:
    other_language(one, other)
    assert not other_language(one, one)
