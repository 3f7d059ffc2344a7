"""What losses learn beside the model."""

import torch

from pairforge.models import ModelSpec
from pairforge.training.heads import head_tensors, take_weights, weights_of


def test_best_weights_are_those_of_the_model_and_of_every_head(static_base: ModelSpec):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss, SoftmaxLoss

    model = SentenceTransformer(str(static_base.path), device="cpu")
    losses = [SoftmaxLoss(model, 8, 3), CosineSimilarityLoss(model), SoftmaxLoss(model, 8, 2)]
    assert [bool(head_tensors(loss)) for loss in losses] == [True, False, True]
    kept = weights_of(model, losses)
    before = {name: tensor.clone() for name, tensor in kept.items()}
    with torch.no_grad():
        for loss in losses:
            for weights in loss.parameters():
                weights.add_(1.0)
    assert all(torch.equal(kept[name], before[name]) for name in kept)
    take_weights(model, losses, kept)
    after = weights_of(model, losses)
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)
