"""The losses of a training as a picture: one panel a term, since their sizes differ by orders of magnitude."""

from pathlib import Path
from typing import Any

_TERMS = {"gen": "generation", "recon": "reconstruction", "sparse": "sparsity", "contrast": "contrast"}


def draw_losses(training: dict[str, Any], file: Path) -> None:
    """Draw the rows of ``training["losses"]`` as a PNG; the dots of the first panel are the validation's values."""
    from matplotlib.figure import Figure

    rows: list[dict[str, float]] = training.get("losses", [])
    terms = [term for term in _TERMS if any(row.get(term) for row in rows)]
    if not terms:
        return
    figure = Figure(figsize=(4 * len(terms), 3), layout="constrained")
    for place, term in enumerate(terms):
        axes: Any = figure.add_subplot(1, len(terms), place + 1)
        axes.plot([row["step"] for row in rows], [row[term] for row in rows], linewidth=1, color="#2a6f97")
        axes.set(title=_TERMS[term], xlabel="step")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=120)
