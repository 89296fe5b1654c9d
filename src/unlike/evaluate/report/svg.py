"""SVG from small pieces. Everything is escaped on the way in; colours are classes, so that the page's CSS picks them."""

from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH = 400
_CHAR_PX = 7


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot with the words under it."""

    svg: Markup
    caption: str


def element(name: str, *children: str, **attributes: str | float) -> Markup:
    """An element; ``class_`` is class, underscores in names of attributes are hyphens."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_attribute(setting))}"' for key, setting in attributes.items()
    )
    inside = Markup("").join(children)
    return Markup(f"<{name}{written}>{inside}</{name}>") if children else Markup(f"<{name}{written}/>")


def drawing(name: str, title: str, description: str, height: float, shapes: list[Markup]) -> Markup:
    """A whole plot, with a title and a description for those who do not see it.

    Args:
        name: Unique on the page.
        title: What it is.
        description: What is to be seen, in words.
        height: In the units of ``WIDTH``.
        shapes: From back to front.
    """
    about = (element("title", title, id=f"{name}-title"), element("desc", description, id=f"{name}-desc"))
    labelled = {"aria_labelledby": f"{name}-title {name}-desc", "viewBox": f"0 0 {WIDTH} {_attribute(height)}"}
    return element("svg", *about, *shapes, role="img", class_="plot", **labelled)


def words(text: str, x: float, y: float, anchor: str = "start", class_: str = "") -> Markup:
    """A line of text; its colour is the page's."""
    more = {"class_": class_} if class_ else {}
    return element("text", text, x=x, y=y, text_anchor=anchor, **more)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def whisker(low: float, high: float, y: float, class_: str) -> list[Markup]:
    """A horizontal interval with ends."""
    ends = [line(x, y - 4, x, y + 4, class_) for x in (low, high)]
    return [line(low, y, high, y, class_), *ends]


def marker(x: float, y: float, kind: int, class_: str) -> Markup:
    """A point: circle, square, diamond or triangle, so that colour is not the only difference."""
    shapes = ("", "M-4-4H4V4H-4Z", "M0-5.5L5.5 0L0 5.5L-5.5 0Z", "M0-5L5 4H-5Z")
    if kind % len(shapes) == 0:
        return element("circle", cx=x, cy=y, r=4.5, class_=class_)
    place = f"translate({_attribute(x)} {_attribute(y)})"
    return element("path", d=shapes[kind % len(shapes)], transform=place, class_=class_)


def width_of(text: str) -> float:
    """About how wide a text is; fonts differ, so it errs on the wide side."""
    return len(text) * _CHAR_PX


def points(pairs: list[tuple[float, float]]) -> str:
    """Coordinates of a polygon or polyline."""
    return " ".join(f"{_attribute(x)},{_attribute(y)}" for x, y in pairs)


def _attribute(setting: str | float) -> str:
    """Tenths of a pixel are enough, and the same on every machine."""
    return setting if isinstance(setting, str) else f"{round(setting, 1) + 0.0:.1f}".removesuffix(".0")
