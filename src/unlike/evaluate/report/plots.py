"""All plots of a report, in sections."""

from collections.abc import Iterable
from dataclasses import dataclass

from unlike.evaluate.report.bars import bars, halves
from unlike.evaluate.report.gain_table import by_variant
from unlike.evaluate.report.lines import curve_plot
from unlike.evaluate.report.metric_tables import labels, scales
from unlike.evaluate.report.scatter import scatter
from unlike.evaluate.report.strips import strip
from unlike.evaluate.report.svg import Figure
from unlike.evaluate.statistics.findings import Findings


@dataclass(frozen=True, slots=True)
class PlotSection:
    """Plots that answer one question.

    Attributes:
        heading: The question.
        shown: Plots to be seen at once.
        folded: (what, plots) of plots that open on demand.
    """

    heading: str
    shown: list[Figure]
    folded: list[tuple[str, list[Figure]]]


def plot_sections(findings: Findings) -> list[PlotSection]:
    """Every section that has a plot."""
    sections = [
        PlotSection("Values with their intervals", value_plots(findings), []),
        PlotSection("Sweeps", curve_plots(findings), []),
        PlotSection("Unique users and the others", half_plots(findings), []),
        gain_section(findings),
        PlotSection("Quality against tokens", token_plots(findings), []),
    ]
    return [section for section in sections if section.shown]


def value_plots(findings: Findings) -> list[Figure]:
    """Bars with intervals, a plot a main metric."""
    words, scale = labels(findings), scales(findings)
    ordered = sorted(findings.variants, key=lambda variant: not variant.is_baseline)
    return _drawn(
        bars(f"bars-{number}", words.get(name, name), scale.get(name, 1.0), name, ordered)
        for number, name in enumerate(findings.main)
    )


def curve_plots(findings: Findings) -> list[Figure]:
    """A plot a sweep and metric."""
    words, scale = labels(findings), scales(findings)
    return _drawn(
        curve_plot(f"curve-{number}", words.get(curve.metric, curve.metric), scale.get(curve.metric, 1.0), curve)
        for number, curve in enumerate(findings.curves)
    )


def half_plots(findings: Findings) -> list[Figure]:
    """Gains in two halves of the users, a plot a metric."""
    words, scale = labels(findings), scales(findings)
    metrics = dict.fromkeys(half.metric for half in findings.halves)
    return _drawn(
        halves(
            f"halves-{number}",
            words.get(name, name),
            scale.get(name, 1.0),
            [half for half in findings.halves if half.metric == name],
        )
        for number, name in enumerate(metrics)
    )


def gain_section(findings: Findings) -> PlotSection:
    """Gain of each user: the first metric to be seen at once, the others folded."""
    words = labels(findings)
    per_metric: dict[str, list[Figure]] = {}
    for number, ((variant, metric), gains) in enumerate(by_variant(findings.gains).items()):
        within = [gain.gain for gain in findings.gains if gain.metric == metric]
        figure = strip(f"gain-{number}", variant, words.get(metric, metric), [gain.gain for gain in gains], within)
        per_metric.setdefault(metric, []).extend(_drawn([figure]))
    sections = [(words.get(metric, metric), figures) for metric, figures in per_metric.items() if figures]
    return PlotSection("Gain of each user over Non-Perso", sections[0][1] if sections else [], sections[1:])


def token_plots(findings: Findings) -> list[Figure]:
    """Quality over tokens, a plot a main metric; with a single variant there is nothing to weigh."""
    if len(findings.variants) < 2:
        return []
    words, scale = labels(findings), scales(findings)
    return _drawn(
        scatter(f"tokens-{number}", words.get(name, name), scale.get(name, 1.0), name, findings.variants)
        for number, name in enumerate(findings.main)
    )


def _drawn(figures: Iterable[Figure | None]) -> list[Figure]:
    return [figure for figure in figures if figure is not None]
