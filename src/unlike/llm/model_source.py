"""Where a chat model of the transformers library comes from, and what its files name: the tokens that end an answer."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from unlike.errors import InputError, MissingPart, first_line
from unlike.llm.model_catalogue import CATALOGUE
from unlike.llm.smollm2_torch import ready_folder


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
