"""The tables of a report in GitHub's Markdown; plots and case studies are in the HTML page alone."""

import re

from unlike.evaluate.report.gain_table import gain_table
from unlike.evaluate.report.group_table import group_table
from unlike.evaluate.report.layout import Entry, Table
from unlike.evaluate.report.metric_tables import main_table, sanity_table
from unlike.evaluate.report.other_tables import (
    cost_table,
    curves_table,
    facts_table,
    failures_table,
    halves_table,
    tests_table,
)
from unlike.evaluate.report.wording import printable
from unlike.evaluate.statistics.findings import Findings

_SPECIAL = re.compile(r"([\\`*_{}\[\]|~$]|^[-+#=]+(?=\s|$))")
_RANKS = {1: "**{}**", 2: "<ins>{}</ins>"}


def render_markdown(findings: Findings) -> str:
    """Every table of the report. The same findings give the same bytes."""
    parts = [f"# {escaped(findings.title)}", _notes(findings)]
    for heading, table in _tables(findings):
        if table:
            parts += [f"## {heading}", markdown_table(table)]
    if not findings.failures:
        parts += ["## Failures", "No case failed."]
    return printable("\n\n".join(part for part in parts if part) + "\n")


def escaped(text: str) -> str:
    """The text on one line, with nothing in it that Markdown or HTML would take for its own."""
    line = " ".join(text.split())
    return _SPECIAL.sub(r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def markdown_table(table: Table) -> str:
    """The caption, the table, and the remarks below it."""
    aligned = ["---" if place < table.n_words else "---:" for place in range(len(table.columns))]
    lines = [_line([escaped(column) for column in table.columns]), _line(aligned)]
    for group in table.groups:
        if group.label:
            lines.append(_line([f"*{escaped(group.label)}*", *[""] * (len(table.columns) - 1)]))
        lines += [_line([_entry(entry) for entry in row]) for row in group.rows]
    notes = [f"<sup>{mark}</sup> {escaped(note)}" for mark, note in table.footnotes]
    below = [*notes, *(escaped(remark) for remark in table.remarks)]
    return "\n\n".join([escaped(table.caption), "\n".join(lines), *below])


def _tables(findings: Findings) -> list[tuple[str, Table | None]]:
    return [
        ("Results", main_table(findings)),
        ("Paired tests", tests_table(findings)),
        ("Sanity checks", sanity_table(findings)),
        ("Sweeps", curves_table(findings)),
        ("Unique users and the others", halves_table(findings)),
        ("Who gains, who loses", gain_table(findings)),
        ("Whom it serves worse", group_table(findings)),
        ("Cost", cost_table(findings)),
        ("Failures", failures_table(findings)),
        ("To repeat it", facts_table(findings)),
    ]


def _notes(findings: Findings) -> str:
    """A quote that GitHub shows as a warning."""
    notes = [f"> - {escaped(note)}" for note in findings.notes]
    return "\n".join(["> [!IMPORTANT]", *notes]) if notes else ""


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _entry(entry: Entry) -> str:
    text = _RANKS.get(entry.rank, "{}").format(escaped(entry.text))
    raised = escaped(entry.marks) + entry.footnote
    small = f"<br><sub>{escaped(entry.small)}</sub>" if entry.small else ""
    return text + (f"<sup>{raised}</sup>" if raised else "") + small
