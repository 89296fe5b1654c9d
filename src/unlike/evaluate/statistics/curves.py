"""Sweeps of one setting: a line per method, each of its points a variant."""

from collections.abc import Sequence

from unlike.evaluate.statistics.findings import Curve
from unlike.evaluate.statistics.measured import PLAIN, Groups, MeasuredRun, cell, counterparts, distinct_names, kind_of

Point = tuple[float, float, float | None, float | None]
"""Value of the setting, mean, and the ends of its interval."""


def curves(groups: Groups, metrics: Sequence[str]) -> list[Curve]:
    """A line for each setting that a sweep varied alone, per method and what else differs; with N = 0 it is Non-Perso."""
    found: list[Curve] = []
    for setting in ("n_peers", "n_records"):
        members_of = _swept(groups, setting)
        for metric in metrics:
            lines = {
                line: _line([groups[name] for name in members], setting, metric) for line, members in members_of.items()
            }
            if setting == "n_records":
                lines = {line: _at_0(groups, members_of[line], metric) + points for line, points in lines.items()}
            found += [Curve(setting, metric, lines)] if any(len(points) > 1 for points in lines.values()) else []
    return found


def _swept(groups: Groups, setting: str) -> dict[str, list[str]]:
    """The variants of each line, which differ in one setting; a method with several lines has a folder in their names."""
    found: dict[str, list[str]] = {}
    for method in sorted({str(runs[0].facts["method"]) for runs in groups.values()}):
        alike = _alike([name for name, runs in groups.items() if runs[0].facts["method"] == method], groups, setting)
        lines = [names for names in alike if _varies([groups[name][0] for name in names], setting)]
        where = distinct_names([groups[names[0]][0].folder for names in lines])
        found |= {
            f"{method} ({at})" if len(lines) > 1 else method: names for at, names in zip(where, lines, strict=True)
        }
    return found


def _alike(names: Sequence[str], groups: Groups, setting: str) -> list[list[str]]:
    """Variants that differ in one setting, and in their adapters only where each value of the setting has its own."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(kind_of(groups[name][0], setting, "adapter"), []).append(name)
    lines: list[list[str]] = []
    for members in found.values():
        settings = {name: groups[name][0].facts["settings"] for name in members}
        each_its_own = len({settings[name].get(setting) for name in members}) == len(members)
        by_adapter: dict[str, list[str]] = {}
        for name in members:
            by_adapter.setdefault("" if each_its_own else settings[name].get("adapter", ""), []).append(name)
        lines += by_adapter.values()
    return lines


def _varies(runs: Sequence[MeasuredRun], setting: str) -> bool:
    """Whether a sweep made some of these runs, which differ in one setting."""
    aparts = [set(run.facts.get("apart", {})) for run in runs]
    return {setting} in aparts or (len(runs) > 1 and any(setting in apart for apart in aparts))


def _at_0(groups: Groups, members: Sequence[str], metric: str) -> list[Point]:
    """Non-Perso as a point of a line."""
    plain = counterparts(groups, members[0], PLAIN, "n_records")
    return _point(0.0, groups[plain[0]], metric) if plain else []


def _line(members: Sequence[Sequence[MeasuredRun]], setting: str, metric: str) -> list[Point]:
    points: dict[float, Point] = {}
    for runs in members:
        for point in _point(float(runs[0].facts["settings"][setting]), runs, metric):
            points[point[0]] = point
    return [points[x] for x in sorted(points)]


def _point(x: float, runs: Sequence[MeasuredRun], metric: str) -> list[Point]:
    """A point of a curve; none where nothing was scored."""
    measured = cell(runs, metric)
    return [] if measured.mean is None else [(x, measured.mean, measured.low, measured.high)]
