"""Gain of every user, sorted, around a line of zero: who gains, who loses, and how much."""

from collections.abc import Sequence

from markupsafe import Markup

from unlike.evaluate.report.axes import Scale, left_axis, room
from unlike.evaluate.report.svg import WIDTH, Figure, drawing, element, line, words
from unlike.evaluate.report.wording import amount, finite

MOST_BARS = 300
_LEFT, _TOP, _BOTTOM = 50, 8, 130


def strip(name: str, variant: str, label: str, gains: Sequence[float], within: Sequence[float]) -> Figure | None:
    """A thin bar a user, from the largest loss to the largest gain; None without users.

    Args:
        name: Unique on the page.
        variant: Who made the texts.
        label: Words of the metric.
        gains: One a user.
        within: All gains that share this scale, so that plots beside each other can be compared.
    """
    ordered = sorted(gain for gain in gains if finite(gain) is not None)
    if not ordered:
        return None
    up = Scale(*room([gain for gain in within if finite(gain) is not None], with_zero=True), _BOTTOM, _TOP)
    drawn = thinned(ordered)
    shapes = [*left_axis(up, _LEFT, WIDTH - 8), *_bars(drawn, up), line(_LEFT, up(0), WIDTH - 8, up(0), "zero")]
    gain, lose = sum(g > 0 for g in ordered), sum(g < 0 for g in ordered)
    told = f"{amount(gain)} of {amount(len(ordered))} users gain, {amount(lose)} lose"
    part = f"; {len(drawn)} of {amount(len(ordered))} drawn" if len(drawn) < len(ordered) else ""
    shapes.append(words(f"users, sorted by gain{part}", (_LEFT + WIDTH) / 2, _BOTTOM + 18, "middle"))
    svg = drawing(name, f"Gain in {label} of each user with {variant}", told, _BOTTOM + 26, shapes)
    return Figure(svg, f"{variant}, {label}: {told}")


def thinned(ordered: list[float]) -> list[float]:
    """At most ``MOST_BARS`` of the values, evenly taken, the first and the last among them."""
    if len(ordered) <= MOST_BARS:
        return ordered
    step = (len(ordered) - 1) / (MOST_BARS - 1)
    return [ordered[round(number * step)] for number in range(MOST_BARS)]


def _bars(drawn: list[float], up: Scale) -> list[Markup]:
    slot = (WIDTH - 8 - _LEFT) / len(drawn)
    shapes: list[Markup] = []
    for number, gain in enumerate(drawn):
        top, bottom = sorted((up(gain), up(0)))
        place = {"x": _LEFT + slot * (number + 0.1), "width": max(slot * 0.8, 0.5)}
        shapes.append(element("rect", y=top, height=bottom - top, class_="fill0" if gain > 0 else "fill1", **place))
    return shapes
