"""The files that ``unlike identity`` writes: tables, pictures and all figures."""

import json
from dataclasses import asdict
from pathlib import Path

from unlike.evaluate.identity.measure import IdentityReport
from unlike.evaluate.report.identity import curves_picture, render_identity, result_picture
from unlike.evaluate.running.run_method import write_all


def write_identity(report: IdentityReport, name: str, out: Path) -> list[Path]:
    """Write tables, pictures and figures.

    Args:
        report: What was measured.
        name: Name of the files, without suffixes.
        out: Folder of the files.

    Returns:
        The files.

    Raises:
        InputError: One cannot be written.
    """
    texts = {
        f"{name}.json": json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n",
        f"{name}.md": render_identity(report, f"Identity: {name}"),
        f"{name}.svg": result_picture(report, f"Who wrote it? {name}", "share"),
        f"{name}_areas.svg": result_picture(report, f"Who wrote it? {name}, all scores pooled", "auc"),
        f"{name}_curves.svg": curves_picture(report, f"Who wrote it? {name}, by N and K"),
    }
    return write_all(texts, out)
