"""Models of the catalogue, SmolLM2-135M-Instruct among them, as model folders for PyTorch.

Unpacking a GGUF file takes most of a minute or longer, so the weights are written once, at first use, as a model folder of
the usual kind. They are written as bfloat16, the precision these models were published in: then the model is the same,
token embeddings and their digest included, whether it is opened as float32 or as bfloat16.
"""

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import torch
import transformers
from filelock import FileLock

from unlike.errors import InputError, MissingPart, how_to_install
from unlike.llm.model_catalogue import SMOLLM2, model_file, ready_model
from unlike.llm.smollm2 import packaged_smollm2
from unlike.settings import cache_folder

READY = "smollm2-135m-instruct"


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
