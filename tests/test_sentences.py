from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairforge.sentences import line_spans, sentence_spans, word_spans


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in word_spans(text)]


@pytest.mark.parametrize(
    "text",
    [
        "One went. | Two came! | Three? | Four",
        # Titles, initials, firms and months.
        "Dr. Smith met Mr. J. P. Morgan. | Both were late.",
        "Acme Inc. Ltd. sold it on Jan. 5. | It rained.",
        "See St. Mary's and Prof. Ito's house. | Then go.",
        # Glosses, dotted words, and those that may end a sentence.
        "Use tools, e.g. a saw, i.e. steel, cf. Kant vs. Hume et al. here. | Stop.",
        "He came at 5 p.m. | The talk was long. | He left at 6 p.m. and slept.",
        "The U.S. Army hires Ph.D. students, etc. | They stay.",
        # Numbers.
        "It grew by 3.5 percent to $1.2 million. | In 1998. | The end.",
        "No. 5 is alive, see Fig. 3, Eq. A and p. 7. | No. | That is it.",
        "1. First come the nuts. | 2) Then the bolts.",
        # Ellipses.
        "Wait... what? | He said ... nothing. | And then... | Silence. | He . . . went.",
        "It ends… | Or does it… not?",
        # Quotes and brackets.
        '"Really?" he asked. | "Yes!" she said. | "No." | They left.',
        "He went (see above.) | Then he came [as told]. | “Go.” | ‘Now!’ | Fine.",
        "Il a dit : « Bonjour ! » | Puis il partit. | »Schön.« | Er kam.",
        "It was shown.[1] | It was not.[2,3] | So what?!",
        # German.
        "Am 3. Oktober fuhr er z.B. nach Bonn, vgl. Abb. 2. | Dort blieb er bzw. schlief.",
        # Chinese, Japanese, Hindi, Arabic; wide stops need no blank.
        "这是第一句。 | 这是第二句！ | 他说：“你好。” | 第三句？ | 价格是3.5元.",
        "「はい。」と彼は言った。 | 次の文です！！ | 値は３．５です．",
        "यह पहला वाक्य है। | यह दूसरा है।",
        "هل هذا صحيح؟ | نعم.",
        # Tokenised and lower-case texts; a small letter goes on only where sentences begin with a capital.
        "a study of flow . | the results , see naca report no. 5 , are good . | mach number .5 was seen ? | yes .",
        "by r. t. jones and n. a. c. a. staff . | done .",
        "It is approx. five. | It is unk. five.",
        # A list that was put in one line.
        "You may have: - pain. | - fever. | - cough.",
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str) -> None:
    joined = text.replace(" | ", " ")
    assert sentences(joined) == text.split(" | ")


def test_wide_stops_need_no_blank() -> None:
    assert sentences("第一句。第二句！第三句") == ["第一句。", "第二句！", "第三句"]


def test_empty_lines_and_list_items_end_a_sentence_but_a_wrapped_line_does_not() -> None:
    text = "A heading\n\nIt is\nwrapped. Yes\n- one\n- two. Three\n1. four\n \nfive"
    found = ["A heading", "It is\nwrapped.", "Yes", "- one", "- two.", "Three", "1. four", "five"]
    assert sentences(text) == found


@pytest.mark.parametrize("text", ["", "  \n ", "\u3000"])
def test_a_text_of_white_space_has_no_sentence_no_line_and_no_word(text: str) -> None:
    assert sentence_spans(text) == line_spans(text) == word_spans(text) == []


def test_lines_are_taken_as_they_stand() -> None:
    text = " one. two \n\n\tthree\r\n"
    assert [text[start:end] for start, end in line_spans(text)] == ["one. two", "three"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A well-known - fact, it's 3.5%!", ["A", "well-known", "fact,", "it's", "3.5%!"]),
        ("我爱 NLP。", ["我", "爱", "NLP。"]),
        ("ひらカナ漢", ["ひ", "ら", "カ", "ナ", "漢"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("... -- 😀", []),
    ],
)
def test_words_stand_between_blanks_or_are_characters_of_a_script_without_them(text: str, found: list[str]) -> None:
    assert words(text) == found


_PIECES = [*"aB1 .!?…\n\"'”“»)(-。」とกี", "no", "Dr", "e.g."]
TEXTS = st.lists(st.sampled_from(_PIECES), max_size=60).map("".join)


@given(st.one_of(st.text(max_size=80), TEXTS))
def test_spans_are_in_order_and_lose_nothing_but_white_space(text: str) -> None:
    for spans in (sentence_spans(text), line_spans(text)):
        pieces = [text[start:end] for start, end in spans]
        assert all(piece == piece.strip() != "" for piece in pieces)
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))
        assert "".join("".join(pieces).split()) == "".join(text.split())


@given(TEXTS)
def test_words_hold_every_letter_and_digit(text: str) -> None:
    assert [c for word in words(text) for c in word if c.isalnum()] == [c for c in text if c.isalnum()]


@pytest.mark.parametrize(
    "unit", ["word ", "A sentence. ", ". ", ".", "\n", "\n ", '" ', "。", "(", "- ", "e.g. ", "a.", "?"]
)
def test_a_long_text_of_anything_is_split_in_linear_time(unit: str) -> None:
    text = unit * (2**18 // len(unit))
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())
    assert len(word_spans(text)) <= len(text)
