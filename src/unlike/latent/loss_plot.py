"""A plot of the losses of a training, kept beside the adapter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def draw_losses(training: Mapping[str, Any], file: Path) -> None:
    """Draw the losses of an adapter's metadata as a PNG: a panel per term, since the terms differ by orders of magnitude.

    Where the NLL of validation texts chose the checkpoint, its values are dots in the first panel.
    """
    from matplotlib.figure import Figure

    titles = {"gen": "generation", "recon": "reconstruction", "sparse": "sparsity", "contrast": "contrast"}
    rows: list[dict[str, float]] = training.get("losses", [])
    terms = [term for term in titles if any(row.get(term) for row in rows)]
    if not terms:
        return
    dots = [(row["step"], row["value"]) for row in training["validations"] if training["chosen_by"] == "nll"]
    figure = Figure(figsize=(4 * len(terms), 3), layout="constrained")
    for place, term in enumerate(terms):
        axes: Any = figure.add_subplot(1, len(terms), place + 1)
        axes.plot([row["step"] for row in rows], [row[term] for row in rows], linewidth=1, color="#2a6f97")
        if term == "gen" and dots:
            axes.plot(*zip(*dots, strict=True), "o", color="#b5542b", label="validation")
            axes.legend(frameon=False)
        axes.set(title=titles[term], xlabel="step")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=120)
