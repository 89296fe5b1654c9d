"""A table before it has a format, so that HTML, Markdown and LaTeX show the same."""

from dataclasses import dataclass
from string import ascii_lowercase


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands in one place of a table.

    Attributes:
        text: The words or the figure.
        rank: 1 for the best of its column (bold), 2 for the second (underlined).
        marks: Marks of significance, raised.
        small: Words below, in small print.
        footnote: Letter of a footnote, raised; "" for none.
    """

    text: str
    rank: int = 0
    marks: str = ""
    small: str = ""
    footnote: str = ""


Row = tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that belong together, under a label where they have one."""

    rows: tuple[Row, ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: Makes anchors; letters and hyphens only.
        caption: What it shows, in a sentence.
        columns: Headings.
        groups: The rows. The first entry of a row is its heading.
        n_words: How many of the leading columns hold words; the others hold figures, set to the right.
        footnotes: (letter, sentence).
        remarks: Sentences below the table.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    groups: tuple[Group, ...]
    n_words: int = 1
    footnotes: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()


def entries(*texts: str) -> Row:
    """A row of plain entries."""
    return tuple(Entry(text) for text in texts)


def letter(position: int) -> str:
    """The letter of the footnote at that position from 0: a to z, then aa."""
    return ascii_lowercase[position % 26] * (position // 26 + 1)
