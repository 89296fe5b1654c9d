"""The log: one JSON object per line, about requests and never about their content.

No text, user id, path or query string of a request is written: of a request the route's template, of an error its name
and the places in the code. Of a message's arguments only numbers are written. Other libraries' messages may hold anything,
so only their origin is kept.
"""

import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from pydantic_core import to_json

LOG = logging.getLogger("unlike.serve")
_OURS = ("unlike", "uvicorn")
"""Loggers whose message templates are safe to log."""

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def log(event: str, level: int = logging.INFO, **facts: object) -> None:
    """Write a line.

    Args:
        event: What happened, the same words every time.
        level: Of ``logging``.
        facts: Without anything of a user.
    """
    if LOG.isEnabledFor(level):
        LOG.log(level, event, extra={"facts": facts})


def places_in(error: BaseException) -> list[str]:
    """Where an error came from, outermost first."""
    return [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]


class JsonLines(logging.Formatter):
    """A log record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if record.name.partition(".")[0] in _OURS:
            line["event"] = _event(record)
        else:
            line["where"] = f"{record.module}:{record.lineno}"
        line |= getattr(record, "facts", {}) | _failure(record.exc_info)
        return to_json(line).decode()


def write_log(to: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Send all that is logged in this process to a stream, in this form."""
    handler = logging.StreamHandler(to)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(level)


def _event(record: logging.LogRecord) -> str:
    """The message, with … in the place of every argument that is no number."""
    if not isinstance(record.args, tuple) or not record.args:
        return str(record.msg)
    return str(record.msg) % tuple(arg if isinstance(arg, int | float) else "…" for arg in record.args)


def _failure(exc_info: _ExcInfo | None) -> dict[str, Any]:
    error = exc_info[1] if exc_info else None
    return {"error": type(error).__name__, "places": places_in(error)} if error else {}
