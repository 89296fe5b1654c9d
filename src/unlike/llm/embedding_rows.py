"""The token embeddings of a model as they lie in its safetensors files, without the other weights."""

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor
from transformers.utils.hub import cached_file

from unlike.errors import InputError

KEYS = ("embed_tokens.weight", "wte.weight")
"""How names of input embeddings end in the files of the models that vLLM takes prompt embeddings for."""
WEIGHTS = "model.safetensors"


def embedding_rows(name: str, source: str) -> Tensor:
    """(vocabulary, hidden) the rows as they lie in the file that holds them.

    Args:
        name: Of the model, for messages.
        source: Folder, or name on the hub.

    Raises:
        InputError: No weights have such a name.
        OSError: There are no safetensors.
    """
    index = cached_file(source, f"{WEIGHTS}.index.json", _raise_exceptions_for_missing_entries=False)
    places: dict[str, str] = json.loads(Path(index).read_text())["weight_map"] if index else {}
    file = cached_file(source, places[_key(name, places)] if places else WEIGHTS)
    with safe_open(str(file), framework="pt") as weights:
        return weights.get_tensor(_key(name, weights.keys()))


def _key(name: str, keys: Any) -> str:  # noqa: ANN401 - whatever can be iterated
    """The shortest name that fits; longer ones belong to parts of the model (DeepSeek's extra layers, for example)."""
    found = sorted((key for key in keys if f".{key}".endswith(tuple(f".{end}" for end in KEYS))), key=len)
    if not found:
        raise InputError(
            f"LLM {name!r}: no weights called {' or '.join(KEYS)}; soft prompts over vLLM need a model with such ones, "
            "as Llama, Qwen, Mistral, Phi and GPT-2; or use transformers:MODEL"
        )
    return found[0]
