"""Losses of sentence-transformers with what the table of losses cannot say of them: functions and modules of torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from sentence_transformers.base.losses.gradcache import has_static_embedding_input
from sentence_transformers.cross_encoder import losses as of_cross_encoders
from sentence_transformers.sentence_transformer import losses as of_encoders
from sentence_transformers.util import pairwise_cos_sim, pairwise_dot_score

_SIMILARITIES: Mapping[str, Callable[..., torch.Tensor]] = {"dot": pairwise_dot_score, "cosine": pairwise_cos_sim}
_WEIGHTINGS = {"ndcg2++": of_cross_encoders.NDCGLoss2PPScheme, "lambdarank": of_cross_encoders.LambdaRankScheme}


def mega_batch_margin(
    model: Any, *, positive_margin: float = 0.8, negative_margin: float = 0.3, mini_batch_size: int = 50
) -> torch.nn.Module:
    """In mini-batches, except for a static model, whose inputs cannot be cut."""
    loss: torch.nn.Module = of_encoders.MegaBatchMarginLoss(
        model,
        positive_margin=positive_margin,
        negative_margin=negative_margin,
        mini_batch_size=mini_batch_size,
        use_mini_batched_version=not has_static_embedding_input(model),
    )
    return loss


def margin_mse(model: Any, *, similarity: str = "dot") -> torch.nn.Module:
    """By the dot product or the cosine."""
    loss: torch.nn.Module = of_encoders.MarginMSELoss(model, similarity_fct=_SIMILARITIES[similarity])
    return loss


def distill_kl_div(model: Any, *, similarity: str = "dot", temperature: float = 1.0) -> torch.nn.Module:
    """By the dot product or the cosine."""
    loss: torch.nn.Module = of_encoders.DistillKLDivLoss(
        model, similarity_fct=_SIMILARITIES[similarity], temperature=temperature
    )
    return loss


def score_mse(model: Any) -> torch.nn.Module:
    """Through the sigmoid by which the trained model scores."""
    loss: torch.nn.Module = of_cross_encoders.MSELoss(model, activation_fn=torch.nn.Sigmoid())
    return loss


def lambda_loss(model: Any, *, weighting: str = "ndcg2++", mini_batch_size: int | None = None) -> torch.nn.Module:
    """By one of the weighting schemes."""
    loss: torch.nn.Module = of_cross_encoders.LambdaLoss(
        model, weighting_scheme=_WEIGHTINGS[weighting](), mini_batch_size=mini_batch_size
    )
    return loss
