"""The pictures of a report, in sections that each answer one question."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from unlike.evaluate.report.charts import (
    COLOURS,
    DASHES,
    INK,
    MARKERS,
    PAGE,
    WIDTH,
    Picture,
    draw,
    errors,
    named_rows,
    value_axis,
)
from unlike.evaluate.report.gain_tables import by_variant
from unlike.evaluate.report.number_format import amount, finite, signed, value
from unlike.evaluate.report.report_tables import labels, metric_of
from unlike.evaluate.report.shown_text import shorten, two_lines
from unlike.evaluate.statistics.findings import Curve, Findings, Half, Variant

MAX_BARS = 300
SETTINGS = {"n_peers": "K, representatives per key record", "n_records": "N, key records"}
_ROW = 30
_MAX_NAME_CHARS, _SHORT_NAME_CHARS = 22, 16
_HALVES = {"unique": "unique users", "not unique": "the other users"}


@dataclass(frozen=True, slots=True)
class PlotSection:
    """Pictures that answer one question.

    Attributes:
        heading: The question.
        shown: Pictures that are always visible.
        folded: (label, pictures) that are folded until opened.
        note: Why there is no picture.
    """

    heading: str
    shown: list[Picture]
    folded: list[tuple[str, list[Picture]]]
    note: str = ""


def plot_sections(findings: Findings) -> list[PlotSection]:
    """Every section that has a picture, or says why it has none."""
    of_users = [PlotSection("Unique users and the others", half_plots(findings), []), gain_section(findings)]
    if len({gain.user_id for gain in findings.gains}) == 1:  # a bar by itself looks like a result
        note = "One user has a gain; a picture of users needs at least two."
        of_users = [PlotSection(section.heading, [], [], note) for section in of_users if section.shown]
    sections = [
        PlotSection("Means with their intervals", value_plots(findings), []),
        PlotSection("Sweeps", curve_plots(findings), []),
        *of_users,
        PlotSection("Quality against tokens", token_plots(findings), []),
    ]
    return [section for section in sections if section.shown or section.note]


# Means with their intervals -------------------------------------------------------------------------------------------


def value_plots(findings: Findings) -> list[Picture]:
    """A picture per main metric: a bar per variant with its 95 % interval."""
    ordered = sorted(findings.variants, key=lambda variant: not variant.is_baseline)
    return _drawn(_bars(findings, number, name, ordered) for number, name in enumerate(findings.main))


def _bars(findings: Findings, number: int, metric: str, variants: Sequence[Variant]) -> Picture | None:
    label, scale = metric_of(findings, metric)
    rows = [
        (variant, mean, finite(cell.low), finite(cell.high))
        for variant in variants
        if (cell := variant.cells.get(metric)) and (mean := finite(cell.mean)) is not None
    ]
    if not rows:
        return None

    def paint(axes: Any) -> None:  # noqa: ANN401 - matplotlib's
        for place, (variant, mean, low, high) in enumerate(rows):
            axes.barh(place, mean, height=0.6, color=COLOURS[5 if variant.is_baseline else 0])
            if ends := errors(mean, low, high):
                for width, colour in ((4, PAGE), (1.5, INK)):  # seen on the bar as well as beside it
                    axes.errorbar(mean, place, xerr=ends, color=colour, elinewidth=width, capsize=4, capthick=width)
            axes.annotate(value(mean, scale), (1.02, place), xycoords=("axes fraction", "data"), va="center")
        named_rows(axes, [_name(variant.name) for variant, *_ in rows])
        value_axis(axes, zero=True)

    description = "; ".join(f"{variant.name} {value(mean, scale)}" for variant, mean, *_ in rows)
    svg = draw(f"bars-{number}", f"{label} of every variant", description, (WIDTH, 50 + _ROW * len(rows)), paint)
    with_intervals = any(low is not None for _, _, low, _ in rows)
    return Picture(svg, f"{label}: mean" + (" with 95 % interval over users" if with_intervals else ", no intervals"))


# Sweeps ---------------------------------------------------------------------------------------------------------------


def curve_plots(findings: Findings) -> list[Picture]:
    """A picture per sweep and metric."""
    return _drawn(_curve(findings, number, curve) for number, curve in enumerate(findings.curves))


def _curve(findings: Findings, number: int, curve: Curve) -> Picture | None:
    label, scale = metric_of(findings, curve.metric)
    found = {method: [p for p in sorted(points) if finite(p[1]) is not None] for method, points in curve.lines.items()}
    drawn = {method: points for method, points in found.items() if points}
    if not drawn:
        return None
    setting = SETTINGS.get(curve.setting, curve.setting)

    def paint(axes: Any) -> None:  # noqa: ANN401
        for place, (method, points) in enumerate(drawn.items()):
            style: dict[str, Any] = {"color": COLOURS[place % 6], "marker": MARKERS[place % 4]}
            at, means, *_ = zip(*points, strict=True)
            axes.plot(at, means, linestyle=DASHES[place % 4], label=shorten(method, 34), **style)
            for x, mean, low, high in points:
                if ends := errors(mean, finite(low), finite(high)):
                    axes.errorbar(x, mean, yerr=ends, color=style["color"], elinewidth=1, capsize=3)
        axes.set_xticks(sorted({point[0] for points in drawn.values() for point in points}))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel(setting)
        value_axis(axes, "y")
        axes.figure.legend(loc="outside upper left", ncols=_legend_columns(drawn))

    description = "; ".join(
        f"{method}: {', '.join(f'{value(mean, scale)} at {at:g}' for at, mean, *_ in points)}"
        for method, points in drawn.items()
    )
    size = (WIDTH, 210 + 17 * _legend_rows(drawn))
    svg = draw(f"curve-{number}", f"{label} by {setting}", description, size, paint)
    return Picture(svg, f"{label} by {setting}, with 95 % intervals where there are any")


# Gains ----------------------------------------------------------------------------------------------------------------


def half_plots(findings: Findings) -> list[Picture]:
    """Gains of unique users and of the others, a picture per metric."""
    metrics = dict.fromkeys(half.metric for half in findings.halves)
    return _drawn(_halves(findings, number, name) for number, name in enumerate(metrics))


def _halves(findings: Findings, number: int, metric: str) -> Picture | None:
    label, scale = metric_of(findings, metric)
    shown = [half for half in findings.halves if half.metric == metric and finite(half.gain) is not None]
    if not shown:
        return None
    variants = list(dict.fromkeys(half.variant for half in shown))

    def paint(axes: Any) -> None:  # noqa: ANN401
        for kind, (half, words) in enumerate(_HALVES.items()):
            ours = [one for one in shown if one.half == half]
            for one in ours:
                _half(
                    axes, one, variants.index(one.variant) + 0.36 * kind - 0.18, kind, words if one is ours[0] else ""
                )
        named_rows(axes, [_name(variant) for variant in variants])
        value_axis(axes, zero=True)
        axes.figure.legend(loc="outside upper left", ncols=2)

    description = "; ".join(f"{half.variant}, {_HALVES[half.half]} {signed(half.gain, scale)}" for half in shown)
    title = f"Gain in {label} of unique users and of the others"
    svg = draw(f"halves-{number}", title, description, (WIDTH, 70 + (_ROW + 8) * len(variants)), paint)
    return Picture(svg, f"{label}: gain over Non-Perso with 95 % interval")


def _half(axes: Any, half: Half, place: float, kind: int, label: str) -> None:  # noqa: ANN401
    style = {"color": COLOURS[kind], "marker": MARKERS[kind], "linestyle": "none", "capsize": 4}
    ends = errors(half.gain, finite(half.low), finite(half.high))
    axes.errorbar(half.gain, place, xerr=ends, label=label or None, **style)


def gain_section(findings: Findings) -> PlotSection:
    """Gain of each user: the first metric always visible, the others folded."""
    per_metric: dict[str, list[Picture]] = {}
    for number, ((variant, metric), gains) in enumerate(by_variant(findings.gains).items()):
        within = [gain.gain for gain in findings.gains if gain.metric == metric and finite(gain.gain) is not None]
        label = labels(findings).get(metric, metric)
        picture = strip(f"gain-{number}", variant, label, [gain.gain for gain in gains], within)
        per_metric.setdefault(label, []).extend(_drawn([picture]))
    sections = [(label, pictures) for label, pictures in per_metric.items() if pictures]
    return PlotSection("Gain of each user over Non-Perso", sections[0][1] if sections else [], sections[1:])


def strip(name: str, variant: str, label: str, gains: Sequence[float], within: Sequence[float]) -> Picture | None:
    """A thin bar per user, from the largest loss to the largest gain; None without users.

    Args:
        name: Unique on the page.
        variant: Who made the texts.
        label: Label of the metric.
        gains: One per user.
        within: All gains that share this scale, so that pictures beside each other can be compared.
    """
    ordered = sorted(gain for gain in gains if finite(gain) is not None)
    if not ordered:
        return None
    drawn = thinned(ordered)
    gain, lose = sum(g > 0 for g in ordered), sum(g < 0 for g in ordered)
    description = f"{amount(gain)} of {amount(len(ordered))} users gain, {amount(lose)} lose"
    part = f"; {len(drawn)} of {amount(len(ordered))} drawn" if len(drawn) < len(ordered) else ""

    def paint(axes: Any) -> None:  # noqa: ANN401
        axes.bar(range(len(drawn)), drawn, width=0.8, color=[COLOURS[0 if one > 0 else 1] for one in drawn])
        margin = 0.05 * (max(within) - min(within)) or 0.1
        axes.set_ylim(min(0.0, *within) - margin, max(0.0, *within) + margin)
        axes.set_xticks([])
        axes.set_xlabel(f"users, sorted by gain{part}")
        value_axis(axes, "y", zero=True)

    return Picture(
        draw(name, f"Gain in {label} of each user with {variant}", description, (WIDTH, 150), paint),
        f"{variant}, {label}: {description}",
    )


def thinned(ordered: list[float]) -> list[float]:
    """At most ``MAX_BARS`` of the values, evenly spaced, including the first and the last."""
    if len(ordered) <= MAX_BARS:
        return ordered
    step = (len(ordered) - 1) / (MAX_BARS - 1)
    return [ordered[round(number * step)] for number in range(MAX_BARS)]


# Quality against tokens -----------------------------------------------------------------------------------------------


def token_plots(findings: Findings) -> list[Picture]:
    """Quality over tokens, a picture per main metric; with a single variant there is nothing to weigh."""
    if len(findings.variants) < 2:
        return []
    return _drawn(_tokens(findings, number, name) for number, name in enumerate(findings.main))


def _tokens(findings: Findings, number: int, metric: str) -> Picture | None:
    label, scale = metric_of(findings, metric)
    found = [
        (variant, variant.cost.prompt_tokens + variant.cost.completion_tokens, mean)
        for variant in findings.variants
        if (cell := variant.cells.get(metric)) and (mean := finite(cell.mean)) is not None
    ]
    if not found:
        return None
    names, counts = [variant.name for variant, *_ in found], [tokens for _, tokens, _ in found]
    is_log = min(counts) > 0 and max(counts) / min(counts) > 10

    def paint(axes: Any) -> None:  # noqa: ANN401
        for place, (variant, tokens, mean) in enumerate(found):
            look = {"marker": MARKERS[place // 6 % 4], "color": COLOURS[place % 6]}
            hollow = {"markerfacecolor": "none"} if variant.is_baseline else {}
            axes.plot(
                [tokens], [mean], linestyle="none", markersize=8, label=shorten(variant.name, 34), **look, **hollow
            )
        if is_log:
            axes.set_xscale("log")
            axes.set_xticks([tick for tick in _decades(counts)], [amount(tick) for tick in _decades(counts)])
            axes.minorticks_off()
            axes.grid(color="#c6cad2", linewidth=0.8, alpha=0.7)
        else:
            value_axis(axes, "both")
            axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("tokens per case" + (" (logarithmic)" if is_log else ""))
        axes.figure.legend(loc="outside upper left", ncols=_legend_columns(names))

    description = "; ".join(f"{v.name}: {value(mean, scale)} for {amount(tokens)} tokens" for v, tokens, mean in found)
    size = (WIDTH, 210 + 17 * _legend_rows(names))
    svg = draw(f"tokens-{number}", f"{label} against tokens", description, size, paint)
    return Picture(svg, f"{label} against tokens; hollow marks are baselines")


def _legend_columns(names: Collection[str]) -> int:
    """Two where all names are short enough to stand beside each other."""
    return 1 if any(len(name) > _SHORT_NAME_CHARS for name in names) else 2


def _legend_rows(names: Collection[str]) -> int:
    return math.ceil(len(names) / _legend_columns(names))


def _decades(counts: Sequence[float]) -> list[float]:
    """1, 2 and 5 times powers of ten within some counts; only the powers over more than two decades."""
    factors = (1,) if max(counts) / min(counts) > 100 else (1, 2, 5)
    every = (factor * 10.0**power for power in range(12) for factor in factors)
    return [tick for tick in every if min(counts) / 1.3 <= tick <= max(counts) * 1.3]


def _name(name: str) -> str:
    return "\n".join(two_lines(name, _MAX_NAME_CHARS))


def _drawn(pictures: Iterable[Picture | None]) -> list[Picture]:
    return [picture for picture in pictures if picture is not None]
