r"""Tables, and their formats HTML, Markdown, LaTeX and CSV.

Texts are not trusted: each format escapes its own syntax. LaTeX is for ``\input`` with booktabs; letters
outside Latin scripts need fonts that a paper may not have, so there they become question marks.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from markupsafe import Markup, escape


@dataclass(frozen=True, slots=True)
class TableCell:
    """One cell of a table.

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


Row = tuple[TableCell, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that belong together, under a label where they have one."""

    rows: tuple[Row, ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: For anchors and labels; letters and hyphens only.
        caption: What it shows, in a sentence.
        columns: Headings.
        groups: The rows. The first entry of a row is its heading.
        n_words: How many of the leading columns hold words; the others hold figures, aligned right.
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
    return tuple(TableCell(text) for text in texts)


def letter(position: int) -> str:
    """The letter of the footnote at that position from 0: a to z, then aa."""
    return ascii_lowercase[position % 26] * (position // 26 + 1)


# HTML -----------------------------------------------------------------------------------------------------------------


def element(name: str, *children: str, **attributes: str | float) -> Markup:
    """An HTML element; ``class_`` is class, underscores in names of attributes are hyphens, empty ones are left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(setting)}"' for key, setting in attributes.items() if setting
    )
    return Markup(f"<{name}{written}>{Markup('').join(children)}</{name}>")


def to_html(table: Table) -> Markup:
    """The table in a box, and its notes. Each cell carries its heading, which a narrow page shows beside it."""
    kinds = ["" if place < table.n_words else "number" for place in range(len(table.columns))]
    head = [element("th", one, scope="col", class_=kind) for one, kind in zip(table.columns, kinds, strict=True)]
    made = element(
        "table",
        element("caption", element("span", table.caption), id=f"table-{table.name}"),
        element("thead", element("tr", *head)),
        *(_html_group(table, group, kinds) for group in table.groups),
        class_=table.name,
    )
    box = element("div", made, class_="box", role="region", aria_labelledby=f"table-{table.name}", tabindex="0")
    notes = [element("p", element("sup", mark), " ", note, class_="remark") for mark, note in table.footnotes]
    return Markup("\n").join([box, *notes, *(element("p", remark, class_="remark") for remark in table.remarks)])


def _html_group(table: Table, group: Group, kinds: Sequence[str]) -> Markup:
    label = element("th", element("span", group.label), scope="rowgroup", colspan=len(table.columns))
    rows = [element("tr", label, class_="group")] if group.label else []
    for first, *others in group.rows:
        cells = zip(others, table.columns[1:], kinds[1:], strict=True)
        filled = [element("td", _html_entry(entry), class_=kind, data_label=column) for entry, column, kind in cells]
        rows.append(element("tr", element("th", _html_entry(first), scope="row"), *filled))
    return element("tbody", Markup("\n").join(rows))


def _html_entry(entry: TableCell) -> Markup:
    text = element({1: "strong", 2: "u"}.get(entry.rank, "bdi"), entry.text)
    raised = [element("sup", mark) for mark in (entry.marks, entry.footnote) if mark]
    small = [element("small", entry.small)] if entry.small else []
    return element("span", text, *raised, *small)


# Markdown -------------------------------------------------------------------------------------------------------------

_MARKDOWN = re.compile(r"([\\`*_{}\[\]|~$]|^[-+#=]+(?=\s|$))")
_MARKDOWN_RANKS = {1: "**{}**", 2: "<ins>{}</ins>"}


def to_markdown(table: Table) -> str:
    """The caption, the table in GitHub's Markdown, and the remarks below it."""
    aligned = ["---" if place < table.n_words else "---:" for place in range(len(table.columns))]
    lines = [[markdown(column) for column in table.columns], aligned]
    for group in table.groups:
        if group.label:
            lines.append([f"*{markdown(group.label)}*", *[""] * (len(table.columns) - 1)])
        lines += [[_markdown_entry(entry) for entry in row] for row in group.rows]
    notes = [f"<sup>{mark}</sup> {markdown(note)}" for mark, note in table.footnotes]
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([markdown(table.caption), rows, *notes, *map(markdown, table.remarks)])


def markdown(text: str) -> str:
    """The text on one line, escaped for Markdown with HTML."""
    line = " ".join(text.split())
    return _MARKDOWN.sub(r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def _markdown_entry(entry: TableCell) -> str:
    text = _MARKDOWN_RANKS.get(entry.rank, "{}").format(markdown(entry.text))
    raised = markdown(entry.marks) + entry.footnote
    small = f"<br><sub>{markdown(entry.small)}</sub>" if entry.small else ""
    return text + (f"<sup>{raised}</sup>" if raised else "") + small


# LaTeX ----------------------------------------------------------------------------------------------------------------

_LATEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"},
    **{"±": r"$\pm$", "−": "$-$", "∞": r"$\infty$", "×": r"$\times$", "<": "$<$", ">": "$>$", "|": "$|$"},
    **{"†": r"$\dagger$", "↓": r"$\downarrow$", "–": "--", "—": "---", "…": r"\ldots{}", '"': "''"},
    **{"‘": "`", "’": "'", "“": "``", "”": "''", "\u00a0": "~", "[": "{[}", "]": "{]}", "*": "{*}"},
}
_LATEX_RANKS = {1: r"\textbf{%s}", 2: r"\underline{%s}"}


def to_latex(table: Table, title: str) -> str:
    """The table as a float of its own; needs booktabs."""
    lines = [
        r"% Needs \usepackage{booktabs}",
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{latex(title)}. {latex(table.caption)}}}",
        r"\label{tab:unlike-" + table.name + "}",
        r"\begin{tabular}{" + "l" * table.n_words + "r" * (len(table.columns) - table.n_words) + "}",
        r"\toprule",
        _latex_line(map(latex, table.columns)),
    ]
    for group in table.groups:
        lines += [r"\midrule", *(_latex_line([latex(row[0].text), *map(_latex_entry, row[1:])]) for row in group.rows)]
    lines += [r"\bottomrule", r"\end{tabular}"]
    notes = [rf"$^{{\mathrm{{{mark}}}}}$ {latex(note)}" for mark, note in table.footnotes]
    lines += [rf"\par\smallskip{{\footnotesize {below}}}" for below in (*notes, *map(latex, table.remarks))]
    return "\n".join([*lines, r"\end{table}", ""])


def latex(text: str) -> str:
    """The text on one line, escaped for LaTeX."""
    return "".join(_LATEX.get(char) or _latin(char) for char in " ".join(text.split()))


def _latin(char: str) -> str:
    """A character that LaTeX sets without a package; a question mark for any other."""
    is_latin = "\u00c0" <= char <= "\u017f" and char.isalpha()
    return char if " " <= char <= "~" or is_latin else "?"


def _latex_line(cells: "map[str] | list[str]") -> str:
    return " & ".join(cells) + r" \\"


def _latex_entry(entry: TableCell) -> str:
    marks = entry.marks.replace("*", "{*}").replace("†", r"\dagger ").replace("↓", r"\downarrow ")
    raised = marks + (rf"\mathrm{{{entry.footnote}}}" if entry.footnote else "")
    small = f" {{\\footnotesize ({latex(entry.small)})}}" if entry.small else ""
    return _LATEX_RANKS.get(entry.rank, "%s") % latex(entry.text) + (f"$^{{{raised}}}$" if raised else "") + small


# CSV ------------------------------------------------------------------------------------------------------------------


def to_csv(table: Table) -> str:
    """The texts of the cells, without marks, small print and footnotes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([entry.text for entry in row] for group in table.groups for row in group.rows)
    return out.getvalue()
