from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pairforge.engines.loading import load
from pairforge.engines.scorers import load_scorer
from pairforge.engines.scores import ScoreStore
from pairforge.errors import ModelError
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, PairScorer
from tests.tiny_models import save_cross_encoder

PAIRS = [("a cat sat", "the cat sat on the mat"), ("a dog", ""), ("a b c", "x y z"), ("a cat", "a dog ran on " * 20)]
MNLI = ("contradiction", "entailment", "neutral")


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cross_encoder(tmp_path_factory.mktemp("models") / "single")


@pytest.fixture(scope="module")
def nli_cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cross_encoder(tmp_path_factory.mktemp("models") / "nli", labels=MNLI)


def _scorer(folder: Path, **request: object) -> PairScorer:
    asked = ModelRequest.model_validate({"name": str(folder), "device": "cpu", **request})
    return load_scorer(resolve(asked, ModelKind.SCORER))


def _changed(folder: Path, into: Path, name: str, content: object) -> Path:
    shutil.copytree(folder, into)
    (into / name).write_text(json.dumps(content), "utf-8")
    return into


def _read(folder: Path, name: str) -> dict[str, object]:
    return dict(json.loads((folder / name).read_text("utf-8")))


@pytest.mark.parametrize("kind", ["cross_encoder", "nli_cross_encoder"])
def test_logits_are_those_of_sentence_transformers(kind: str, request: pytest.FixtureRequest) -> None:
    import torch
    from sentence_transformers import CrossEncoder

    folder = request.getfixturevalue(kind)
    model = CrossEncoder(str(folder), device="cpu")
    wanted = model.predict(PAIRS, activation_fn=torch.nn.Identity()).reshape(len(PAIRS), -1)
    given = _scorer(folder).logits(PAIRS)
    assert np.allclose(given, wanted, atol=1e-5)
    assert given.dtype == np.float32
    assert np.ptp(given) > 0.1


def test_labels_and_activation_are_those_of_the_model(
    cross_encoder: Path, nli_cross_encoder: Path, tmp_path: Path
) -> None:
    regression = save_cross_encoder(tmp_path / "regression", activation="Identity")
    scorers = [_scorer(folder) for folder in (cross_encoder, nli_cross_encoder, regression)]
    assert [scorer.labels for scorer in scorers] == [("LABEL_0",), MNLI, ("LABEL_0",)]
    assert [scorer.activation for scorer in scorers] == ["Sigmoid", "Identity", "Identity"]


def test_activations_are_found_wherever_sentence_transformers_kept_them(cross_encoder: Path, tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    config = _read(cross_encoder, "config.json")
    kept = {
        "nowhere": {},
        "lately": {"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}},
        "long ago": {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"},
    }
    for name, words in kept.items():
        folder = _changed(cross_encoder, tmp_path / name, "config.json", config | words)
        (folder / "config_sentence_transformers.json").unlink()
        (folder / "modules.json").unlink()
        library = CrossEncoder(str(folder), device="cpu")
        assert _scorer(folder).activation == type(library.activation_fn).__name__


def test_an_activation_of_other_code_is_told_with_its_path(cross_encoder: Path, tmp_path: Path) -> None:
    settings = _read(cross_encoder, "config_sentence_transformers.json") | {"activation_fn": "mine.Odd"}
    folder = _changed(cross_encoder, tmp_path / "odd", "config_sentence_transformers.json", settings)
    assert _scorer(folder).activation == "mine.Odd"


def test_a_head_that_is_a_module_of_its_own_is_counted(cross_encoder: Path, tmp_path: Path) -> None:
    modules = json.loads((cross_encoder / "modules.json").read_text("utf-8"))
    own = {"idx": 1, "name": "1", "path": "1_Head", "type": "sentence_transformers.base.modules.dense.Dense"}
    folder = _changed(cross_encoder, tmp_path / "dense", "modules.json", [*modules, own])
    (folder / "1_Head").mkdir()
    (folder / "1_Head" / "config.json").write_text('{"out_features": 3, "module_output_name": "scores"}')
    assert _scorer(folder).labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    own["type"] = "sentence_transformers.cross_encoder.modules.logit_score.LogitScore"
    (folder / "modules.json").write_text(json.dumps([*modules, own]))
    assert _scorer(folder).labels == ("LABEL_0",)


def test_pairs_are_read_up_to_the_length_asked_for(cross_encoder: Path) -> None:
    short, own = _scorer(cross_encoder, max_length=8), _scorer(cross_encoder)
    assert own.token_counts(PAIRS).tolist() == [13, 6, 10, 24]
    assert short.token_counts(PAIRS).tolist() == [8, 6, 8, 8]
    long, longer = [("a cat", "a dog ran on")], [("a cat", "a dog ran on the mat")]
    assert (short.logits(long) == short.logits(longer)).all()
    assert (own.logits(long) != own.logits(longer)).any()
    assert short.spec.identity != own.spec.identity


def test_more_tokens_than_the_model_has_positions_for_are_refused(cross_encoder: Path) -> None:
    with pytest.raises(ModelError, match=r"reads up to 24 tokens.*--max-length is 25"):
        _scorer(cross_encoder, max_length=25).logits(PAIRS)


def test_a_text_of_a_megabyte_is_read_up_to_the_limit(cross_encoder: Path, tmp_path: Path) -> None:
    long = "a cat " * 170_000
    logits = ScoreStore(tmp_path).logits(_scorer(cross_encoder), [("a dog", long), ("a dog", long[:600])])
    assert logits[0] == logits[1]


def test_a_batch_of_one_pair_is_a_batch(cross_encoder: Path) -> None:
    scorer = _scorer(cross_encoder)
    assert scorer.logits(PAIRS[:1]).shape == (1, 1)
    assert np.allclose(scorer.logits(PAIRS[:1]), scorer.logits(PAIRS)[:1], atol=1e-5)


def test_other_precisions_give_float32_logits_near_the_same(cross_encoder: Path) -> None:
    full, half = _scorer(cross_encoder), _scorer(cross_encoder, dtype="bfloat16")
    assert half.logits(PAIRS).dtype == np.float32
    assert np.allclose(half.logits(PAIRS), full.logits(PAIRS), atol=0.2)
    assert half.spec.identity != full.spec.identity


def test_checkpoints_of_one_name_never_share_scores(tmp_path: Path) -> None:
    store = ScoreStore(tmp_path / "scores")
    folder = save_cross_encoder(tmp_path / "model", seed=1)
    before = store.logits(_scorer(folder), PAIRS)
    save_cross_encoder(tmp_path / "model", seed=2)
    after = store.logits(_scorer(folder), PAIRS)
    assert (before != after).all()
    assert len(list((tmp_path / "scores").iterdir())) == 2


def test_stored_scores_need_neither_torch_nor_weights(cross_encoder: Path, tmp_path: Path) -> None:
    ScoreStore(tmp_path).logits(_scorer(cross_encoder), PAIRS)
    code = f"""
import sys
from pathlib import Path
from pairforge.engines.loading import load
from pairforge.engines.scores import ScoreStore
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest
scorer = load(resolve(ModelRequest(name={str(cross_encoder)!r}), ModelKind.SCORER))
assert ScoreStore(Path({str(tmp_path)!r})).logits(scorer, {PAIRS!r}).shape == ({len(PAIRS)}, 1)
loaded = {{"torch", "transformers", "sentence_transformers"}} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_encoder_is_no_scorer(static_model: Path, transformer_model: Path) -> None:
    for folder in (static_model, transformer_model):
        with pytest.raises(ModelError, match=r"a cross-encoder is wanted.*train --kind cross-encoder"):
            load(resolve(ModelRequest(name=str(folder)), ModelKind.SCORER))


def test_code_that_comes_with_a_model_is_not_run_unasked(cross_encoder: Path, tmp_path: Path) -> None:
    own = {"architectures": ["OwnForSequenceClassification"], "model_type": "own", "auto_map": {
        "AutoConfig": "own.Configuration", "AutoModelForSequenceClassification": "own.Model"}}  # fmt: skip
    folder = _changed(cross_encoder, tmp_path / "own", "config.json", own)
    (folder / "own.py").write_text("raise SystemExit('was run')", "utf-8")
    with pytest.raises(ModelError, match="allow it with --trust-remote-code"):
        _scorer(folder).logits(PAIRS)


def test_pickled_weights_are_refused(cross_encoder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(cross_encoder, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled weights"):
        _scorer(folder)
