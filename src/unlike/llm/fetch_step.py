"""Shared by both ways to fetch a model: progress reports, reading files in blocks, the check of disk space."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from unlike.errors import InputError

OnProgress = Callable[[int, int, str], None]
"""Called with the bytes done, the bytes in total, and the name of the current step."""
BLOCK_BYTES = 1 << 20


def read_blocks(opened: IO[bytes]) -> Iterator[bytes]:
    """The content of a file, a megabyte at a time."""
    while block := opened.read(BLOCK_BYTES):
        yield block


def size_of(file: Path) -> int:
    """Bytes of a file; 0 where there is none, also when it is deleted at this moment."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def check_space(name: str, folder: Path, n_bytes: int) -> None:
    """Check that there is enough disk space before a download begins.

    Args:
        name: Of the model.
        folder: Where it is downloaded to.
        n_bytes: How much will be written.

    Raises:
        InputError: There is less free space.
    """
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise InputError(
            f"model {name!r} needs {megabytes(n_bytes)} of free disk space, {folder} has {megabytes(free)}; free space, or set "
            "UNLIKE_CACHE to another folder"
        )


def megabytes(n_bytes: int) -> str:
    """A size in megabytes: "1,117 MB"."""
    return f"{round(n_bytes / 1_000_000):,} MB"
