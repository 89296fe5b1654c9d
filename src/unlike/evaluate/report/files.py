"""The files of a report: what a person reads and, beside it, every figure as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from unlike.evaluate.running.run_method import write_all

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def write_with_figures(report: "DataclassInstance", name: str, texts: Mapping[str, str], out: Path) -> list[Path]:
    """Write the texts of a report, by suffix, and its figures as JSON; returns the files.

    Args:
        report: What was measured.
        name: Name of the files, without suffixes.
        texts: Such as {".md": "# Identity"}.
        out: Folder of the files.

    Raises:
        InputError: One cannot be written.
    """
    figures = json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n"
    return write_all({f"{name}.json": figures, **{name + suffix: text for suffix, text in texts.items()}}, out)
