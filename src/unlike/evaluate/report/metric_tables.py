"""Variants as rows, metrics as columns: the main table, and the sanity table of all other metrics."""

from collections.abc import Sequence

from unlike.evaluate.report.layout import Entry, Group, Row, Table, letter
from unlike.evaluate.report.wording import NOT_AVAILABLE, finite, value
from unlike.evaluate.statistics.findings import Cell, Findings, Test, Variant

Tests = dict[tuple[str, str, str], Test]
"""By (variant, metric, unit)."""

_LEGEND = (
    "Marks compare with the best baseline of that metric, after Holm's correction: * p < 0.05 and ** p < 0.01 over users, "
    "† p < 0.05 over runs; ↓ where the value is the lower one."
)


def main_table(findings: Findings) -> Table | None:
    """The table of the main metrics, with published figures where they survive."""
    if not findings.variants or not findings.main:
        return None
    caption = "Mean ± standard deviation over runs; best in bold, second best underlined."
    return _metric_table(findings, "main", caption, findings.main, _about_papers(findings))


def sanity_table(findings: Findings) -> Table | None:
    """The table of what keeps the main metrics honest: equal length, diversity, length, leakage."""
    others = [name for name, _, _ in findings.metrics if name not in findings.main]
    if not findings.variants or not others:
        return None
    return _metric_table(findings, "sanity", "The other metrics, as mean ± standard deviation over runs.", others, ())


def labels(findings: Findings) -> dict[str, str]:
    """The words of each metric, with its unit where it has one."""
    return {
        name: f"{label} ({scale})" if isinstance(scale, str) and scale else label
        for name, label, scale in findings.metrics
    }


def scales(findings: Findings) -> dict[str, float | str]:
    """The scale of each metric."""
    return {name: scale for name, _, scale in findings.metrics}


def by_place(tests: Sequence[Test]) -> Tests:
    """The tests by (variant, metric, unit)."""
    return {(test.variant, test.metric, test.unit): test for test in tests}


def marks(tests: Tests, variant: str, metric: str) -> str:
    """The marks of significance of one place in a table.

    A difference to the worse is marked as well: what differs reliably is not always better.
    """
    users, runs = tests.get((variant, metric, "users")), tests.get((variant, metric, "runs"))
    found = [test for test in (users, runs) if _below(test, 0.05)]
    stars = "**" if _below(users, 0.01) else "*" if _below(users, 0.05) else ""
    lower = "↓" if any(test and test.difference < 0 for test in found) else ""
    return stars + ("†" if _below(runs, 0.05) else "") + lower


def _below(test: Test | None, level: float) -> bool:
    return test is not None and test.p_holm is not None and test.p_holm < level


def _metric_table(
    findings: Findings, name: str, caption: str, metrics: Sequence[str], remarks: tuple[str, ...]
) -> Table:
    notes = list(dict.fromkeys(cell.note for v in findings.variants for cell in _cells(v, metrics) if cell.note))
    letters = {note: letter(position) for position, note in enumerate(notes)}
    groups = [
        Group(tuple(_row(findings, variant, metrics, letters) for variant in variants), label)
        for label, variants in _grouped(findings.variants)
    ]
    marked = any(entry.marks for group in groups for row in group.rows for entry in row)
    return Table(
        name,
        caption,
        ("Variant", *(labels(findings).get(metric, metric) for metric in metrics), "n", "failed"),
        tuple(groups),
        footnotes=tuple((mark, note) for note, mark in letters.items()),
        remarks=((_LEGEND,) if marked else ()) + remarks,
    )


def _grouped(variants: Sequence[Variant]) -> list[tuple[str, list[Variant]]]:
    """Baselines first; labels only where there are both kinds."""
    baselines, others = [v for v in variants if v.is_baseline], [v for v in variants if not v.is_baseline]
    if baselines and others:
        return [("Baselines", baselines), ("Compared with the best baseline", others)]
    return [("", baselines or others)]


def _cells(variant: Variant, metrics: Sequence[str]) -> list[Cell]:
    return [variant.cells[metric] for metric in metrics if metric in variant.cells]


def _row(findings: Findings, variant: Variant, metrics: Sequence[str], letters: dict[str, str]) -> Row:
    cells = _cells(variant, metrics)
    settings = ", ".join(f"{key} = {setting}" for key, setting in variant.settings.items())
    return (
        Entry(variant.name, small=settings),
        *(_entry(findings, variant, metric, letters) for metric in metrics),
        Entry(str(max((cell.n for cell in cells), default=0))),
        Entry(str(max((cell.n_failed for cell in cells), default=0))),
    )


def _entry(findings: Findings, variant: Variant, metric: str, letters: dict[str, str]) -> Entry:
    cell, scale = variant.cells.get(metric, Cell(None)), scales(findings).get(metric, 1.0)
    published = _published(findings, variant).get(metric)
    small = "" if published is None else f"paper: {value(published, scale)}"
    footnote = letters.get(cell.note, "")
    if finite(cell.mean) is None:
        return Entry(NOT_AVAILABLE, small=small, footnote=footnote)
    spread = "" if finite(cell.std) is None else f" ± {value(cell.std, scale)}"
    place = marks(by_place(findings.tests), variant.name, metric)
    return Entry(value(cell.mean, scale) + spread, cell.rank, place, small, footnote)


def _published(findings: Findings, variant: Variant) -> dict[str, float]:
    """The papers' figures of a variant by name of metric; they come by its label."""
    return {name: variant.paper[label] for name, label, _ in findings.metrics if label in variant.paper}


def _about_papers(findings: Findings) -> tuple[str, ...]:
    """Which published figures there are none of, and those of metrics that are not in this report."""
    without = [variant.name for variant in findings.variants if not variant.paper]
    if len(without) == len(findings.variants):
        return ("No published figures are available for these variants.",)
    shown = {label for _, label, _ in findings.metrics}
    more = [
        f"Published for {variant.name} besides: {', '.join(f'{k} {v:g}' for k, v in rest.items())}."
        for variant in findings.variants
        if (rest := {key: figure for key, figure in variant.paper.items() if key not in shown})
    ]
    return (*more, f"No published figures are available for: {', '.join(without)}.") if without else tuple(more)
