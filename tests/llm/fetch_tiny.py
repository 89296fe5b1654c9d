"""A process that fetches the tiny model: ``python -m tests.llm.fetch_tiny [STEP BYTES | BYTES | full | command]``.

With STEP and BYTES it kills itself (SIGKILL) when so much of that step is done. With BYTES alone no file may grow beyond
them. With "full" the file system of the cache is filled to its last byte once the download has begun. With "command" it is
``unlike models get tiny``.
"""

import contextlib
import os
import resource
import signal
import sys
from pathlib import Path

from tests.llm.model_sources import TINY
from unlike.errors import UnlikeError
from unlike.llm.fetch_model import fetch_model
from unlike.llm.model_catalogue import CATALOGUE, model_file, models_folder

CATALOGUE[TINY.name] = TINY
if sys.argv[1:] == ["command"]:
    from unlike.cli.main import main

    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
    sys.argv = ["unlike", "models", "get", TINY.name]
    main()
    sys.exit()
full = sys.argv[1:] == ["full"]
*step, n_bytes = ["0"] if full else sys.argv[1:] or ["0"]
if n_bytes != "0" and not step:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(n_bytes), int(n_bytes)))


def fill(file: Path) -> None:
    """Write until nothing more fits."""
    with file.open("ab", buffering=0) as opened, contextlib.suppress(OSError):
        while True:
            opened.write(bytes(1024))


def on_progress(n_done: int, n_total: int, now: str) -> None:
    print(now, n_done, flush=True)  # noqa: T201
    if full and n_done:
        fill(models_folder() / "other")
    if [now] == step and n_done >= int(n_bytes):
        os.kill(os.getpid(), signal.SIGKILL)


try:
    print(fetch_model(TINY.name, on_progress))  # noqa: T201
except UnlikeError as error:
    sys.exit(f"{type(error).__name__}: {error}; under the name: {model_file(TINY.name).exists()}")
