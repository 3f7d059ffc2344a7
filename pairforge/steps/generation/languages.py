"""Whether two texts are of different languages, as far as that is sure without a model.

Letters of another script are a sure sign. Within Latin or Cyrillic letters the little words are: each language below is
known by those that it uses all the time. What is not sure is not said: a text of few words, a language that is not
listed, or words of two languages mixed differ from nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_LETTERS = 6
_WORDS = 6
_DISTINCT = 3
_SHARE = 0.15
_LEAD = 2.0
_WORD = re.compile(r"[^\W\d_]+")
_ONE_SCRIPT = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}

_LITTLE_WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "English": """
            the of and to in is that it was for on are with as be at by this have from or an which not but they his
            her you their has were been can if than these may will there people your also more who what when some
            he she we him my our its do does did had would could should how where about into if out up there
        """,
        "German": """
            der die das und ist von den mit dem ein eine zu im nicht sich auf für des auch es als werden wird einer
            bei sind oder an aus nach wie durch kann einen über haben hat zum zur um am dass sie er nur wenn man
        """,
        "French": """
            le la les de des et est un une du en que qui dans pour pas sur au par plus avec ce sont il elle se ne
            aux ou cette être ces son ses leur mais nous vous ont peut comme été fait chez d l qu
        """,
        "Spanish": """
            el la los las de del y es un una en que por con para se no su al lo como más pero sus le o este son
            entre cuando muy sin sobre también puede ser ha fue está esta hay pueden desde
        """,
        "Italian": """
            il lo la i gli le di del della che è e un una in per con non si da al dei delle nel alla sono più come
            anche o ma questo può essere ha suo dal tra degli nella viene stato
        """,
        "Portuguese": """
            o a os as de do da dos das e é um uma em que por com para não se no na mais como ao ou mas pode ser são
            seu sua pelo pela também foi está há entre quando muito nas nos
        """,
        "Dutch": """
            de het een en van is in op te dat die voor met niet zijn aan er ook als bij door naar om worden wordt
            uit kan of maar heeft deze over nog dan meer wel geen hun werd was
        """,
        "Swedish": """
            och att det i en är som på av för med den till inte ett om har de kan från eller vid han hon var så men
            sig när man efter vara under också där mycket
        """,
        "Danish or Norwegian": """
            og i det at en er som på av til for med den de ikke et har kan fra eller ved han hun var så men seg sig
            når man etter efter være også der hvor blir bliver af om
        """,
        "Polish": """
            i w na z do się nie że jest to o po jak za od przez dla oraz są co ale może być jego które który która
            tym także tylko ich lub przed
        """,
        "Czech": """
            a v se na je že to s z o do i pro jako nebo jsou které který která při ale není by být může také jeho po
            tak od ve k už
        """,
        "Turkish": """
            ve bir bu da de için ile olan olarak çok daha en gibi kadar sonra ya ne var değil veya her ise olur
            tarafından o ancak göre
        """,
        "Finnish": """
            ja on ei se että hän oli ovat joka myös tai kun mutta sen niin kuin jos voi sekä ole hänen tämä jotka
            kanssa olla
        """,
        "Indonesian": """
            yang dan di dari untuk pada dengan adalah ini itu tidak dalam atau oleh ke sebagai akan dapat juga
            karena bisa lebih telah ada mereka
        """,
        "Vietnamese": """
            là và của có không được cho các một những trong với này người để khi đã về như từ thể cũng đến hoặc bị
        """,
        "Russian": """
            и в не на что с по как это он но его к из у за от для о же так или если также быть может был которые
            который при она их бы
        """,
        "Ukrainian": """
            і в не на що з у та як це до за від для або його але є також при які який може бути був вони її й про
        """,
    }.items()
}


_SCRIPTS = dict.fromkeys(_LITTLE_WORDS, "LATIN") | dict.fromkeys(("Russian", "Ukrainian"), "CYRILLIC")


@lru_cache(maxsize=256)
def script_of(text: str) -> str | None:
    """The script of most of a text's letters, as Unicode names it ("LATIN", "CYRILLIC"); None where letters are few."""
    letters = Counter(_script(letter) for letter in text if letter.isalpha())
    script, number = letters.most_common(1)[0] if letters else ("", 0)
    return script if number >= _LETTERS and number >= 0.6 * letters.total() else None


@dataclass(frozen=True)
class LittleWords:
    """How many words of a text are among the little words of each language.

    Args:
        words: Words in the text.
        hits: By language, how many of them are little words of it.
        distinct: By language, how many different ones of two letters at least.
    """

    words: int
    hits: Mapping[str, int]
    distinct: Mapping[str, int]

    @property
    def best(self) -> str | None:
        """The language with the most of them, if they are enough to speak for one."""
        language = max(self.hits, key=lambda name: self.hits[name])
        enough = self.words >= _WORDS and self.hits[language] >= _SHARE * self.words
        return language if enough and self.distinct[language] >= _DISTINCT else None

    @property
    def language(self) -> str | None:
        """The best one, if no other comes near."""
        second = sorted(self.hits.values())[-2]
        return self.best if self.best and self.hits[self.best] >= _LEAD * second else None

    def speaks_against(self, language: str) -> bool:
        """Whether another language has far more of them than this one, so that it is not this one."""
        return self.best is not None and self.hits[self.best] >= _LEAD * self.hits[language]


@lru_cache(maxsize=256)
def little_words(text: str) -> LittleWords:
    """The little words of a text."""
    words = _WORD.findall(text.lower())
    found = {language: [word for word in words if word in little] for language, little in _LITTLE_WORDS.items()}
    return LittleWords(
        words=len(words),
        hits={language: len(hits) for language, hits in found.items()},
        distinct={language: len({word for word in hits if len(word) > 1}) for language, hits in found.items()},
    )


def language_of(text: str) -> str | None:
    """The language whose little words a text has by far the most of; None where that is not sure."""
    return little_words(text).language


def other_language(text: str, like: str) -> bool:
    """Whether a text is surely not of the language of another.

    Args:
        text: What was written.
        like: A text of the wanted language.
    """
    scripts = script_of(text), script_of(like)
    if None not in scripts and scripts[0] != scripts[1]:
        return True
    language = language_of(like)
    return language is not None and little_words(text).speaks_against(language)


def surely_not(text: str, language: str) -> bool:
    """Whether a text is surely not of a language, by its English name; of one without a list nothing is sure."""
    name = next((name for name in _LITTLE_WORDS if language.strip().casefold() in name.casefold().split(" or ")), None)
    return name is not None and (
        little_words(text).speaks_against(name) or script_of(text) not in (None, _SCRIPTS[name])
    )


def most_telling(text: str, beside: str) -> str:
    """The text itself where it tells its language, else with the text that stands beside it."""
    return text if language_of(text) else f"{text}\n{beside}"


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    name = unicodedata.name(letter, "").partition(" ")[0]
    return _ONE_SCRIPT.get(name, name)
