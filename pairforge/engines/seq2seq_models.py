"""Small models that turn one text into another (T5 and its like), in this process; by transformers.

Such a model follows no instructions: it was trained to write, say, a query for a document. Its texts are sampled token
by token, each by a number in [0, 1) that hangs on the question's seed and the token's place alone: neither the
questions beside it, nor their order, nor how many are written at once draw another. Only the last bits of a probability
hang on the batch, as with every batched model; where a number lies so near the border of two tokens that they decide,
which float32 makes rare and half precision does not, a text that is written anew may differ. Answers that were kept are
the same for ever.

Sources: Nogueira et al. 2019 (doc2query), Wang et al. 2022 (GPL).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pairforge.engines.sentence_models import load_fault, quiet
from pairforge.engines.token_draws import TokenDraws
from pairforge.errors import ModelError
from pairforge.generators import DOES_NOT_FIT, Answer, Ask, GeneratorSpec, Reply, Schema

if TYPE_CHECKING:
    from torch import Tensor

_UNKNOWN_LENGTH = 1_000_000
"""From here on, a tokenizer's longest text says that it knows no limit."""

_POSITIONS = ("max_position_embeddings", "max_encoder_position_embeddings")
"""Settings of models that can read no further; T5's n_positions is what it was trained on."""


class Seq2SeqModel:
    """A model of transformers with an encoder and a decoder; its weights are loaded with the first text to be written.

    Args:
        spec: What it is.
        folder: Where its files lie.
        tokenizer: Its tokenizer.
        configuration: Its configuration.

    Raises:
        ModelError: it reads or writes fewer tokens than are asked for, or there is no such device.
    """

    def __init__(self, spec: GeneratorSpec, folder: Path, tokenizer: Any, configuration: Any) -> None:
        self.spec = spec
        self._folder = folder
        self._tokenizer = tokenizer
        positions = next((known for name in _POSITIONS if (known := getattr(configuration, name, None))), None)
        _refuse_more_than(positions, spec)
        trained = getattr(configuration, "n_positions", None)
        own = min(positions or _UNKNOWN_LENGTH, trained or _UNKNOWN_LENGTH, tokenizer.model_max_length)
        self._longest: int | None = spec.request.max_length or (None if own >= _UNKNOWN_LENGTH else own)
        self._device = _device(spec)

    def prompt_tokens(self, asks: Sequence[Ask]) -> list[int]:
        """Tokens of each text, those beyond what the model reads too."""
        return [len(tokens) for tokens in self._tokens([_text(ask) for ask in asks])]

    def answers(self, asks: Sequence[Ask], schema: Schema | None) -> Iterator[tuple[int, Answer]]:
        """What each text becomes, batch by batch, long ones first; see `TextGenerator.answers`.

        A text that is longer than the model reads is cut where the request says so by its `max_length`, and has no
        answer where it does not.

        Raises:
            ModelError: JSON is wanted, the weights cannot be loaded, or there is too little memory.
        """
        if schema is not None:
            raise ModelError(f"{self.spec.name}: follows no instructions and writes no JSON. Name an instruct model.")
        tokens = self._tokens([_text(ask) for ask in asks])
        fitting = []
        for place, of_text in enumerate(tokens):
            if self.spec.request.max_length is None and len(of_text) > (self._longest or len(of_text)):
                yield place, DOES_NOT_FIT
            else:
                fitting.append(place)
        # Long ones first, so that a lack of memory shows at once; a text's own draws side by side, to encode it once.
        fitting.sort(key=lambda place: (-len(tokens[place]), tokens[place], asks[place].seed))
        for start in range(0, len(fitting), self.spec.request.batch_size):
            batch = fitting[start : start + self.spec.request.batch_size]
            replies = self._replies([tokens[place] for place in batch], [asks[place].seed for place in batch])
            yield from zip(batch, replies, strict=True)

    def _tokens(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        distinct = list(dict.fromkeys(texts))
        if not distinct:
            return []
        with quiet():
            tokens = [tuple(of_text) for of_text in self._tokenizer(distinct)["input_ids"]]
        of_texts = dict(zip(distinct, tokens, strict=True))
        return [of_texts[text] for text in texts]

    def _replies(self, tokens: Sequence[tuple[int, ...]], seeds: Sequence[int]) -> list[Reply]:
        import torch  # noqa: PLC0415 - loaded with the first text

        try:
            with quiet(), torch.inference_mode():
                written = self._written(tokens, seeds).tolist()
        except torch.OutOfMemoryError as error:
            raise ModelError(
                f"{self.spec.name}: {self._device} has too little memory for {len(tokens):,} texts of up to "
                f"{max(map(len, tokens)):,} tokens at once. Lower the generator's batch_size or max_length."
            ) from error
        except FloatingPointError as error:
            raise ModelError(
                f"{self.spec.name}: gives {error} in {self.spec.request.dtype}. Give its dtype as float32, or bfloat16."
            ) from error
        return [self._reply(of_text, read) for of_text, read in zip(written, tokens, strict=True)]

    def _written(self, tokens: Sequence[tuple[int, ...]], seeds: Sequence[int]) -> Tensor:
        """The tokens written for each text, the one that every answer starts with first, padded."""
        from transformers.modeling_outputs import BaseModelOutput  # noqa: PLC0415 - loaded with the first text

        request, distinct = self.spec.request, list(dict.fromkeys(tokens))
        hidden, mask = self._encoded(distinct)
        places = [distinct.index(of_text) for of_text in tokens]
        return self._model.generate(  # type: ignore[no-any-return] # its library is untyped
            encoder_outputs=BaseModelOutput(last_hidden_state=hidden[places]),
            attention_mask=mask[places],
            max_new_tokens=request.max_tokens,
            logits_processor=[TokenDraws(seeds, request.temperature, request.top_p)],
        )

    def _encoded(self, texts: Sequence[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
        """What the encoder makes of each text, with the mask of what is no padding."""
        import torch  # noqa: PLC0415 - loaded with the first text

        read = [self._cut(of_text) for of_text in texts]
        padded = np.full((len(read), max(map(len, read))), self._tokenizer.pad_token_id or 0, dtype=np.int64)
        mask = np.zeros_like(padded)
        for row, of_text in enumerate(read):
            padded[row, : len(of_text)], mask[row, : len(of_text)] = of_text, 1
        given = {"input_ids": torch.from_numpy(padded), "attention_mask": torch.from_numpy(mask)}
        placed = {name: value.to(self._device) for name, value in given.items()}
        return self._model.get_encoder()(**placed).last_hidden_state, placed["attention_mask"]

    def _cut(self, of_text: tuple[int, ...]) -> tuple[int, ...]:
        """What is read of a text: with its last token, which mostly says that it ends."""
        if self._longest is None or len(of_text) <= self._longest:
            return of_text
        return (*of_text[: self._longest - 1], of_text[-1])

    def _reply(self, written: Sequence[int], read: tuple[int, ...]) -> Reply:
        ends = self._model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends]
        answer = written[1:]
        length = next((place + 1 for place, token in enumerate(answer) if token in ends), None)
        text = self._tokenizer.decode(answer[:length], skip_special_tokens=True).strip()
        return Reply(text, length is not None, len(read), length or len(answer))

    @cached_property
    def _model(self) -> Any:
        import torch  # noqa: PLC0415 - loaded with the first text
        from transformers import AutoModelForSeq2SeqLM  # noqa: PLC0415 - loaded with the first text

        dtype = "float32" if self.spec.request.dtype == "auto" else self.spec.request.dtype
        try:
            with quiet():
                model, found = AutoModelForSeq2SeqLM.from_pretrained(
                    self._folder, dtype=getattr(torch, dtype), use_safetensors=True, output_loading_info=True,
                    **_locally(self.spec),
                )  # fmt: skip
        except Exception as error:  # each model's own code raises what it likes
            raise _fault(self.spec, error) from error
        if missing := sorted(found["missing_keys"]):
            raise ModelError(f"{self.spec.name}: its files lack weights ({missing[0]}). Save the model anew.")
        # Else what a model was saved with would decide how it is sampled, and an end that is forced at the limit would
        # let a cut text pass for a whole one.
        model.generation_config.update(
            do_sample=False, num_beams=1, num_return_sequences=1, forced_eos_token_id=None, max_length=None,
            temperature=None, top_p=None, top_k=None, early_stopping=False, length_penalty=1.0,
        )  # fmt: skip
        return model.to(self._device).eval()


def load_seq2seq_model(spec: GeneratorSpec) -> Seq2SeqModel:
    """A model that turns one text into another, over the files that were found.

    Raises:
        ModelError: its tokenizer or configuration cannot be loaded, it reads or writes fewer tokens than are asked for,
            or there is no such device.
    """
    from transformers import AutoConfig, AutoTokenizer  # noqa: PLC0415 - two seconds

    folder = spec.path or Path()
    _refuse_unread_sentencepiece(spec, folder)
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, **_locally(spec))
            configuration = AutoConfig.from_pretrained(folder, **_locally(spec))
    except Exception as error:  # each model's own code raises what it likes
        raise _fault(spec, error) from error
    return Seq2SeqModel(spec, folder, tokenizer, configuration)


def _refuse_unread_sentencepiece(spec: GeneratorSpec, folder: Path) -> None:
    # transformers would go on with a tokenizer that knows no words.
    only = any(folder.glob("*.model")) and not (folder / "tokenizer.json").is_file()
    if only and importlib.util.find_spec("sentencepiece") is None:
        raise ModelError(
            f"{spec.name}: its tokenizer is a file of SentencePiece alone, which needs a package to be read: "
            "pip install sentencepiece protobuf"
        )


def _locally(spec: GeneratorSpec) -> dict[str, Any]:
    return {"local_files_only": True, "trust_remote_code": spec.request.trust_remote_code}


def _fault(spec: GeneratorSpec, error: Exception) -> ModelError:
    return ModelError(load_fault(spec, "a seq2seq model", error))


def _refuse_more_than(positions: int | None, spec: GeneratorSpec) -> None:
    for setting in ("max_length", "max_tokens"):
        wanted = getattr(spec.request, setting)
        if positions is not None and wanted is not None and wanted > positions:
            raise ModelError(
                f"{spec.name}: reads and writes up to {positions:,} tokens, but the generator's {setting} is "
                f"{wanted:,}. Lower it."
            )


def _device(spec: GeneratorSpec) -> str:
    import torch  # noqa: PLC0415 - two seconds
    from sentence_transformers.util import get_device_name  # noqa: PLC0415 - as above

    name = spec.request.device or str(get_device_name())
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ModelError(
            f"{spec.name}: there is no device '{name}' here ({reason}). Name another, as cpu, or leave it out."
        ) from error
    return name


def _text(ask: Ask) -> str:
    return ask.messages[-1].text
