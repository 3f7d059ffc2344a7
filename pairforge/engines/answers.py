"""What language models answered: each question asked once of each model, for all commands.

One sqlite file a model identity. An answer is kept the moment it comes, so that a run that was killed asks again only
what was under way; several processes may use one file.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pairforge.errors import FileError
from pairforge.generators import Answer, Ask, NoReply, Reply, Schema, TextGenerator
from pairforge.progress import Progress, silent

_SECONDS_TO_WAIT = 60.0
_TABLE = """
create table if not exists answers (
    key text primary key, text text not null, whole integer not null,
    prompt_tokens integer not null, output_tokens integer not null
) without rowid
"""


class AnswerStore:
    """The answers of every language model to every question that any command has asked.

    Args:
        folder: Where they are kept; made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def answers(
        self, generator: TextGenerator, asks: Sequence[Ask], schema: Schema | None, progress: Progress = silent
    ) -> list[Answer]:
        """An answer to each question, in order; what was never answered is asked first, each question once.

        Raises:
            ModelError: the model cannot be asked any more; what it answered until then is kept.
            FileError: the store cannot be read or written.
        """
        keys = [ask.key(schema) for ask in asks]
        by_key = dict(zip(keys, asks, strict=True))
        with self._opened(generator.spec.identity) as kept:
            found: dict[str, Answer] = dict(kept.known(by_key))
            missing = [key for key in by_key if key not in found]
            if missing:
                found |= _asked(generator, {key: by_key[key] for key in missing}, schema, kept, progress)
        return [found[key] for key in keys]

    @contextmanager
    def _opened(self, identity: str) -> Iterator[_Kept]:
        file = self._folder / f"{identity[:32]}.sqlite"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(file, timeout=_SECONDS_TO_WAIT, isolation_level=None)) as connection:
                # An answer that a power cut takes is asked again; a kill takes none.
                connection.execute("pragma journal_mode = wal")
                connection.execute("pragma synchronous = off")
                connection.execute(_TABLE)
                yield _Kept(connection)
        except (sqlite3.Error, OSError) as error:
            raise FileError(
                f"{file}: answers cannot be kept there ({error}). Check its permissions and the disk, or name another "
                "cache with --cache-dir."
            ) from error


@dataclass(frozen=True)
class _Kept:
    connection: sqlite3.Connection

    def known(self, keys: Mapping[str, Ask]) -> Iterator[tuple[str, Reply]]:
        """Those of the keys that have an answer, with it."""
        asked = "select text, whole, prompt_tokens, output_tokens from answers where key = ?"
        for key in keys:
            for text, whole, prompt_tokens, output_tokens in self.connection.execute(asked, (key,)):
                yield key, Reply(text, bool(whole), prompt_tokens, output_tokens)

    def keep(self, key: str, reply: Reply) -> None:
        row = (key, reply.text, reply.whole, reply.prompt_tokens, reply.output_tokens)
        self.connection.execute("insert or replace into answers values (?, ?, ?, ?, ?)", row)


@dataclass
class _Rate:
    """Tokens a second and failures, as the progress shows them."""

    started: float = field(default_factory=time.monotonic)
    tokens: int = 0
    failures: int = 0

    def add(self, answer: Answer) -> str:
        if isinstance(answer, Reply):
            self.tokens += answer.output_tokens
        else:
            self.failures += 1
        speed = self.tokens / max(time.monotonic() - self.started, 1e-9)
        failed = f", {self.failures:,} without an answer" if self.failures else ""
        return f"{speed:,.0f} tokens/s{failed}"


def _asked(
    generator: TextGenerator, asks: Mapping[str, Ask], schema: Schema | None, kept: _Kept, progress: Progress
) -> dict[str, Answer]:
    keys, rate = list(asks), _Rate()
    found: dict[str, Answer] = {}
    with progress(f"asking {generator.spec.name}", len(keys), "questions") as advance:
        for place, answer in generator.answers([asks[key] for key in keys], schema):
            if isinstance(answer, Reply):
                kept.keep(keys[place], answer)
            found[keys[place]] = answer
            advance(1, rate.add(answer))
    return {key: found.get(key, NoReply("the model gave no answer")) for key in keys}
