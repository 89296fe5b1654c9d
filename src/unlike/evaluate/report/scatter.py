"""Quality against tokens: a point a variant, with its name beside it, or numbered where names would be in each other's way."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from unlike.evaluate.report.axes import Scale, bottom_axis, left_axis, room
from unlike.evaluate.report.svg import WIDTH, Figure, drawing, marker, width_of, words
from unlike.evaluate.report.wording import amount, finite, shorten, two_lines, value
from unlike.evaluate.statistics.findings import Variant

_LEFT, _RIGHT, _TOP, _BOTTOM = 50, WIDTH - 10, 10, 230
_LONGEST_NAME, _LINE = 22, 13
_BEARABLE = 40.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle that something covers."""

    left: float
    top: float
    right: float
    bottom: float

    def covers(self, other: Box) -> float:
        """The area both have in common."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(wide, 0.0) * max(high, 0.0)


def scatter(name: str, label: str, scale: float | str, metric: str, variants: list[Variant]) -> Figure | None:
    """The metric over the tokens of a case (prompts and answers); None where no variant has a value.

    Args:
        name: Unique on the page.
        label: Words of the metric.
        scale: Of the metric.
        metric: Its name.
        variants: The points.
    """
    found = [
        (variant, variant.cost.prompt_tokens + variant.cost.completion_tokens, mean)
        for variant in variants
        if (cell := variant.cells.get(metric)) and (mean := finite(cell.mean)) is not None
    ]
    if not found:
        return None
    across = _tokens_scale([tokens for _, tokens, _ in found])
    up = Scale(*room([mean for *_, mean in found], with_zero=False), _BOTTOM, _TOP)
    places = [(across(tokens), up(mean)) for _, tokens, mean in found]
    shapes = [*left_axis(up, _LEFT, _RIGHT), *bottom_axis(across, _TOP, _BOTTOM)]
    for (variant, *_), (x, y) in zip(found, places, strict=True):
        shapes.append(marker(x, y, 1 if variant.is_baseline else 0, "fill5" if variant.is_baseline else "fill0"))
    names, key = names_or_numbers([variant.name for variant, *_ in found], places)
    shapes += [*names, words(_axis_words(across), (_LEFT + _RIGHT) / 2, _BOTTOM + 33, "middle")]
    shapes += [words(text, _LEFT, _BOTTOM + 54 + _LINE * number) for number, text in enumerate(key)]
    told = "; ".join(f"{v.name}: {value(mean, scale)} for {amount(tokens)} tokens" for v, tokens, mean in found)
    svg = drawing(name, f"{label} against tokens", told, _BOTTOM + 40 + (len(key) + 1) * _LINE * bool(key), shapes)
    return Figure(svg, f"{label} against tokens; squares are baselines")


def _tokens_scale(tokens: list[float]) -> Scale:
    """Equal steps are equal ratios where one variant takes ten times as much as another."""
    low, high = min(tokens), max(tokens)
    if low > 0 and high / low > 10:
        return Scale(low / 1.3, high * 1.3, _LEFT, _RIGHT, is_log=True)
    return Scale(*room(tokens, with_zero=True), _LEFT, _RIGHT)


def _axis_words(across: Scale) -> str:
    return "tokens a case" + (" (logarithmic)" if across.is_log else "")


def names_or_numbers(names: list[str], places: list[tuple[float, float]]) -> tuple[list[Markup], list[str]]:
    """The names beside their points and no key; or, where names would cover each other, numbers and a key to them."""
    shapes, covered = place_names(names, places)
    if covered <= _BEARABLE:
        return shapes, []
    numbers = [str(number + 1) for number in range(len(names))]
    return place_names(numbers, places)[0], [
        f"{n}  {shorten(name, 48)}" for n, name in zip(numbers, names, strict=True)
    ]


def place_names(names: list[str], places: list[tuple[float, float]]) -> tuple[list[Markup], float]:
    """Each name beside its point, where it covers least of the points and names before it.

    Args:
        names: One a point.
        places: Of the points.

    Returns:
        The names, and the largest area that one of them covers.
    """
    worst = 0.0
    taken = [Box(x - 5, y - 5, x + 5, y + 5) for x, y in places]
    shapes: list[Markup] = []
    for name, (x, y) in zip(names, places, strict=True):
        lines = two_lines(name, _LONGEST_NAME)
        anchor, at, box = min(_candidates(lines, x, y), key=lambda candidate: _cost(candidate[2], taken))
        worst = max(worst, _cost(box, taken))
        taken.append(box)
        shapes += [words(part, at, box.top + 10 + _LINE * number, anchor) for number, part in enumerate(lines)]
    return shapes, worst


def _candidates(lines: list[str], x: float, y: float) -> list[tuple[str, float, Box]]:
    """Right, left, above, below and aslant, nearest first."""
    wide, half = max(map(width_of, lines)), _LINE * len(lines) / 2
    found: list[tuple[str, float, Box]] = []
    for off in (0, -6, 6, -12, 12, -20, 20, -28, 28):
        top, bottom = y + off - half, y + off + half
        found.append(("start", x + 8, Box(x + 8, top, x + 8 + wide, bottom)))
        found.append(("end", x - 8, Box(x - 8 - wide, top, x - 8, bottom)))
        if abs(off) > half:
            found.append(("middle", x, Box(x - wide / 2, top, x + wide / 2, bottom)))
    return found


def _cost(box: Box, taken: list[Box]) -> float:
    """What a name there covers, and how much of it would be outside."""
    area = (box.right - box.left) * (box.bottom - box.top)
    outside = area - box.covers(Box(_LEFT, _TOP - 8, _RIGHT + 8, _BOTTOM + 2))
    return sum(box.covers(other) for other in taken) + 10 * outside
