"""Names of encoders that are folders: by what the files hold, so that cached vectors belong to one model and no other."""

import hashlib
from pathlib import Path

from unlike.errors import InputError

_PARTS = ("*", "[0-9]*_*/*")
"""Where a model's files are: its folder, and those of the modules of sentence-transformers, as in 1_Pooling."""
_SUFFIXES = (".json", ".txt", ".model", ".safetensors", ".bin")


def name_of_folder(folder: Path) -> str:
    """A model folder as caches know it: its last part and a digest of configuration, tokenizer and weights.

    The same model has the same name in another place, and another one in the same place has another.

    Raises:
        InputError: A file cannot be read.
    """
    digest = hashlib.sha256()
    files = (file for part in _PARTS for file in folder.glob(part) if file.suffix in _SUFFIXES and file.is_file())
    try:
        for file in sorted(files):
            digest.update(f"{file.relative_to(folder).as_posix()}\0".encode())
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    except OSError as error:
        raise InputError(f"model folder {folder} cannot be read: {error.strerror}; give one that can") from error
    return f"{folder.resolve().name}#{digest.hexdigest()[:12]}"
