r"""The main table for a paper: booktabs, to be put in with ``\input``.

Letters outside Latin scripts need fonts that a paper may not have, so they become question marks: what is here are
names of methods and metrics.
"""

from unlike.evaluate.report.layout import Entry, Table
from unlike.evaluate.report.metric_tables import main_table
from unlike.evaluate.statistics.findings import Findings

_SPECIAL = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"},
    **{"±": r"$\pm$", "−": "$-$", "∞": r"$\infty$", "×": r"$\times$", "<": "$<$", ">": "$>$", "|": "$|$"},
    **{"†": r"$\dagger$", "↓": r"$\downarrow$", "–": "--", "—": "---", "…": r"\ldots{}", '"': "''"},
    **{"‘": "`", "’": "'", "“": "``", "”": "''", "\u00a0": "~", "[": "{[}", "]": "{]}", "*": "{*}"},
}
_RANKS = {1: r"\textbf{%s}", 2: r"\underline{%s}"}


def render_latex(findings: Findings) -> str:
    """The main table; a comment where there is none. The same findings give the same bytes."""
    table = main_table(findings)
    return latex_table(table, findings.title) if table else "% There is no result to show.\n"


def escaped(text: str) -> str:
    """The text on one line, with nothing in it that LaTeX would take for its own."""
    return "".join(_SPECIAL.get(char) or _plain(char) for char in " ".join(text.split()))


def latex_table(table: Table, title: str) -> str:
    """The table as a float of its own."""
    n_words = table.n_words
    lines = [
        r"% Needs \usepackage{booktabs}",
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{escaped(title)}. {escaped(table.caption)}}}",
        r"\label{tab:unlike-" + table.name + "}",
        r"\begin{tabular}{" + "l" * n_words + "r" * (len(table.columns) - n_words) + "}",
        r"\toprule",
        _line([escaped(column) for column in table.columns]),
    ]
    for group in table.groups:
        lines += [r"\midrule", *(_line([escaped(row[0].text), *map(_entry, row[1:])]) for row in group.rows)]
    lines += [r"\bottomrule", r"\end{tabular}"]
    notes = [rf"$^{{\mathrm{{{mark}}}}}$ {escaped(note)}" for mark, note in table.footnotes]
    lines += [rf"\par\smallskip{{\footnotesize {below}}}" for below in (*notes, *map(escaped, table.remarks))]
    return "\n".join([*lines, r"\end{table}", ""])


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _entry(entry: Entry) -> str:
    text = _RANKS.get(entry.rank, "%s") % escaped(entry.text)
    raised = _raised(entry)
    small = f" {{\\footnotesize ({escaped(entry.small)})}}" if entry.small else ""
    return text + (f"$^{{{raised}}}$" if raised else "") + small


def _raised(entry: Entry) -> str:
    """Marks and footnote as an exponent; "*" is raised by itself."""
    marks = entry.marks.replace("*", "{*}").replace("†", r"\dagger ").replace("↓", r"\downarrow ")
    return marks + (rf"\mathrm{{{entry.footnote}}}" if entry.footnote else "")


def _plain(char: str) -> str:
    """Characters that every LaTeX of the last years sets without a package."""
    is_latin = "\u00c0" <= char <= "\u017f" and char.isalpha()
    return char if " " <= char <= "~" or is_latin else "?"
