"""The weights of a model folder, tensor by tensor: a model of many GB costs no more than what is asked of it.

The folder is as the transformers library writes it: ``model.safetensors``, or several files and an index. Only files
that hold a wanted tensor are opened, and only the wanted rows of a tensor are read.
"""

import json
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from unlike.errors import InputError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
CHUNK_ROWS = 4096


class Shards:
    """Weights by name, in the precision they are stored in.

    Args:
        folder: The model folder.

    Raises:
        InputError: A file is missing or cannot be read; all methods may raise it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with self._told():
            self._file_of = self._files()

    def require(self, names: Iterable[str]) -> None:
        """Fail where a weight is missing; the error names every one that is."""
        missing = [name for name in names if name not in self._file_of]
        if missing:
            raise InputError(
                f"model folder {self._folder}: no weights {', '.join(missing)}; give a model that has them"
            )

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape, from the file's header."""
        with self._opened(name) as weight:
            return tuple(weight.get_shape())

    def tensor(self, name: str) -> Tensor:
        """The whole tensor."""
        with self._opened(name) as weight:
            return weight[:]

    def rows(self, name: str, first: int, behind: int) -> Tensor:
        """The rows from ``first`` up to, without, ``behind``."""
        with self._opened(name) as weight:
            return weight[first:behind]

    def chunks(self, name: str, n_rows: int) -> Iterator[Tensor]:
        """The first ``n_rows`` rows, some thousand at a time."""
        for first in range(0, n_rows, CHUNK_ROWS):
            yield self.rows(name, first, min(first + CHUNK_ROWS, n_rows))

    @contextmanager
    def _opened(self, name: str) -> Generator[Any]:
        file = self._folder / self._file_of[name]
        if not file.is_file():
            raise self._without(file.name)
        with self._told(), safe_open(file, framework="pt") as weights:
            yield weights.get_slice(name)

    def _files(self) -> dict[str, str]:
        """Which file each tensor lies in."""
        index, single = self._folder / INDEX, self._folder / SINGLE
        if index.is_file():
            return dict(json.loads(index.read_text(encoding="utf-8"))["weight_map"])
        if not single.is_file():
            raise self._without(f"{INDEX} or {SINGLE}")
        with safe_open(single, framework="pt") as weights:
            return dict.fromkeys(weights.keys(), SINGLE)

    def _without(self, file: str) -> InputError:
        return InputError(
            f"model folder {self._folder}: {file} is missing; give a folder with a model's safetensors files"
        )

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise InputError(f"model folder {self._folder} cannot be read: {error}; fetch its files again") from error
