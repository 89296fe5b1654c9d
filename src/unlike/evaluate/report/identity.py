"""The identity test as a report: tables in GitHub's Markdown, and pictures in files of their own."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from unlike.evaluate.identity.measure import IdentityReport, Measured
from unlike.evaluate.identity.separation import Contrast, Discrimination, Estimate, Gain
from unlike.evaluate.report.charts import COLOURS, INK, MARKERS, draw, named_rows, stand_alone, value_axis
from unlike.evaluate.report.files import write_with_figures
from unlike.evaluate.report.number_format import amount, p_value
from unlike.evaluate.report.shown_text import printable, two_lines
from unlike.evaluate.report.table_format import Group, Row, Table, TableCell, entries, markdown, to_markdown

Kind = Literal["share", "auc"]

MEASURES = {"own vector": "own_vector", "own vector, centred": "centred", "difference": "difference"}
"""By name of the measure: its field in ``Contrast``."""
CONTROL_NOTES = {
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
CHANCE = 0.5
_LABELS: dict[Kind, str] = {
    "share": "share of pairs in which the own text is nearer",
    "auc": "area under the ROC curve of all scores",
}
_STYLES = ((COLOURS[1], MARKERS[1]), (COLOURS[5], MARKERS[2]), (COLOURS[0], MARKERS[0]))
"""Colour and marker of each measure, in their order."""
_WIDTH = 400
"""Units of a picture's width."""


def write_identity(report: IdentityReport, name: str, out: Path) -> list[Path]:
    """Write tables, pictures and figures.

    Args:
        report: What was measured.
        name: Name of the files, without suffixes.
        out: Folder of the files.

    Returns:
        The files.

    Raises:
        InputError: One cannot be written.
    """
    texts = {
        ".md": render_identity(report, f"Identity: {name}"),
        ".svg": result_picture(report, f"Who wrote it? {name}", "share"),
        "_areas.svg": result_picture(report, f"Who wrote it? {name}, all scores pooled", "auc"),
        "_curves.svg": curves_picture(report, f"Who wrote it? {name}, by N and K"),
    }
    return write_with_figures(report, name, texts, out)


# Tables ---------------------------------------------------------------------------------------------------------------


def render_identity(report: IdentityReport, title: str) -> str:
    """All tables. The same report gives the same bytes."""
    parts = [f"# {markdown(title)}", _about(report)]
    for heading, table in _tables(report):
        parts += [f"## {heading}", to_markdown(table)]
    return printable("\n\n".join(parts) + "\n")


def _about(report: IdentityReport) -> str:
    found, settings = report.corpus, report.settings
    lines = [
        f"{amount(report.main.n_users)} of {amount(int(found['users']))} users count; their next texts are on "
        f"{amount(report.n_items)} items and stand against {settings.n_foils} foils each, by "
        f"{amount(report.n_foil_authors)} authors. {amount(int(found['records']))} records on {amount(int(found['items']))} "
        f"items, {amount(report.n_repeated)} left out since they repeat earlier ones.",
        f"Encoder {report.embedder}; time rule {settings.time_rule}; N up to {settings.n_records}, at least "
        f"{settings.min_records}; K {settings.n_peers or 'all'}; words {settings.n_words or 'all'}; seed {settings.seed}; "
        f"corpus {str(found['hash'])[:12]}.",
        "Intervals are 95 % bootstrap intervals over users; p is that of the paired permutation test over users.",
    ]
    return "\n\n".join(map(markdown, lines))


def _tables(report: IdentityReport) -> list[tuple[str, Table]]:
    controls, swept = [report.main, *report.controls], "Share of pairs in which the own text is nearer, by "
    remarks = tuple(f"{name}: {words}." for name, words in CONTROL_NOTES.items())
    shares = _table("controls", "Share of pairs in which the own text is nearer.", controls, "share")
    return [
        ("Result", _main_table(report.main)),
        ("Controls", replace(shares, remarks=remarks)),
        ("Controls, areas", _table("controls-auc", "Area under the ROC curve of the pooled scores.", controls, "auc")),
        ("Earlier records", _table("n", swept + "N, the earlier records at most.", report.over_records, "share")),
        ("Earlier records, areas", _table("n-auc", "Area, by N.", report.over_records, "auc")),
        ("Peers", _table("k", swept + "K, the peers at most, drawn at random.", report.over_peers, "share")),
        ("Peers, areas", _table("k-auc", "Area, by K.", report.over_peers, "auc")),
        ("Which peers", _table("which", swept + "the choice of peers.", report.representatives, "share")),
        ("Which peers, areas", _table("which-auc", "Area, by the choice of peers.", report.representatives, "auc")),
        ("Users left out", _left_out(report)),
    ]


def _main_table(main: Measured) -> Table:
    rows = [_measure_row(main.found, words, field) for words, field in MEASURES.items()] if main.found else []
    columns = ("measure", "share", "area", "difference's gain in share", "p", "difference's gain in area")
    return Table("main", "How well the user's next text is distinguished from a foil.", columns, (Group(tuple(rows)),))


def _measure_row(found: Contrast, words: str, field: str) -> Row:
    own: Discrimination = getattr(found, field)
    over: Gain | None = getattr(found, f"over_{field}", None)
    gains = (
        (signed_estimate(over.share), TableCell(p_value(over.p)), signed_estimate(over.auc))
        if over
        else entries("", "", "")
    )
    return (TableCell(words), estimated(own.share), estimated(own.auc), *gains)


def _table(name: str, caption: str, rows: Sequence[Measured], kind: Kind) -> Table:
    """A row per set of trials."""
    columns = ("", "users", "N", "K", *MEASURES, "gain over own vector", "gain over centred")
    return Table(name, caption, columns, (Group(tuple(_row(row, kind) for row in rows)),))


def _row(row: Measured, kind: Kind) -> Row:
    head = entries(row.name, amount(row.n_users), amount(row.n_records, 1), amount(row.n_peers, 1))
    if row.found is None:
        return (*head, *entries("too few users", "", "", "", ""))
    cells = (estimated(_estimate(row, field, kind)) for field in MEASURES.values())
    gains = (signed_estimate(getattr(over, kind)) for over in (row.found.over_own_vector, row.found.over_centred))
    return (*head, *cells, *gains)


def _left_out(report: IdentityReport) -> Table:
    rows = tuple(entries(reason, amount(n)) for reason, n in report.left_out.items())
    return Table("left-out", "Users who do not count, by the first obstacle.", ("reason", "users"), (Group(rows),))


def estimated(found: Estimate) -> TableCell:
    """A figure above its interval."""
    return TableCell(f"{found.value:.3f}", small=f"{found.low:.3f} to {found.high:.3f}")


def signed_estimate(found: Estimate) -> TableCell:
    """A signed figure above its interval."""
    value, low, high = (f"{figure:+.3f}".replace("-", "−") for figure in (found.value, found.low, found.high))
    return TableCell(value, small=f"{low} to {high}")


# Pictures -------------------------------------------------------------------------------------------------------------


def result_picture(report: IdentityReport, title: str, kind: Kind) -> str:
    """The result and its controls: a row per set of trials, with the three measures and their intervals.

    Args:
        report: What was measured.
        title: Title of the picture.
        kind: Shares of pairs, or areas under the curve.
    """
    rows = [row for row in (report.main, *report.controls) if row.found]

    def paint(axes: Any) -> None:  # noqa: ANN401 - matplotlib's
        for measure, (words, field) in enumerate(MEASURES.items()):
            colour, marker = _STYLES[measure]
            found = [_estimate(row, field, kind) for row in rows]
            places = [place + 0.26 * (measure - 1) for place in range(len(rows))]
            ends = [[one.value - one.low for one in found], [one.high - one.value for one in found]]
            values = [one.value for one in found]
            axes.errorbar(
                values, places, xerr=ends, color=colour, marker=marker, linestyle="none", capsize=3, label=words
            )
        named_rows(axes, ["\n".join(two_lines(row.name, 24)) for row in rows])
        value_axis(axes)
        axes.axvline(CHANCE, color=INK, linewidth=1, linestyle="--")
        axes.set_xlabel(f"{_LABELS[kind]}; 0.5 is chance")
        _titled(axes.figure, title)

    return stand_alone(draw("result", title, _described(rows, kind), (_WIDTH, 130 + 42 * len(rows)), paint))


def curves_picture(report: IdentityReport, title: str) -> str:
    """Share and area over N and K, with bands of their intervals.

    Args:
        report: What was measured.
        title: Title of the picture.
    """
    sweeps = (("N, earlier records", report.over_records), ("K, peers of each", report.over_peers))
    kinds: tuple[tuple[Kind, str], ...] = (("share", "share of pairs"), ("auc", "area under the curve"))
    panels: list[tuple[Kind, str, str, list[Measured]]] = [
        (kind, label, setting, [row for row in swept if row.found])
        for kind, label in kinds
        for setting, swept in sweeps
    ]

    def paint(*every: Any) -> None:  # noqa: ANN401
        for axes, (kind, label, setting, rows) in zip(every, panels, strict=True):
            for style, field in zip(_STYLES, MEASURES.values(), strict=True):
                _band(axes, [_estimate(row, field, kind) for row in rows], *style)
            axes.set_xticks(range(len(rows)), [row.name for row in rows])
            axes.set(title=label, xlabel=setting)
            value_axis(axes, "y")
            axes.axhline(CHANCE, color=INK, linewidth=1, linestyle="--")
        for line, words in zip(every[0].get_lines(), MEASURES, strict=False):
            line.set_label(words)
        _titled(every[0].figure, title)

    description = ". ".join(f"{label} by {setting}: {_described(rows, kind)}" for kind, label, setting, rows in panels)
    return stand_alone(draw("curves", title, description, (_WIDTH, 460), paint, (2, 2)))


def _band(axes: Any, found: Sequence[Estimate], colour: str, marker: str) -> None:  # noqa: ANN401
    places = range(len(found))
    axes.plot(places, [one.value for one in found], color=colour, marker=marker, markersize=5)
    axes.fill_between(places, [one.low for one in found], [one.high for one in found], color=colour, alpha=0.15, lw=0)


def _titled(figure: Any, title: str) -> None:  # noqa: ANN401
    figure.suptitle(printable(title), x=0.02, ha="left", fontsize=12, fontweight="bold")
    figure.legend(loc="outside lower left", ncols=3, fontsize=10, columnspacing=1)


def _estimate(row: Measured, field: str, kind: Kind) -> Estimate:
    return getattr(getattr(row.found, field), kind)


def _described(rows: Sequence[Measured], kind: Kind) -> str:
    return "; ".join(
        f"{row.name}: "
        + ", ".join(f"{name} {_estimate(row, field, kind).value:.2f}" for name, field in MEASURES.items())
        for row in rows
    )
