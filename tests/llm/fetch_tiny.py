"""A process that fetches the tiny model, to be killed: ``python -m tests.llm.fetch_tiny [STEP BYTES | BYTES | command]``.

With STEP and BYTES it kills itself (SIGKILL) when so much of that step is done; with BYTES alone no file may grow beyond
them; with "command" it is ``unlike models get tiny``.
"""

import os
import resource
import signal
import sys

from tests.llm.model_sources import TINY
from unlike.errors import UnlikeError
from unlike.llm.fetch_model import fetch_model
from unlike.llm.shelf import SHELF

SHELF[TINY.name] = TINY
if sys.argv[1:] == ["command"]:
    from unlike.cli.main import main

    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
    sys.argv = ["unlike", "models", "get", TINY.name]
    main()
    sys.exit()
*step, n_bytes = sys.argv[1:] or ["0"]
if n_bytes != "0" and not step:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(n_bytes), int(n_bytes)))


def on_progress(n_done: int, n_total: int, now: str) -> None:
    print(now, n_done, flush=True)  # noqa: T201
    if [now] == step and n_done >= int(n_bytes):
        os.kill(os.getpid(), signal.SIGKILL)


try:
    print(fetch_model(TINY.name, on_progress))  # noqa: T201
except UnlikeError as error:
    sys.exit(f"{type(error).__name__}: {error}")
