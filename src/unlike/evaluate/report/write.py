"""A report on disk: four files side by side, each of them whole or not there."""

import os
from contextlib import suppress
from pathlib import Path

from unlike.errors import InputError
from unlike.evaluate.report.as_csv import render_csv
from unlike.evaluate.report.as_html import render_html
from unlike.evaluate.report.as_latex import render_latex
from unlike.evaluate.report.as_markdown import render_markdown
from unlike.evaluate.statistics.findings import Findings

_HTML = (".html", ".htm")


def write_report(findings: Findings, out: Path) -> list[Path]:
    """Write the HTML page, and Markdown, CSV and LaTeX beside it under the same name.

    Args:
        findings: What the experiment found.
        out: The HTML file, report.html say; its folders are made.

    Returns:
        The files: HTML, Markdown, CSV, LaTeX.

    Raises:
        InputError: The name does not end in .html, or a file cannot be written.
    """
    if out.suffix.lower() not in _HTML:
        raise InputError(f"report cannot be written: {out} is no HTML file; name one that ends in .html")
    texts = {
        out: render_html(findings),
        out.with_suffix(".md"): render_markdown(findings),
        out.with_suffix(".csv"): render_csv(findings),
        out.with_suffix(".tex"): render_latex(findings),
    }
    parts = {path: path.with_name(f"{path.name}.{os.getpid()}.part") for path in texts}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            parts[path].write_text(text, encoding="utf-8", newline="\n")
        for path, part in parts.items():
            os.replace(part, path)
    except OSError as error:
        raise InputError(f"report {out} cannot be written: {error.strerror}; name another file with --out") from error
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink()
    return list(texts)
