"""The corpus folder on disk: three Parquet files and a manifest, there whole or not at all.

Made in a temporary folder beside its place and renamed when complete, so a kill leaves no half corpus. Nothing in it
depends on the machine or the time, so the same input gives the same bytes.
"""

import errno
import glob
import hashlib
import json
import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unlike.errors import InputError

FILES = ("records.parquet", "items.parquet", "cases.parquet")
MANIFEST = "manifest.json"
QUARANTINE = "quarantine.jsonl"
OWN_FILES = (*FILES, MANIFEST, QUARANTINE)
SPLITS = ("train", "validation", "test")


@contextmanager
def building(out: Path) -> Generator[Path]:
    """A temporary folder that takes the place of ``out`` when the block ends well, and goes when it does not.

    Raises:
        InputError: ``out`` holds something that is no corpus, or the disk cannot take the new one.
    """
    out = out.absolute()
    if out.is_file() or (out.is_dir() and not is_corpus(out) and any(out.iterdir())):
        raise InputError(f"{out.name} exists and is no corpus; give a new folder, or empty that one")
    others = [file.name for file in out.iterdir() if file.name not in OWN_FILES] if out.is_dir() else []
    if others:
        raise InputError(f"{out.name} holds {min(others)} beside its corpus; move it away, or give a new folder")
    temporary = out.with_name(f".{out.name}.partial-{os.getpid()}")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        _sweep(out)
        temporary.mkdir()
        try:
            yield temporary
            _take_place(temporary, out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def writing(out: Path) -> Generator[None]:
    """Turn a full or read-only disk into one clear error."""
    try:
        yield
    except Exception as error:
        # Polars wraps the system's error and keeps only its text.
        code = getattr(error, "errno", None)
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG):
            if code == number or f"(os error {number})" in str(error):
                what = os.strerror(number)
                raise InputError(f"cannot write {out.name}: {what}; make room or choose another folder") from error
        raise


def _sweep(out: Path) -> None:
    """Remove what killed runs left; an old corpus whose replacement never took its place is moved back."""
    for part in ("old", "partial"):
        for stale in out.parent.glob(f".{glob.escape(out.name)}.{part}-*"):
            process = int(stale.name.rpartition("-")[2])
            if process != os.getpid() and _runs(process):
                continue
            if part == "old" and not out.exists():
                stale.rename(out)
            else:
                shutil.rmtree(stale, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _take_place(temporary: Path, out: Path) -> None:
    old = out.with_name(f".{out.name}.old-{os.getpid()}")
    if out.exists():
        out.rename(old)
    temporary.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``manifest.json`` with these facts and the hashes of the files beside it; returns it."""
    files = [name for name in (*FILES, QUARANTINE) if (folder / name).exists()]
    manifest = {**facts, "hashes": {name: digest(folder / name) for name in files}}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return manifest


def is_corpus(folder: Path) -> bool:
    """Whether a folder has a manifest of ours; its files are not checked, and others may be beside them."""
    try:
        hashes = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["hashes"]
        return all(name in hashes for name in FILES)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a corpus folder, its files checked against it.

    Raises:
        InputError: There is no corpus, or a file is not the one that was written.
    """
    if not (folder / MANIFEST).is_file():
        raise InputError(f"no corpus in {folder}: it has no {MANIFEST}; make one with unlike curate")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        hashes = {name: manifest["hashes"][name] for name in FILES}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{MANIFEST} of {folder} is damaged: {error}; make the corpus again") from error
    for name, expected in hashes.items():
        if not (folder / name).is_file():
            raise InputError(f"{name} is missing from {folder}; make the corpus again")
        if digest(folder / name) != expected:
            raise InputError(f"{name} of {folder} is not the file its manifest names; make the corpus again")
    return manifest


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
