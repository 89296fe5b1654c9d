"""Where a chat model of the transformers library comes from, and what its files name: token embeddings, ends of an answer.

Unpacking a GGUF file takes most of a minute or longer, so the weights of a model of the catalogue (SmolLM2-135M-Instruct
among them) are written once, at first use, as a model folder of the usual kind. They are written as bfloat16, the precision
these models were published in: then the model is the same, token embeddings and their digest included, whether it is opened
as float32 or as bfloat16.
"""

import importlib.util
import json
import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers.utils.hub import cached_file

from unlike.errors import InputError, MissingPart, first_line, how_to_install
from unlike.llm.model_catalogue import CATALOGUE, SMOLLM2, model_file, ready_model
from unlike.llm.smollm2 import packaged_smollm2
from unlike.settings import cache_folder

READY = "smollm2-135m-instruct"
KEYS = ("embed_tokens.weight", "wte.weight")
"""How names of input embeddings end in the files of the models that vLLM takes prompt embeddings for."""
WEIGHTS = "model.safetensors"


def source_of(name: str) -> str:
    """Folder or hub name of a catalogue name, a folder, or a hub name; what can only be a folder and is none is refused at once.

    Raises:
        InputError: No such folder.
        MissingPart: The model of a catalogue name is not here.
    """
    if name in CATALOGUE:
        return str(ready_folder(name))
    if not Path(name).is_dir() and not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", name):
        raise InputError(
            f"LLM {name!r}: no such folder; give a model folder, a model name of the hub, or one of {', '.join(CATALOGUE)}"
        )
    return name


def name_of(name: str, digest: str) -> str:
    """What journals call it: a folder by its last part and the beginning of its embeddings' digest."""
    return f"{Path(name).resolve().name}#{digest[:12]}" if Path(name).is_dir() and name not in CATALOGUE else name


def ends_of(named: int | list[int] | None, *others: int | None) -> tuple[int, ...]:
    """The token ids that end an answer, rising: what the model's files name, and the tokenizer's."""
    ends = {*(named if isinstance(named, list) else [named]), *others}
    return tuple(sorted(end for end in ends if end is not None))


@contextmanager
def explain_load_errors(name: str, what: str) -> Generator[None]:
    """Turn errors of loading a model into one line that begins with ``what``.

    Raises:
        MissingPart: The model needs a library that is not installed.
        InputError: The model cannot be loaded.
    """
    try:
        yield
    except ImportError as error:
        raise MissingPart(f"LLM {name!r} needs another library: {first_line(error)}") from error
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"LLM {name!r}: {what}: {first_line(error)}; give smollm2, a folder with configuration, tokenizer and "
            "safetensors of a causal LM, or a model name of the hub"
        ) from error


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


def ready_folder(name: str) -> Path:
    """The folder with model and tokenizer, written at first use (the packaged model: under a minute, 270 MB).

    Writing it needs two bytes of disk and about six bytes of memory per weight: 3 and 9 GB for 1.5 billion weights.

    Args:
        name: Of a model of the catalogue.

    Raises:
        MissingPart: The model is not here, or a package needed to unpack it is not installed.
        InputError: There is no such name, or the cache folder cannot be written.
    """
    ready = cache_folder() / READY if name == SMOLLM2 else model_file(name).with_suffix("")
    if ready.is_dir():
        return ready
    packed = packaged_smollm2() if name == SMOLLM2 else ready_model(name)
    lacking = [part for part in ("gguf", "accelerate") if importlib.util.find_spec(part) is None]
    if lacking:
        raise MissingPart(f"{name} needs the packages {', '.join(lacking)}; {how_to_install('latent')}")
    try:
        ready.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(ready.with_name(f"{ready.name}.lock")):
            # Whoever waited finds what the first one left.
            if not ready.is_dir():
                _write(packed, ready)
    except OSError as error:
        raise InputError(f"{ready} cannot be written: {error.strerror}; set UNLIKE_CACHE to another folder") from error
    return ready


def _write(packed: Path, ready: Path) -> None:
    """Put the whole folder in its place at once, or nothing."""
    part = ready.with_name(f"{ready.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        _unpack(packed, part)
        os.replace(part, ready)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unpack(packed: Path, folder: Path) -> None:
    source: dict[str, Any] = {"pretrained_model_name_or_path": str(packed.parent), "gguf_file": packed.name}
    tokenizer = transformers.AutoTokenizer.from_pretrained(**source)
    tokenizer.save_pretrained(str(folder))
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    # Where the weights came from no longer matters, and must not when the folder is read.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.to(torch.bfloat16).save_pretrained(str(folder))
