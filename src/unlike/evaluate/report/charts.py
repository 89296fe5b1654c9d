"""Pictures of a report: SVG by matplotlib, with its words as text and its colours as the page's variables.

A picture has a title and a description for those who do not see it. The same figures give the same bytes.
"""

import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

WIDTH = 325
"""Units of a picture's width on a page: on a phone of 390 pixels its words, 11 units high, are 12 pixels high."""
COLOURS = ("#0072b2", "#c85200", "#00805e", "#a5468a", "#806400", "#6b7280")
"""By number, for the light scheme; a picture refers to them as the page's variables --c0 to --c5."""
INK, EDGE, PAGE = "#1b1c20", "#c6cad2", "#ffffff"
MARKERS = ("o", "s", "D", "^")
DASHES = ("-", "--", ":", "-.")
_DARK = {
    **{INK: "#e8e9ed", EDGE: "#444954", PAGE: "#16181d"},
    **dict(zip(COLOURS, ("#56b4e9", "#ff8a3d", "#2fcb9b", "#e59cc8", "#f0c93a", "#9aa1ad"), strict=True)),
}
_NAMES = {INK: "text", EDGE: "edge", PAGE: "page"} | {colour: f"c{n}" for n, colour in enumerate(COLOURS)}
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.edgecolor": EDGE,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.titlesize": 11,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "lines.linewidth": 1.8,
    "lines.markersize": 6,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with the words under it."""

    svg: Markup
    caption: str


def draw(
    name: str,
    title: str,
    description: str,
    size: tuple[float, float],
    paint: Callable[..., None],
    panels: tuple[int, int] = (1, 1),
) -> Markup:
    """An SVG element.

    Args:
        name: Unique on the page.
        title: Title, for screen readers.
        description: What the picture shows, for screen readers.
        size: Width and height, in units.
        paint: Draws on the axes that it is given, one per panel.
        panels: Rows and columns.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: Any = {**_SETTINGS, "svg.hashsalt": name}
    with mpl.rc_context(settings):
        figure: Any = Figure(figsize=(size[0] / 72, size[1] / 72), dpi=72, layout="constrained")
        canvas = FigureCanvasSVG(figure)
        every = [figure.add_subplot(*panels, place + 1) for place in range(panels[0] * panels[1])]
        for axes in every:
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
            axes.set_axisbelow(True)
        paint(*every)
        out = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # only its width is guessed; the page has fonts of its own
            canvas.print_svg(out, metadata=nothing)  # savefig would draw everything twice
    return _inline(out.getvalue(), name, title, description, size)


def _inline(source: str, name: str, title: str, description: str, size: tuple[float, float]) -> Markup:
    """The content of matplotlib's SVG element, in an element of ours.

    Styles become attributes, as the strictest security policy allows; ids of groups, not unique on a page, are removed.
    """
    inside = source[source.index(">", source.index("<svg")) + 1 : source.rindex("</svg>")]
    inside = re.sub(r"<metadata>.*?</metadata>|<style .*?</style>", "", inside, flags=re.DOTALL)
    inside = re.sub(r'<g id="[^"]*"', "<g", inside)
    inside = re.sub(r'style="([^"]*)"', lambda found: _attributes(found[1]), inside)
    return Markup(
        f'<svg class="plot" role="img" aria-labelledby="{name}-title {name}-desc" viewBox="0 0 {size[0]:g} {size[1]:g}" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>{inside}</svg>'
    )


def _attributes(style: str) -> str:
    """Properties of a style as attributes, colours as the page's variables, the font as the page's."""
    found = dict(part.split(": ", 1) for part in style.split("; ") if ": " in part)
    if font := found.pop("font", ""):
        found["font-size"] = font.split(" ", 1)[0]
    found.pop("font-family", None)
    named = {key: f"var(--{_NAMES[value]})" if value in _NAMES else value for key, value in found.items()}
    return " ".join(f'{key}="{value.rstrip(";")}"' for key, value in named.items())


def stand_alone(picture: Markup) -> str:
    """The picture as a file that any viewer can show, with its own colours, also for dark mode."""
    colours = {name: colour for colour, name in _NAMES.items()}
    literal = re.sub(r"var\(--(\w+)\)", lambda found: colours[found[1]], picture)
    dark = "".join(
        f'[{what}="{light}"] {{ {what}: {other}; }}' for light, other in _DARK.items() for what in ("fill", "stroke")
    )
    style = (
        "<style>text { font-family: system-ui, sans-serif; }"
        f"@media (prefers-color-scheme: dark) {{ svg {{ background: {_DARK[PAGE]}; }} {dark} }}</style>"
    )
    before, after = literal.split("</desc>", 1)
    return f"{before}</desc>{style}{after}\n"


def value_axis(axes: Any, axis: str = "x", zero: bool = False) -> None:  # noqa: ANN401 - matplotlib's
    """A faint line from each tick; a dark one at zero where that matters."""
    axes.grid(axis=axis, color=EDGE, linewidth=0.8, alpha=0.7)
    axes.locator_params(axis=axis, nbins=5)
    if zero:
        (axes.axvline if axis == "x" else axes.axhline)(0, color=INK, linewidth=1)


def named_rows(axes: Any, names: Sequence[str]) -> None:  # noqa: ANN401
    """Rows from top to bottom, each with its name on the left."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)


def errors(mean: float, low: float | None, high: float | None) -> list[list[float]] | None:
    """Distances from a mean to the ends of its interval as matplotlib wants them; None without an interval."""
    return None if low is None or high is None else [[max(mean - low, 0.0)], [max(high - mean, 0.0)]]
