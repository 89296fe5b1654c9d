"""Finds tables and opens their bytes: folders, archives, compressed files, standard input; formats by name or content."""

import atexit
import bz2
import gzip
import io
import lzma
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import unquote

import polars as pl

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from unlike.errors import InputError

FORMATS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet",
    ".pq": "parquet", ".txt": "",
}  # fmt: skip
"""By suffix; an empty format, like a missing suffix, is detected by content."""
STDIN = Path("-")
_HEAD_BYTES = 4096
COMPRESSION: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": zstd.open,
}  # fmt: skip
MAGIC = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ": ".xz", b"\x28\xb5\x2f\xfd": ".zst", b"PK\x03\x04": ".zip"}


@dataclass(frozen=True, slots=True)
class TableFile:
    """One table: a file, or a member of a zip archive.

    Attributes:
        name: For messages.
        path: Of the file.
        member: Within the archive.
        constants: Columns with the same value in all rows, from folder names such as ``category=Books``.
    """

    name: str
    path: Path
    member: str = ""
    constants: Mapping[str, str | None] = field(default_factory=dict[str, str | None])

    def open(self) -> io.BufferedReader:
        """The bytes, decompressed."""
        raw: Any = self._decompressed()
        # BufferedReader splits lines in C, which the decompressing files do not.
        return raw if isinstance(raw, io.BufferedReader) else cast(io.BufferedReader, io.BufferedReader(raw, 1 << 20))

    def _decompressed(self) -> IO[bytes]:
        if self.member:
            try:
                return zipfile.ZipFile(self.path).open(self.member)
            except RuntimeError as error:  # encrypted, or of an unsupported method
                raise InputError(
                    f"{self.name} cannot be unpacked: {error}; unpack the archive and give the folder"
                ) from error
        suffix = _compression(self.path)
        return COMPRESSION[suffix](self.path) if suffix in COMPRESSION else self.path.open("rb")

    def head(self) -> bytes:
        """The first bytes."""
        with self.open() as file:
            return file.read(_HEAD_BYTES)

    @property
    def format(self) -> str:
        """Its format by name, or else by content: jsonl, csv, tsv or parquet."""
        return _named_format(Path(self.member or self.path.name)) or _format_in(self.head())


def files_of(path: Path) -> list[TableFile]:
    """The tables at a path, in the order of their names.

    Args:
        path: A file, a folder with files at any depth, a zip archive, or "-" for standard input.

    Raises:
        InputError: There are none, or none of a known format.
    """
    if path == STDIN:
        return [TableFile("standard input", _kept_stdin())]
    if not path.exists():
        raise InputError(f"no such file: {path}; give the path of a {', '.join(FORMATS)} file or a folder of them")
    files = [path] if path.is_file() else sorted(_inside(path))
    tables = [table for file in files for table in _tables_in(file, path)]
    if not tables:
        what = "is no table by its name" if path.is_file() else "holds no table"
        raise InputError(
            f"{path.name} {what}; allowed are {', '.join(FORMATS)}, plain or in {', '.join(COMPRESSION)}, and .zip"
        )
    return tables


def _inside(folder: Path) -> Iterator[Path]:
    """Files at any depth, without those whose name or folder begins with _ or ., which hold no tables."""
    for path in folder.rglob("*"):
        if path.is_file() and not any(part[0] in "_." for part in path.relative_to(folder).parts):
            yield path


def _tables_in(file: Path, root: Path) -> Iterator[TableFile]:
    if _compression(file) == ".zip":
        with reading(file.name), zipfile.ZipFile(file) as archive:
            members = sorted(one for one in archive.namelist() if not one.endswith("/") and one[0] not in "_.")
        yield from (
            TableFile(f"{file.name}/{one}", file, one) for one in members if _named_format(Path(one)) is not None
        )
    elif _named_format(file) is not None:
        folders = file.relative_to(root).parts[:-1] if root.is_dir() else ()
        pairs = (part.partition("=") for part in folders if "=" in part)
        constants = {
            name: None if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value) for name, _, value in pairs
        }
        name = file.relative_to(root).as_posix() if root.is_dir() else file.name
        yield TableFile(name, file, constants=constants)


def _named_format(path: Path) -> str | None:
    """The format that a name stands for; empty where it is detected by content, None where the file is no table."""
    *others, last = ["", *(suffix.lower() for suffix in path.suffixes)]
    if last not in COMPRESSION:
        return FORMATS.get(last) if last else ""
    inner = FORMATS.get(others[-1], "")
    return None if inner == "parquet" else inner


def _compression(file: Path) -> str:
    """The suffix of the compression, by name, or by content for a name without a suffix."""
    if file.suffix:
        return file.suffix.lower()
    with file.open("rb") as raw:
        head = raw.read(8)
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), "")


def _format_in(head: bytes) -> str:
    if head.startswith(b"PAR1"):
        return "parquet"
    text = head.replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").lstrip()
    return "jsonl" if text[:1] in (b"{", b"[") or not text else "csv"


def _kept_stdin() -> Path:
    """Standard input as a temporary file, because a table is opened more than once."""
    folder = Path(tempfile.mkdtemp(prefix="unlike-stdin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with (folder / "input").open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return folder / "input"


@contextmanager
def reading(name: str) -> Generator[None]:
    """Convert the exceptions of damaged and unreadable files to one clear error."""
    try:
        yield
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile, zstd.ZstdError) as error:
        kind = Path(name).suffix.removeprefix(".").replace("gz", "gzip") or "compressed"
        raise InputError(f"{name} is a broken {kind} file: {error}; download or compress it again") from error
    except pl.exceptions.ComputeError as error:
        raise InputError(f"{name} cannot be read: {str(error).splitlines()[0]}; check its format") from error
    except PermissionError as error:
        raise InputError(f"{name} cannot be opened: {error.strerror}; check its permissions") from error
    except OSError as error:
        if error.errno is None:  # raised by bz2 for data that is not bz2
            raise InputError(f"{name} is a broken file: {error}; download or compress it again") from error
        raise
