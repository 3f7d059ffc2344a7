"""What a model's configuration files say, as sentence-transformers reads them, before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairforge.errors import ModelError
from pairforge.models import Side

_PROMPT_NAMES: Mapping[Side, tuple[str, ...]] = {
    Side.QUERY: ("query",),
    Side.DOCUMENT: ("document", "passage", "corpus"),
}
_ALIKE_ON_BOTH_SIDES = ("Transformer", "Pooling", "Normalize", "Dense", "StaticEmbedding", "LayerNorm", "Dropout")
_TASK_SETTINGS = ("query_length", "document_length", "query_expansion")

_TWO_CLASSES = {"0": "LABEL_0", "1": "LABEL_1"}
"""What transformers takes where a classifier's configuration names no classes."""

_OLD_POOLING: Mapping[str, str] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""Setting → way of pooling, in models that were saved before there was one setting for it."""


class ModelConfiguration:
    """The configuration in a model's folder.

    Args:
        folder: The folder; `modules.json` and `config_sentence_transformers.json` may be missing.

    Raises:
        ModelError: a file is no JSON, or not of the form that it should have.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        modules = self._read("modules.json", [])
        if not all(isinstance(module, dict) and isinstance(module.get("type"), str) for module in modules):
            raise ModelError(
                f"{folder / 'modules.json'}: a type was wanted for every module. Restore the model's files."
            )
        settings = self._read("config_sentence_transformers.json", {})
        self._modules = [(str(module["type"]), str(module.get("path") or "")) for module in modules]
        self.module_types: tuple[str, ...] = tuple(kind for kind, _ in self._modules)
        self.model_type = str(settings.get("model_type") or "")
        self.similarity = str(settings.get("similarity_fn_name") or "")
        self._prompts = settings.get("prompts") or {}

    @property
    def is_static(self) -> bool:
        """Whether a text's vector is a mean of its tokens' own."""
        return bool(self.module_types) and self.module_types[0].endswith(".StaticEmbedding")

    @property
    def is_router(self) -> bool:
        """Whether it leads a text to one of several encoders, by its side of a search."""
        return bool(self.module_types) and self.module_types[0].rpartition(".")[2] in ("Router", "Asym")

    @property
    def routes(self) -> Mapping[str, tuple[str, ...]]:
        """Route → the types of its modules, in order; none for a model that has one encoder."""
        if not self.is_router:
            return {}
        router = self._read(str(Path(self._modules[0][1], "router_config.json")), {})
        types, structure = router.get("types") or {}, router.get("structure") or {}
        return {route: tuple(str(types.get(module, "")) for module in modules) for route, modules in structure.items()}

    @property
    def sees_images(self) -> bool:
        """Whether it gives images vectors, beside texts."""
        settings = [self._read(str(Path(path, "sentence_bert_config.json")), {}) for _, path in self._modules[:1]]
        by_modality = any("image" in (setting.get("modality_config") or {}) for setting in settings)
        return by_modality or "vision_config" in self._configuration_of_transformer

    @property
    def has_masked_lm_head(self) -> bool:
        """Whether its transformer tells the words that could stand in a place."""
        architectures = self._configuration_of_transformer.get("architectures") or [""]
        return str(architectures[0]).endswith("ForMaskedLM")

    @property
    def _configuration_of_transformer(self) -> Mapping[str, Any]:
        folder = self.transformer_folder.relative_to(self._folder)
        configuration: Mapping[str, Any] = self._read(str(folder / "config.json"), {})
        return configuration

    @property
    def is_cross_encoder(self) -> bool:
        """Whether it scores pairs of texts: saved as a cross-encoder, or a plain classifier of sequences."""
        if self.model_type or self.module_types:
            return self.model_type == "CrossEncoder"
        architectures = self._read("config.json", {}).get("architectures") or [""]
        return str(architectures[0]).endswith("ForSequenceClassification")

    @property
    def is_sparse_encoder(self) -> bool:
        """Whether it gives a text a weight for each word of a vocabulary."""
        return self.model_type == "SparseEncoder"

    @property
    def is_late_interaction(self) -> bool:
        """Whether it gives a text a vector for each token: saved so by sentence-transformers, PyLate or Stanford."""
        if self.model_type or self.module_types:
            return self.model_type in ("MultiVectorEncoder", "ColBERT")
        return "HF_ColBERT" in (self._read("config.json", {}).get("architectures") or [])

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of a classifier's outputs in order; empty for a model that has no head."""
        if not self.is_cross_encoder:
            return ()
        own_head = self._outputs_of_own_head()
        if own_head is not None:
            return tuple(f"LABEL_{output}" for output in range(own_head))
        names = self._read("config.json", {}).get("id2label") or _TWO_CLASSES
        return tuple(str(name) for _, name in sorted(names.items(), key=lambda entry: int(entry[0])))

    @property
    def activation(self) -> str:
        """What a cross-encoder's outputs go through to become its scores, as sentence-transformers takes it.

        A class of torch by its bare name, one of other code with its path.
        """
        config = self._read("config.json", {})
        path = str(
            self._read("config_sentence_transformers.json", {}).get("activation_fn")
            or (config.get("sentence_transformers") or {}).get("activation_fn")
            or config.get("sbert_ce_default_activation_function")
            or ("torch.nn.Sigmoid" if len(self.class_names) == 1 else "torch.nn.Identity")
        )
        return path.rpartition(".")[2] if path.startswith("torch.") else path

    @property
    def transformer_folder(self) -> Path:
        """The folder of the first module's own files, which some models keep apart."""
        if (self._folder / "config.json").exists() or not self._modules:
            return self._folder
        return self._folder / self._modules[0][1]

    @property
    def transformer(self) -> dict[str, Any]:
        """The settings of its transformer, as transformers names them; empty where it has none."""
        settings: dict[str, Any] = ModelConfiguration(self.transformer_folder)._read("config.json", {})
        return settings

    @property
    def pooling(self) -> tuple[str, ...]:
        """The ways in which its token vectors are pooled, as sentence-transformers names them; empty if it has none."""
        folder = next((path for kind, path in self._modules if kind.endswith(".Pooling")), None)
        if folder is None:
            return ()
        settings = self._read(f"{folder}/config.json", {})
        ways = settings.get("pooling_mode") or [way for name, way in _OLD_POOLING.items() if settings.get(name)]
        return (ways,) if isinstance(ways, str) else tuple(ways)

    @property
    def vector_size(self) -> int | None:
        """Numbers in the vector of a text; None where the files do not tell."""
        if not self._modules:
            size: int | None = self._read("config.json", {}).get("hidden_size")
            return size
        sizes = (self._size_after(kind.rpartition(".")[2], path) for kind, path in reversed(self._modules))
        return next((size for size in sizes if size is not None), None)

    @property
    def has_routes(self) -> bool:
        """Whether the sides may be treated differently beyond their prompts."""
        special = not all(_treats_sides_alike(kind) for kind in self.module_types)
        settings = [self._read(file.name, {}) for file in sorted(self._folder.glob("sentence_*_config.json"))]
        by_task = any(setting.get(name) is not None for setting in settings for name in _TASK_SETTINGS)
        return special or by_task or "task" in self._chat_template()

    def prompt(self, side: Side) -> str:
        """The prompt that `encode_query` or `encode_document` would take."""
        # Both names are always among a model's prompts, empty unless set: `default_prompt_name` never counts here.
        known = {"query": "", "document": ""} | self._prompts
        return next((known[name] or "" for name in _PROMPT_NAMES[side] if name in known), "")

    def _outputs_of_own_head(self) -> int | None:
        """Outputs of a head that is a module of its own behind the transformer; None where the transformer has it."""
        for kind, path in reversed(self._modules):
            if kind.endswith(".LogitScore"):
                return 1
            if kind.endswith(".Dense"):
                settings = self._read(f"{path}/config.json", {})
                if settings.get("module_output_name") == "scores":
                    return int(settings["out_features"])
        return None

    def _size_after(self, module: str, path: str) -> int | None:
        if module == "StaticEmbedding":
            return _columns_of_first_tensor(self._folder / path / "model.safetensors")
        settings = self._read(f"{path}/config.json", {}) if path else {}
        if module == "Dense":
            return settings.get("out_features")
        if module != "Pooling":
            return None
        size = settings.get("embedding_dimension") or settings.get("word_embedding_dimension")
        modes = settings.get("pooling_mode")
        old_modes = sum(bool(on) for name, on in settings.items() if name.startswith("pooling_mode_"))
        return size and size * (len(modes) if isinstance(modes, list) else 1 if modes else max(1, old_modes))

    def _chat_template(self) -> str:
        file = self._folder / "chat_template.jinja"
        if file.is_file():
            return file.read_text(encoding="utf-8")
        return str(self._read("tokenizer_config.json", {}).get("chat_template") or "")

    def _read(self, name: str, absent: Any) -> Any:
        file = self._folder / name
        if not file.is_file():
            return absent
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{file}: cannot be read as JSON ({error}). Restore the model's files.") from None
        if type(content) is not type(absent):
            raise ModelError(f"{file}: a JSON {type(absent).__name__} was wanted. Restore the model's files.")
        return content


def _columns_of_first_tensor(file: Path) -> int | None:
    """Of a safetensors file, whose header says the shapes; None where there is none."""
    if not file.is_file():
        return None
    with file.open("rb") as weights:
        header = json.loads(weights.read(int.from_bytes(weights.read(8), "little")))
    shapes = [entry["shape"] for name, entry in header.items() if name != "__metadata__"]
    return int(shapes[0][-1]) if shapes else None


def _treats_sides_alike(module_type: str) -> bool:
    package, _, name = module_type.rpartition(".")
    return package.startswith("sentence_transformers") and name in _ALIKE_ON_BOTH_SIDES
