"""The losses of a training as a picture: one panel a term, since their sizes differ by orders of magnitude."""

from pathlib import Path
from typing import Any

_TERMS = {"gen": "generation", "recon": "reconstruction", "sparse": "sparsity", "contrast": "contrast"}


def draw_losses(training: dict[str, Any], file: Path) -> None:
    """Draw the rows of ``training["losses"]`` as a PNG.

    Where the NLL of validation texts chose the checkpoint, its values are the dots of the first panel.
    """
    from matplotlib.figure import Figure

    rows: list[dict[str, float]] = training.get("losses", [])
    terms = [term for term in _TERMS if any(row.get(term) for row in rows)]
    if not terms:
        return
    figure = Figure(figsize=(4 * len(terms), 3), layout="constrained")
    for place, term in enumerate(terms):
        axes: Any = figure.add_subplot(1, len(terms), place + 1)
        axes.plot([row["step"] for row in rows], [row[term] for row in rows], linewidth=1, color="#2a6f97")
        if term == "gen":
            dots = [(row["step"], row["value"]) for row in training.get("validations", []) if row["value"] > 0]
            axes.plot(*zip(*dots, strict=True), "o", color="#b5542b", label="validation") if dots else None
            axes.legend(frameon=False) if dots else None
        axes.set(title=_TERMS[term], xlabel="step")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=120)
