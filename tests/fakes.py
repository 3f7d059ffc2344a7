"""Small stand-ins for models: their answers are written in the test that uses them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pairforge.generators import Answer, Ask, GeneratorRequest, GeneratorSpec, NoReply, Reply, Schema
from pairforge.models import Floats, ModelKind, ModelRequest, ModelSpec, Side, TextPair


class TableEncoder:
    """An encoder that looks its vectors up.

    Args:
        vectors: Text → vector; each is divided by its length unless `raw`.
        prompts: What each side adds to a text before it is encoded (only `side_key` shows it).
        batch_size: Texts in a batch that is planned for it.
        raw: Whether vectors are given as written.
    """

    def __init__(
        self,
        vectors: Mapping[str, Sequence[float]],
        *,
        prompts: Mapping[Side, str] | None = None,
        batch_size: int = 32,
        raw: bool = False,
    ) -> None:
        self.vectors = {text: np.asarray(vector, dtype=np.float32) for text, vector in vectors.items()}
        if not raw:
            self.vectors = {text: vector / (np.linalg.norm(vector) or 1) for text, vector in self.vectors.items()}
        self.prompts = prompts or {}
        self.encoded: list[str] = []
        self.batches: list[list[str]] = []
        told = json.dumps([[text, vector.tolist()] for text, vector in self.vectors.items()])
        self.spec = ModelSpec(
            request=ModelRequest(name="table", batch_size=batch_size),
            kind=ModelKind.ENCODER,
            digest=hashlib.sha256(told.encode()).hexdigest(),
        )

    @property
    def dimension(self) -> int:
        return len(next(iter(self.vectors.values())))

    def side_key(self, side: Side) -> str:
        return self.prompts.get(side, "")

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        return np.array([len(text) for text in texts], dtype=np.int64)

    def encode(self, texts: Sequence[str], side: Side) -> Floats:
        self.encoded.extend(texts)
        self.batches.append(list(texts))
        return np.stack([self.vectors[text] for text in texts])


class LetterEncoder(TableEncoder):
    """An encoder for any text: it counts letters, so that texts with like letters lie close.

    Args:
        dimension: Numbers in one vector; letters share them when there are fewer than letters.
        batch_size: Texts in a batch that is planned for it.
    """

    def __init__(self, dimension: int = 32, *, batch_size: int = 32) -> None:
        super().__init__({f"letters {dimension}": np.ones(dimension).tolist()}, batch_size=batch_size)

    def encode(self, texts: Sequence[str], side: Side) -> Floats:
        self.encoded.extend(texts)
        self.batches.append(list(texts))
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for letter in text:
                vectors[row, ord(letter) % self.dimension] += 1
        return vectors


class OverlapScorer:
    """A cross-encoder for any texts: the share of the first text's words that the second has, as a logit of -4 to 4.

    Args:
        labels: The names of its outputs.
        positive: The output that has the logit; the others give 0.
        activation: What the outputs are meant to go through.
        batch_size: Pairs in a batch that is planned for it.
        scale: What the logits are multiplied with; it tells one such model from another.
    """

    def __init__(
        self,
        labels: Sequence[str] = ("LABEL_0",),
        *,
        positive: int = 0,
        activation: str = "Sigmoid",
        batch_size: int = 32,
        scale: float = 1.0,
    ) -> None:
        self.labels = tuple(labels)
        self.positive = positive
        self.activation = activation
        self.scale = scale
        self.scored: list[TextPair] = []
        self.batches: list[list[TextPair]] = []
        self.spec = ModelSpec(
            request=ModelRequest(name="overlap", batch_size=batch_size),
            kind=ModelKind.SCORER,
            digest=hashlib.sha256(json.dumps([self.labels, positive, activation, scale]).encode()).hexdigest(),
        )

    def token_counts(self, pairs: Sequence[TextPair]) -> npt.NDArray[np.int64]:
        return np.array([len(first) + len(second) for first, second in pairs], dtype=np.int64)

    def logits(self, pairs: Sequence[TextPair]) -> Floats:
        self.scored.extend(pairs)
        self.batches.append(list(pairs))
        logits = np.zeros((len(pairs), len(self.labels)), dtype=np.float32)
        logits[:, self.positive] = [self.scale * self._logit(*pair) for pair in pairs]
        return logits

    @staticmethod
    def _logit(first: str, second: str) -> float:
        words = first.split()
        return 8 * sum(word in second.split() for word in words) / max(len(words), 1) - 4


class ScriptedGenerator:
    """A language model whose answers are written in the test.

    Args:
        script: From the text of the last message to the answer; None for no answer.
        max_tokens: As of its request; answers of more words are cut there.
    """

    def __init__(self, script: Callable[[str], str | None], *, max_tokens: int = 512) -> None:
        self.script = script
        self.asked: list[Ask] = []
        request = GeneratorRequest(name="openai:scripted", max_tokens=max_tokens)
        self.spec = GeneratorSpec(request=request, digest="5c" * 32, source="server", base_url="http://127.0.0.1:1/v1")

    def prompt_tokens(self, asks: Sequence[Ask]) -> list[int]:
        return [sum(len(message.text.split()) for message in ask.messages) for ask in asks]

    def answers(self, asks: Sequence[Ask], schema: Schema | None) -> Iterator[tuple[int, Answer]]:
        # The last first: nothing may depend on the order in which answers come.
        for place in reversed(range(len(asks))):
            self.asked.append(asks[place])
            text = self.script(asks[place].messages[-1].text)
            yield place, NoReply("no answer in the script") if text is None else self._reply(text)

    def _reply(self, text: str) -> Reply:
        words = text.split(" ")
        most = self.spec.request.max_tokens
        return Reply(" ".join(words[:most]), len(words) <= most, 1, min(len(words), most))
