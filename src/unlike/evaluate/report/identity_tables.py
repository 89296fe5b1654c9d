"""The tables of the identity measure in GitHub's Markdown."""

from collections.abc import Sequence

from unlike.evaluate.identity.measure import IdentityReport, Measured
from unlike.evaluate.identity.scores import Contrast, Estimate, Gain, Told
from unlike.evaluate.report.as_markdown import escaped, markdown_table
from unlike.evaluate.report.layout import Entry, Group, Row, Table, entries
from unlike.evaluate.report.wording import amount, p_value, printable

MEASURES = {"own vector": "own_vector", "own vector, centred": "centred", "difference": "difference"}
"""Words of each measure, and its field."""
BELOW = {
    "history of a stranger": "another user's history in the place of the user's; without another reason than the user: 0.5",
    "own history against a stranger's": "whether the user's history favours the own text more than another user's does; "
    "what favours one of the two texts whoever is asked is on both sides",
    "foils by anybody": "all others' texts are foils, not only those by authors who write as much",
    "foils of same rating and like length": "and by authors who write as much",
    "foils within a year": "and by authors who write as much",
    "rating, length and date taken out": "of the vectors, by a linear regression with squares",
    "no phrase of the history": "users of whose earlier records neither text shares a run of five words",
    "peers of another item": "the vectors less those of as many texts on a random other item",
}
"""What each control changes."""


def render_identity(report: IdentityReport, title: str) -> str:
    """All tables. The same report gives the same bytes."""
    parts = [f"# {escaped(title)}", _about(report)]
    for heading, table in _tables(report):
        parts += [f"## {heading}", markdown_table(table)]
    return printable("\n\n".join(parts) + "\n")


def _about(report: IdentityReport) -> str:
    found, settings = report.corpus, report.settings
    lines = [
        f"{amount(report.main.n_users)} of {amount(int(found['users']))} users count; their next texts are on "
        f"{amount(report.n_items)} items and stand against {settings.n_foils} foils each, by "
        f"{amount(report.n_foil_authors)} authors. {amount(int(found['records']))} records on {amount(int(found['items']))} "
        f"items, {amount(report.n_repeated)} left out since they repeat earlier ones.",
        f"Encoder {report.embedder}; time rule {settings.time_rule}; N up to {settings.n_records}, at least "
        f"{settings.min_records}; K {settings.n_peers or 'all'}; seed {settings.seed}; corpus {str(found['hash'])[:12]}.",
        "Intervals are 95 % bootstrap intervals over users; p is that of the paired permutation test over users.",
    ]
    return "\n\n".join(map(escaped, lines))


def _tables(report: IdentityReport) -> list[tuple[str, Table]]:
    controls, swept = [report.main, *report.controls], "Share of pairs in which the own text is nearer, by "
    tables = [
        ("Result", _main_table(report.main)),
        ("Controls", _table("controls", "Share of pairs in which the own text is nearer.", controls, "share")),
        ("Controls, areas", _table("controls-auc", "Area under the ROC curve of the pooled scores.", controls, "auc")),
        ("Earlier records", _table("n", swept + "N, the earlier records at most.", report.over_records, "share")),
        ("Earlier records, areas", _table("n-auc", "Area, by N.", report.over_records, "auc")),
        ("Peers", _table("k", swept + "K, the peers at most, drawn at random.", report.over_peers, "share")),
        ("Peers, areas", _table("k-auc", "Area, by K.", report.over_peers, "auc")),
        ("Which peers", _table("which", swept + "the choice of peers.", report.representatives, "share")),
        ("Which peers, areas", _table("which-auc", "Area, by the choice of peers.", report.representatives, "auc")),
        ("Users left out", _left_out(report)),
    ]
    remarks = tuple(f"{name}: {words}." for name, words in BELOW.items())
    tables[1] = ("Controls", _with_remarks(tables[1][1], remarks))
    return tables


def _with_remarks(table: Table, remarks: tuple[str, ...]) -> Table:
    return Table(table.name, table.caption, table.columns, table.groups, table.n_words, remarks=remarks)


def _main_table(main: Measured) -> Table:
    rows = [_measure_row(main.found, words, field) for words, field in MEASURES.items()] if main.found else []
    columns = ("measure", "share", "area", "difference's gain in share", "p", "difference's gain in area")
    return Table("main", "How well the user's next text is told from a foil.", columns, (Group(tuple(rows)),))


def _measure_row(found: Contrast, words: str, field: str) -> Row:
    told: Told = getattr(found, field)
    gain: Gain | None = getattr(found, f"over_{field}", None)
    gains = (_gain(gain.share), Entry(p_value(gain.p)), _gain(gain.auc)) if gain else entries("", "", "")
    return (Entry(words), _estimate(told.share), _estimate(told.auc), *gains)


def _table(name: str, caption: str, rows: Sequence[Measured], kind: str) -> Table:
    """A row per set of trials; ``kind`` is "share" or "auc"."""
    columns = ("", "users", "N", "K", *MEASURES, "gain over own vector", "gain over centred")
    return Table(name, caption, columns, (Group(tuple(_row(row, kind) for row in rows)),))


def _row(row: Measured, kind: str) -> Row:
    head = entries(row.name, amount(row.n_users), amount(row.n_records, 1), amount(row.n_peers, 1))
    if row.found is None:
        return (*head, *entries("too few users", "", "", "", ""))
    told = (_estimate(getattr(getattr(row.found, field), kind)) for field in MEASURES.values())
    gains = (_gain(getattr(gain, kind)) for gain in (row.found.over_own_vector, row.found.over_centred))
    return (*head, *told, *gains)


def _left_out(report: IdentityReport) -> Table:
    rows = tuple(entries(reason, amount(n)) for reason, n in report.left_out.items())
    return Table("left-out", "Users who do not count, by the first obstacle.", ("reason", "users"), (Group(rows),))


def _estimate(found: Estimate) -> Entry:
    return Entry(f"{found.value:.3f}", small=f"{found.low:.3f} to {found.high:.3f}")


def _gain(found: Estimate) -> Entry:
    value, low, high = (f"{figure:+.3f}".replace("-", "−") for figure in (found.value, found.low, found.high))
    return Entry(value, small=f"{low} to {high}")
