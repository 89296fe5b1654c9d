"""BERTScore F1 by the ``bert-score`` library: how well the words of two texts match as a language model sees them.

The default is DEP's: allenai/led-base-16384, layer 6, neither idf weights nor rescaling. Any other model folder, or
model of the hub, serves as well, and the packaged encoder, "minilm", where there is no network; values of different models
or layers cannot be compared.

Source: Zhang et al., "BERTScore: Evaluating Text Generation with BERT", 2020; bert-score 0.3.13.
"""

import importlib
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from unlike.embed.sentence_transformer import packaged_minilm
from unlike.errors import InputError, MissingPart, first_line, how_to_install

MODEL, LAYER = "allenai/led-base-16384", 6
PACKAGED = "minilm"
BATCH = 16
"""Pairs at a time: the library keeps the vectors of all words of a call in memory."""

_LIBRARY = "_unlike_bert_score"
_FILES = ["*.json", "*.txt", "*.model", "*.safetensors", "*.bin"]

F1 = Callable[[list[str], list[str]], list[float]]
"""(texts, references), none of them empty, to F1."""


def bertscore(texts: Sequence[str], references: Sequence[str], model: str = MODEL, layer: int = LAYER) -> list[float]:
    """BERTScore F1 of each pair, in float32; 0 where either text is empty.

    Args:
        texts: Generated texts.
        references: The real text of each.
        model: A model folder, the name of a model of the hub, or "minilm" for the packaged encoder.
        layer: The layer whose hidden states represent the words.

    Raises:
        MissingPart: The library is not installed, or the model cannot be downloaded or loaded.
        InputError: The model has no such layer.
    """
    pairs = list(zip(texts, references, strict=True))
    # The library itself fails on empty texts with transformers 5; what it gave before is 0.
    places = [place for place, (text, real) in enumerate(pairs) if text.strip() and real.strip()]
    values = [0.0] * len(pairs)
    for start in range(0, len(places), BATCH):
        batch = places[start : start + BATCH]
        scores = _open(model, layer).f1([pairs[place][0] for place in batch], [pairs[place][1] for place in batch])
        for place, value in zip(batch, scores, strict=True):
            values[place] = value
    return values


def count_truncated(texts: Sequence[str], references: Sequence[str], model: str = MODEL, layer: int = LAYER) -> str:
    """A note on how many of the texts are longer than the model reads; empty where none is.

    Raises:
        MissingPart: The library is not installed, or the model cannot be downloaded or loaded.
    """
    tokenizer = _open(model, layer).tokenizer
    limit = int(tokenizer.model_max_length)
    whole = list(dict.fromkeys([*texts, *references]))
    n = sum(len(ids) > limit for ids in tokenizer(whole, truncation=False, verbose=False)["input_ids"]) if whole else 0
    return f"{n:,} of {len(whole):,} texts truncated to {limit:,} tokens" if n else ""


@dataclass(frozen=True, slots=True)
class _Opened:
    """The library's F1 with a loaded model."""

    f1: F1
    tokenizer: Any


@lru_cache(maxsize=1)
def _open(model: str, layer: int) -> _Opened:
    library = _import_library()
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer, network = _load(library, model, layer)
    network.to(device)
    weights: defaultdict[int, float] = defaultdict(lambda: 1.0)  # no idf weights; special tokens do not count
    weights[tokenizer.sep_token_id] = weights[tokenizer.cls_token_id] = 0.0

    def f1(texts: list[str], references: list[str]) -> list[float]:
        scored = library.bert_cos_score_idf(
            network, references, texts, tokenizer, weights, device=device, batch_size=BATCH
        )
        return scored[:, 2].tolist()

    return _Opened(f1, tokenizer)


def _import_library() -> ModuleType:
    """The library's computations under a name of our own.

    Importing ``bert_score`` itself also imports matplotlib and pandas for its plots, which takes seconds and writes a
    font cache.
    """
    spec = importlib.util.find_spec("bert_score")
    lacking = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if spec is None or lacking:
        raise MissingPart(f"BERTScore needs bert-score, which is not installed: {how_to_install('bertscore')}")
    if _LIBRARY not in sys.modules:
        package = ModuleType(_LIBRARY)
        package.__path__ = list(spec.submodule_search_locations or ())
        package.__dict__["__version__"] = ""
        sys.modules[_LIBRARY] = package
    return importlib.import_module(f"{_LIBRARY}.utils")


def _load(library: ModuleType, model: str, layer: int) -> tuple[Any, Any]:
    """Tokenizer, and network up to the layer."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    folder = _folder(model)
    try:
        tokenizer, network = library.get_tokenizer(folder), library.get_model(folder, layer)
    except AssertionError as error:  # how the library refuses a layer
        raise InputError(f"BERTScore: model {model!r}, layer {layer}: {first_line(error)}") from error
    except (OSError, ValueError) as error:
        raise MissingPart(f"BERTScore's model {model!r} cannot be loaded: {first_line(error)}") from error
    if tokenizer.model_max_length > 1_000_000:  # no limit is stated, and the library needs one to truncate
        tokenizer.model_max_length = 512
    return tokenizer, network


def _folder(model: str) -> str:
    """The folder of a model, downloaded once; without network the library would try again for a minute."""
    if model == PACKAGED:
        return str(packaged_minilm())
    if Path(model).is_dir():
        if not (Path(model) / "config.json").is_file():
            raise MissingPart(f"BERTScore's model {model!r} has no config.json; name the folder of a whole model")
        return model
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(model, allow_patterns=_FILES)
    except (OSError, ValueError) as error:
        raise MissingPart(
            f"BERTScore's model {model!r} is not a folder and could not be downloaded "
            f"({first_line(error)}); name a model folder: bertscore:FOLDER@LAYER"
        ) from error
