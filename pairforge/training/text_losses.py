"""Losses on plain texts, where sentence-transformers has none, or one that wants some care."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses as library
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM, DataCollatorForLanguageModeling
from transformers.modeling_outputs import BaseModelOutput

from pairforge.training.losses.texts import MASKING_HEAD

Features = Iterable[dict[str, Tensor]]

_NOT_MASKED = -100


class Denoising(library.DenoisingAutoEncoderLoss):  # type: ignore[misc] # its base is untyped
    """TSDAE, whose decoder shares the very weights that are trained. Source: Wang, Reimers and Gurevych 2021.

    sentence-transformers ties the two the other way round: the encoder gets the weights that the decoder read from the
    base's files, whatever its own have become. Its trainer also leaves the decoder's dropout out.

    Args:
        model: The encoder.
        decoder: The folder of a model that becomes a decoder of its own; None for one that shares the encoder's
            weights.
    """

    def __init__(self, model: SentenceTransformer, decoder: str | None = None) -> None:
        super().__init__(model, decoder or _base_folder(model), tie_encoder_decoder=False)
        self.model = self._modules.pop("encoder")
        self.decoder.float()
        if decoder is None:
            _share_weights(model.transformers_model, self.decoder)
        # The library compares classes alone, and most tokenizers are of one class.
        self.need_retokenization = self.tokenizer_encoder.get_vocab() != self.tokenizer_decoder.get_vocab()
        positions = getattr(self.decoder.config, "max_position_embeddings", self.tokenizer_decoder.model_max_length)
        self.tokenizer_decoder.model_max_length = min(positions, self.tokenizer_decoder.model_max_length)
        self.train()

    @property
    def encoder(self) -> nn.Module:
        """What is trained, under the name by which the trainer knows it."""
        trained: nn.Module = self.model
        return trained


def _share_weights(encoder: nn.Module, decoder: Any) -> None:
    """Put the encoder's parameters where the decoder has those of the same name, and tie its output to them."""
    decoding = decoder.base_model
    modules = dict(decoding.named_modules())
    names = {name for name, _ in decoding.named_parameters()}
    for name, parameter in encoder.named_parameters():
        if name in names:
            module, _, attribute = name.rpartition(".")
            setattr(modules[module], attribute, parameter)
    decoder.tie_weights()


class Twins(library.MultipleNegativesRankingLoss):  # type: ignore[misc] # its base is untyped
    """SimCSE: each text is its own positive, told from itself by dropout alone. Source: Gao et al. 2021."""

    def forward(self, sentence_features: Features, labels: Tensor | None = None) -> Tensor:
        """The ranking loss of texts, read twice.

        Args:
            sentence_features: Of one column of texts.
            labels: Not used.
        """
        (texts,) = sentence_features
        ranked: Tensor = super().forward([dict(texts), dict(texts)], labels)
        return ranked


class Tension(library.ContrastiveTensionLoss):  # type: ignore[misc] # its base is untyped
    """Contrastive tension. Source: Carlsson et al. 2021."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__(model)
        _own_copy(self)

    @property
    def model2(self) -> nn.Module:
        """What is trained, under the name by which the trainer knows it."""
        trained: nn.Module = self.model
        return trained


class TensionInBatch(library.ContrastiveTensionLossInBatchNegatives):  # type: ignore[misc] # its base is untyped
    """Contrastive tension with the batch's other texts as negatives. Source: Carlsson et al. 2021."""

    def __init__(self, model: SentenceTransformer, scale: float = 20.0) -> None:
        super().__init__(model, scale=scale)
        _own_copy(self)

    @property
    def model2(self) -> nn.Module:
        """What is trained, under the name by which the trainer knows it."""
        trained: nn.Module = self.model
        return trained


def _own_copy(loss: Any) -> None:
    """Make the copy a part of the loss, in training mode, where the library's trainer leaves it as it is."""
    loss.model = loss._modules.pop("model2")
    loss.model1 = nn.Sequential(*loss.model1.children())  # no model in itself, but parameters of the loss
    loss.train()


class Masking(nn.Module):
    """Masked language modelling of the very encoder that is trained. Source: Devlin et al. 2019.

    The head is the one that an earlier such training left in the base's folder, or that of the base's own weights, or a
    fresh one. It reads the masked tokens' vectors alone.

    Args:
        model: The encoder.
        mask_ratio: Chance of each token to be masked: eight in ten of those become the mask token, one any token.
    """

    def __init__(self, model: SentenceTransformer, mask_ratio: float = 0.15) -> None:
        super().__init__()
        self.model = model
        self.collator = DataCollatorForLanguageModeling(model.tokenizer, mlm_probability=mask_ratio)
        folder = _base_folder(model)
        self.head = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
        self.vectors = _Given()
        setattr(self.head, self.head.base_model_prefix, self.vectors)
        if self.head.config.get_text_config().tie_word_embeddings:
            self.head.get_output_embeddings().weight = model.transformers_model.get_input_embeddings().weight
        saved = Path(folder) / MASKING_HEAD
        if saved.exists():
            self.load_state_dict(load_file(saved), strict=False)
        self.train()

    def forward(self, sentence_features: Features, labels: Tensor | None = None) -> Tensor:
        """The cross-entropy of the masked tokens; 0 for a batch of which none was drawn.

        Args:
            sentence_features: Of one column of texts.
            labels: Not used.
        """
        (texts,) = sentence_features
        shown, wanted = self._masked(texts["input_ids"])
        vectors: Tensor = self.model({**texts, "input_ids": shown})["token_embeddings"]
        masked = wanted != _NOT_MASKED
        if not masked.any():
            return torch.zeros((), device=vectors.device) * vectors.sum()
        self.vectors.given = vectors[masked][None]
        logits = self.head(input_ids=wanted[masked][None]).logits[0]
        return nn.functional.cross_entropy(logits, wanted[masked])

    def _masked(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """What is shown, and what is wanted where something is masked; drawn on the CPU, where the library draws."""
        shown, wanted = self.collator.torch_mask_tokens(tokens.cpu().clone())
        return shown.to(tokens.device), wanted.to(tokens.device)


class _Given(nn.Module):
    """Stands where a head expects its encoder, and gives it vectors that are there already."""

    given: Tensor

    def forward(self, *unused: Any, **also_unused: Any) -> BaseModelOutput:
        return BaseModelOutput(last_hidden_state=self.given)


def _base_folder(model: SentenceTransformer) -> str:
    folder: str = model.transformers_model.config._name_or_path
    return folder
