"""The pictures of the identity measure: SVG files that stand alone, on a light or a dark page, 390 pixels wide or more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from unlike.evaluate.identity.measure import IdentityReport, Measured
from unlike.evaluate.identity.scores import Estimate
from unlike.evaluate.report.axes import Scale, bottom_axis, left_axis, room
from unlike.evaluate.report.identity_tables import MEASURES
from unlike.evaluate.report.svg import WIDTH, element, line, marker, points, whisker, width_of, words
from unlike.evaluate.report.wording import printable, shorten, two_lines

Kind = Literal["share", "auc"]

CHANCE = 0.5
_LABELS: dict[Kind, str] = {
    "share": "share of pairs in which the own text is nearer",
    "auc": "area under the ROC curve of all scores",
}
_SHAPES = (1, 2, 0)
"""Of the markers of the measures: square, diamond, circle."""
_LONGEST_NAME, _LONGEST_TITLE = 21, 52
_ROW, _APART = 42, 11
_SHOWN_PX = 480
_STYLE = Markup("""
text { font: 12px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1b1c20; }
text.head { font-weight: 600; font-size: 13px; } text.tick { font-size: 11px; }
line, polyline { fill: none; stroke-width: 2; }
.page { fill: #ffffff; } .grid { stroke: #c6cad2; stroke-width: 1; opacity: .6; }
.chance { stroke: #555963; stroke-width: 1.2; stroke-dasharray: 3 3; }
.fill0 { fill: #c85200; } .fill1 { fill: #6b7280; } .fill2 { fill: #0072b2; } .band { opacity: .15; }
.stroke0 { stroke: #c85200; } .stroke1 { stroke: #6b7280; } .stroke2 { stroke: #0072b2; }
@media (prefers-color-scheme: dark) {
text { fill: #e8e9ed; } .page { fill: #16181d; } .grid { stroke: #444954; } .chance { stroke: #b0b4be; }
.fill0 { fill: #ff8a3d; } .fill1 { fill: #9aa1ad; } .fill2 { fill: #56b4e9; }
.stroke0 { stroke: #ff8a3d; } .stroke1 { stroke: #9aa1ad; } .stroke2 { stroke: #56b4e9; }
}
""")


def result_picture(report: IdentityReport, title: str, kind: Kind) -> str:
    """The result and its controls: a row for each set of trials, with the three measures and their intervals.

    Args:
        report: What was measured.
        title: What stands above it.
        kind: Shares of pairs, or areas under the curve.
    """
    rows = [row for row in (report.main, *report.controls) if row.found]
    names = [two_lines(row.name, _LONGEST_NAME) for row in rows]
    left, top = 16 + max(width_of(part) for lines in names for part in lines), 66
    bottom = top + _ROW * len(rows)
    across = Scale(*_range(rows, kind), left, WIDTH - 14)
    shapes = [*bottom_axis(across, top, bottom), line(across(CHANCE), top, across(CHANCE), bottom, "chance")]
    for number, (row, name) in enumerate(zip(rows, names, strict=True)):
        shapes += _row(row, name, kind, across, top + _ROW * (number + 0.5))
    shapes.append(words(f"{_LABELS[kind]}; 0.5 is chance", WIDTH / 2, bottom + 34, "middle", "tick"))
    return _file(title, _told(rows, kind), bottom + 46, shapes)


def curves_picture(report: IdentityReport, title: str) -> str:
    """Share and area over N and K, with bands of their intervals.

    Args:
        report: What was measured.
        title: What stands above it.
    """
    shapes: list[Markup] = []
    told: list[str] = []
    sweeps = (("N, earlier records", report.over_records), ("K, peers of each", report.over_peers))
    kinds: tuple[tuple[Kind, str], ...] = (("share", "share of pairs"), ("auc", "area under the curve"))
    for across, (setting, found) in enumerate(sweeps):
        rows = [row for row in found if row.found]
        for down, (kind, label) in enumerate(kinds):
            every = [row for _, swept in sweeps for row in swept if row.found]
            place = _Panel(42 + 188 * across, 80 + 186 * down, _range(every, kind))
            shapes += place.drawn(rows, kind, f"{label} by {setting}")
            told.append(f"{label} by {setting}: {_told(rows, kind)}")
    return _file(title, ". ".join(told), 442, shapes)


@dataclass(frozen=True, slots=True)
class _Panel:
    """One of the small plots.

    Attributes:
        left: Where its values begin.
        top: Its upper end.
        ends: Lowest and highest value.
    """

    left: float
    top: float
    ends: tuple[float, float]

    def drawn(self, rows: Sequence[Measured], kind: Kind, label: str) -> list[Markup]:
        """The curves, at equal steps whatever the values of the setting."""
        right, bottom = self.left + 152, self.top + 124
        up, across = Scale(*self.ends, bottom, self.top), Scale(0, max(1, len(rows) - 1), self.left + 8, right - 8)
        shapes = [*left_axis(up, self.left, right), line(self.left, up(CHANCE), right, up(CHANCE), "chance")]
        for number, row in enumerate(rows):
            shapes.append(words(row.name, across(number), bottom + 15, "middle", "tick"))
        for measure, field in enumerate(MEASURES.values()):
            found = [_estimate(row, field, kind) for row in rows]
            places = [(across(number), up(one.value)) for number, one in enumerate(found)]
            band = [(across(number), up(one.low)) for number, one in enumerate(found)]
            band += [(across(number), up(one.high)) for number, one in reversed(list(enumerate(found)))]
            shapes.append(element("polygon", points=points(band), class_=f"fill{measure} band"))
            shapes.append(element("polyline", points=points(places), class_=f"stroke{measure}"))
            shapes += [marker(x, y, _SHAPES[measure], f"fill{measure}") for x, y in places]
        what, _, setting = label.partition(" by ")
        shapes.append(words(what, self.left - 30, self.top - 8, class_="tick"))
        return [*shapes, words(setting, (self.left + right) / 2, bottom + 31, "middle", "tick")]


def _row(row: Measured, name: Sequence[str], kind: Kind, across: Scale, middle: float) -> list[Markup]:
    first = middle + 4 - 6.5 * (len(name) - 1)
    shapes = [words(part, across.start - 10, first + 13 * number, "end") for number, part in enumerate(name)]
    for measure, field in enumerate(MEASURES.values()):
        found, y = _estimate(row, field, kind), middle + _APART * (measure - 1)
        shapes += whisker(across(found.low), across(found.high), y, f"stroke{measure}")
        shapes.append(marker(across(found.value), y, _SHAPES[measure], f"fill{measure}"))
    return shapes


def _file(title: str, told: str, height: float, shapes: Sequence[Markup]) -> str:
    """A file with its own colours, since nobody else's reach it."""
    legend: list[Markup] = []
    x = 16.0
    for measure, name in enumerate(MEASURES):
        legend += [marker(x, 44, _SHAPES[measure], f"fill{measure}"), words(name, x + 10, 48)]
        x += 26 + width_of(name)
    drawn = element(
        "svg",
        element("title", title, id="title"),
        element("desc", told, id="desc"),
        element("style", _STYLE),
        element("rect", width=WIDTH, height=height, rx=6, class_="page"),
        words(shorten(title, _LONGEST_TITLE), 10, 22, class_="head"),
        *legend,
        *shapes,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {height:g}",
        width=_SHOWN_PX,
        height=_SHOWN_PX / WIDTH * height,
        role="img",
        aria_labelledby="title desc",
    )
    return printable(str(drawn)) + "\n"


def _estimate(row: Measured, field: str, kind: Kind) -> Estimate:
    return getattr(getattr(row.found, field), kind)


def _range(rows: Sequence[Measured], kind: Kind) -> tuple[float, float]:
    found = [_estimate(row, field, kind) for row in rows for field in MEASURES.values()]
    return room([CHANCE, *(end for one in found for end in (one.low, one.high))], with_zero=False)


def _told(rows: Sequence[Measured], kind: Kind) -> str:
    return "; ".join(
        f"{row.name}: "
        + ", ".join(f"{name} {_estimate(row, field, kind).value:.2f}" for name, field in MEASURES.items())
        for row in rows
    )
