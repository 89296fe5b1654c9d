"""The table of rubric judges: how many criteria count, and the scores of real texts."""

from unlike.evaluate.report.number_format import amount, finite, interval, p_value, signed, value
from unlike.evaluate.report.report_tables import labels, table_of
from unlike.evaluate.report.table_format import Row, Table, TableCell
from unlike.evaluate.statistics.findings import Cell, Findings, RubricFindings
from unlike.progress import n_of

COLUMNS = (
    *("Judge", "users", "without rubric", "criteria", "dropped"),
    *("others' real texts (floor)", "users' real texts (ceiling)", "ceiling less floor", "p (permutation)"),
)


def rubric_table(findings: Findings) -> Table | None:
    """What each rubric judge found beside its column."""
    caption = (
        "Rubric judges: criteria learned per user, and the share of them that real texts on the items of the cases meet, "
        "with 95 % interval over users."
    )
    return table_of("rubrics", caption, COLUMNS, (_row(findings, found) for found in findings.rubrics))


def _row(findings: Findings, found: RubricFindings) -> Row:
    counts = (found.n_users, found.n_without, found.n_criteria, found.n_dropped)
    difference = "–" if found.difference is None else signed(found.difference)
    return (
        TableCell(labels(findings).get(found.metric, found.metric)),
        *(TableCell(amount(count)) for count in counts),
        *(_share(cell) for cell in (found.floor, found.ceiling)),
        TableCell(difference, small=f"{interval(found.low, found.high)}, {n_of(found.n, 'user')}" if found.n else ""),
        TableCell(p_value(found.p)),
    )


def _share(cell: Cell | None) -> TableCell:
    if cell is None:
        return TableCell("–")
    ends = "" if finite(cell.low) is None else f"{value(cell.low)} to {value(cell.high)}"
    failed = f"{cell.n_failed} failed" if cell.n_failed else ""
    return TableCell(value(cell.mean), small="; ".join(filter(None, (ends, failed))))
