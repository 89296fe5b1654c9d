"""Curves over a setting, with bands of their intervals and their names at the end of each line."""

from itertools import groupby

from markupsafe import Markup

from unlike.evaluate.report.axes import Scale, bottom_axis, left_axis, room
from unlike.evaluate.report.svg import WIDTH, Figure, drawing, element, line, marker, points, width_of, words
from unlike.evaluate.report.wording import finite, shorten, value
from unlike.evaluate.statistics.findings import Curve

Point = tuple[float, float, float | None, float | None]
"""Value of the setting, mean, low and high end of the interval."""

_LEFT, _TOP, _BOTTOM = 50, 10, 210
_LONGEST_NAME = 20
_N_COLOURS = 6
_SETTINGS = {"n_peers": "K, representatives per key record", "n_records": "N, key records"}


def curve_plot(name: str, label: str, scale: float | str, curve: Curve) -> Figure | None:
    """A line a method; None where no method has a value.

    Args:
        name: Unique on the page.
        label: Words of the metric.
        scale: Of the metric.
        curve: The sweep.
    """
    drawn = {method: kept for method, found in curve.lines.items() if (kept := _finite_points(found))}
    if not drawn:
        return None
    every = [point for found in drawn.values() for point in found]
    settings = sorted({point[0] for point in every})
    right = WIDTH - 22 - max(width_of(shorten(method, _LONGEST_NAME)) for method in drawn)
    across = Scale(*_ends(settings), _LEFT + 10, right - 8)
    up = Scale(*room([x for p in every for x in p[1:] if x is not None], with_zero=False), _BOTTOM, _TOP)
    shapes = [*left_axis(up, _LEFT, right), *bottom_axis(across, _TOP, _BOTTOM, settings)]
    for number, found in enumerate(drawn.values()):
        shapes += _line(across, up, found, number)
    shapes += _names(drawn, up, right)
    setting = _SETTINGS.get(curve.setting, curve.setting)
    shapes.append(words(setting, (_LEFT + right) / 2, _BOTTOM + 33, "middle"))
    svg = drawing(name, f"{label} by {setting}", _told(drawn, scale), _BOTTOM + 40, shapes)
    return Figure(svg, f"{label} by {setting}; bands are 95 % intervals")


def _finite_points(found: list[Point]) -> list[Point]:
    kept = [(at, mean, finite(low), finite(high)) for at, mean, low, high in found if finite(mean) is not None]
    return sorted(kept, key=lambda point: point[0])


def _ends(settings: list[float]) -> tuple[float, float]:
    """A sweep of one value stands in the middle."""
    low, high = settings[0], settings[-1]
    return (low, high) if high > low else (low - 1, high + 1)


def _line(across: Scale, up: Scale, found: list[Point], number: int) -> list[Markup]:
    colour = number % _N_COLOURS
    places = [(across(at), up(mean)) for at, mean, _, _ in found]
    path = element("polyline", points=points(places), class_=f"stroke{colour} dash{number % 4}")
    return [*_bands(across, up, found, colour), path, *(marker(x, y, number, f"fill{colour}") for x, y in places)]


def _bands(across: Scale, up: Scale, found: list[Point], colour: int) -> list[Markup]:
    """A band over each stretch of points with an interval; a lone point has a bar."""
    shapes: list[Markup] = []
    for has_interval, stretch in groupby(found, key=lambda point: None not in point):
        ends = [(across(at), up(low), up(high)) for at, _, low, high in stretch if low is not None and high is not None]
        if has_interval and len(ends) == 1:
            shapes.append(line(ends[0][0], ends[0][1], ends[0][0], ends[0][2], f"stroke{colour}"))
        elif has_interval:
            outline = [(x, low) for x, low, _ in ends] + [(x, high) for x, _, high in reversed(ends)]
            shapes.append(element("polygon", points=points(outline), class_=f"fill{colour} band"))
    return shapes


def _names(drawn: dict[str, list[Point]], up: Scale, right: float) -> list[Markup]:
    wanted = [up(found[-1][1]) + 4 for found in drawn.values()]
    heights = spread(wanted, 14, _TOP + 8, _BOTTOM + 4)
    shapes: list[Markup] = []
    for number, (method, y) in enumerate(zip(drawn, heights, strict=True)):
        shapes.append(marker(right + 12, y - 4, number, f"fill{number % _N_COLOURS}"))
        shapes.append(words(shorten(method, _LONGEST_NAME), right + 20, y))
    return shapes


def spread(wanted: list[float], apart: float, low: float, high: float) -> list[float]:
    """Places as near as possible to those wanted, in their order, yet this far apart and from low to high if they fit."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    places = [0.0] * len(wanted)
    least = low
    for index in order:
        places[index] = max(wanted[index], least)
        least = places[index] + apart
    most = high
    for index in reversed(order):
        places[index] = min(places[index], most)
        most = places[index] - apart
    return places


def _told(drawn: dict[str, list[Point]], scale: float | str) -> str:
    told = {
        method: ", ".join(f"{value(mean, scale)} at {at:g}" for at, mean, *_ in found)
        for method, found in drawn.items()
    }
    return "; ".join(f"{method}: {means}" for method, means in told.items())
