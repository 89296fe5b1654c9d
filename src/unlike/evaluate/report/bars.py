"""Plots with a row a variant: values with their intervals, and gains in two halves of the users."""

from collections.abc import Sequence

from markupsafe import Markup

from unlike.evaluate.report.axes import Scale, bottom_axis, room
from unlike.evaluate.report.svg import WIDTH, Figure, drawing, element, line, marker, whisker, width_of, words
from unlike.evaluate.report.wording import finite, signed, two_lines, value
from unlike.evaluate.statistics.findings import Half, Variant

_ROW, _TOP, _BELOW = 28, 6, 24
_LONGEST_NAME = 22
_HALVES = ("unique", "not unique")


def bars(name: str, label: str, scale: float | str, metric: str, variants: Sequence[Variant]) -> Figure | None:
    """A bar a variant with its 95 % interval; None where no variant has a value.

    Args:
        name: Unique on the page.
        label: Words of the metric.
        scale: Of the metric.
        metric: Its name.
        variants: In the order of rows.
    """
    rows = [
        (variant, mean, finite(cell.low), finite(cell.high))
        for variant in variants
        if (cell := variant.cells.get(metric)) and (mean := finite(cell.mean)) is not None
    ]
    if not rows:
        return None
    numbers = [number for _, *row in rows for number in row if number is not None]
    bottom = _TOP + _ROW * len(rows)
    across = Scale(*room(numbers, with_zero=True), _left([v.name for v, *_ in rows]), WIDTH - 56)
    shapes = bottom_axis(across, _TOP, bottom)
    for place, (variant, mean, low, high) in enumerate(rows):
        y = _TOP + _ROW * (place + 0.5)
        shapes += _bar(across, y, mean, low, high, "fill5" if variant.is_baseline else "fill0")
        shapes += [*_name(variant.name, across.start, y), words(value(mean, scale), WIDTH - 2, y + 4, "end")]
    told = "; ".join(f"{variant.name} {value(mean, scale)}" for variant, mean, *_ in rows)
    svg = drawing(name, f"{label} of every variant", told, bottom + _BELOW, shapes)
    with_intervals = any(low is not None for _, _, low, _ in rows)
    return Figure(svg, f"{label}: mean" + (" with 95 % interval over users" if with_intervals else ", no intervals"))


def _bar(across: Scale, y: float, mean: float, low: float | None, high: float | None, class_: str) -> list[Markup]:
    start, end = sorted((across(0), across(mean)))
    bar = element("rect", x=start, y=y - 8, width=end - start, height=16, class_=class_)
    return [bar, *([] if low is None or high is None else _interval(across(low), across(high), y))]


def _interval(low: float, high: float, y: float) -> list[Markup]:
    """An interval that is seen on its bar as well as beside it."""
    return [*whisker(low, high, y, "halo"), *whisker(low, high, y, "ink")]


def halves(name: str, label: str, scale: float | str, found: Sequence[Half]) -> Figure | None:
    """Per variant the gain of unique users above that of the others; None without gains.

    Args:
        name: Unique on the page.
        label: Words of the metric.
        scale: Of the metric.
        found: The halves of that metric.
    """
    shown = [half for half in found if finite(half.gain) is not None]
    if not shown:
        return None
    variants = list(dict.fromkeys(half.variant for half in shown))
    top, height = _TOP + 22, _ROW + 8
    bottom = top + height * len(variants)
    numbers = [x for half in shown for end in (half.gain, half.low, half.high) if (x := finite(end)) is not None]
    across = Scale(*room(numbers, with_zero=True), _left(variants), WIDTH - 14)
    shapes = [*_legend(across.start), *bottom_axis(across, top, bottom)]
    shapes.append(line(across(0), top, across(0), bottom, "zero"))
    for number, variant in enumerate(variants):
        shapes += _name(variant, across.start, top + height * (number + 0.5))
    for half in shown:
        middle = top + height * (variants.index(half.variant) + 0.5)
        shapes += _half(across, half, middle + (-7 if half.half == _HALVES[0] else 7))
    told = "; ".join(f"{half.variant}, {half.half} users {signed(half.gain, scale)}" for half in shown)
    svg = drawing(name, f"Gain in {label} of unique users and of the others", told, bottom + _BELOW, shapes)
    return Figure(svg, f"{label}: gain over Non-Perso with 95 % interval")


def _half(across: Scale, half: Half, y: float) -> list[Markup]:
    kind = 0 if half.half == _HALVES[0] else 1
    low, high = finite(half.low), finite(half.high)
    ends = [] if low is None or high is None else whisker(across(low), across(high), y, f"stroke{kind}")
    return [*ends, marker(across(half.gain), y, kind, f"fill{kind}")]


def _legend(left: float) -> list[Markup]:
    first = [marker(left + 6, 12, 0, "fill0"), words("unique users", left + 15, 16)]
    return [*first, marker(left + 112, 12, 1, "fill1"), words("the others", left + 121, 16)]


def _left(names: Sequence[str]) -> float:
    """Where the plot begins, right of the longest name."""
    return 8 + max(width_of(part) for name in names for part in two_lines(name, _LONGEST_NAME))


def _name(name: str, left: float, y: float) -> list[Markup]:
    lines = two_lines(name, _LONGEST_NAME)
    first = y + 4 - 6 * (len(lines) - 1)
    return [words(part, left - 7, first + 12 * number, "end") for number, part in enumerate(lines)]
