"""Sweeps as curves: a line a method for each setting that was varied alone."""

from collections.abc import Sequence

from unlike.evaluate.statistics.findings import Curve
from unlike.evaluate.statistics.measured import Groups, MeasuredRun
from unlike.evaluate.statistics.variants import cell


def curves(groups: Groups, metrics: Sequence[str]) -> list[Curve]:
    """A line a method for each setting that a sweep varied alone."""
    found: list[Curve] = []
    for setting in ("n_peers", "n_records"):
        swept = {
            str(runs[0].facts["method"]) for runs in groups.values() if set(runs[0].facts.get("apart", {})) == {setting}
        }
        lines_of = {
            method: [runs for runs in groups.values() if _on_line(runs, method, setting)] for method in sorted(swept)
        }
        for metric in metrics:
            lines = {method: _line(members, setting, metric) for method, members in lines_of.items()}
            found += [Curve(setting, metric, lines)] if any(len(line) > 1 for line in lines.values()) else []
    return found


def _on_line(runs: Sequence[MeasuredRun], method: str, setting: str) -> bool:
    return runs[0].facts["method"] == method and set(runs[0].facts.get("apart", {})) <= {setting}


def _line(
    members: Sequence[Sequence[MeasuredRun]], setting: str, metric: str
) -> list[tuple[float, float, float | None, float | None]]:
    points: dict[float, tuple[float, float, float | None, float | None]] = {}
    for runs in members:
        measured = cell(runs, metric)
        if measured.mean is not None:
            x = float(runs[0].facts["settings"][setting])
            points[x] = (x, measured.mean, measured.low, measured.high)
    return [points[x] for x in sorted(points)]
