"""The authorship measure as a report in GitHub's Markdown."""

from collections.abc import Sequence
from pathlib import Path

from unlike.evaluate.authorship.measure import MIN_AUC, AuthorshipReport, ScoredMethod, Verdict
from unlike.evaluate.identity.separation import Estimate
from unlike.evaluate.report.files import write_with_figures
from unlike.evaluate.report.number_format import amount, p_value
from unlike.evaluate.report.shown_text import printable
from unlike.evaluate.report.table_format import Group, Row, Table, TableCell, entries, markdown, to_markdown
from unlike.evaluate.statistics.significance import PairedComparison

COLUMNS = ("text", "users", "texts", "too short", "failed", "probability", "share of the way")
VALIDATION = ("verifier", "ceiling against floor (AUC)", "with a stranger's known texts (AUC)", "")


def render_authorship(report: AuthorshipReport, title: str) -> str:
    """The validation, and a table per verifier that does not decline. The same report gives the same bytes."""
    parts = [f"# {markdown(title)}", *map(markdown, _about(report)), to_markdown(_validation(report.verdicts))]
    for verdict in report.verdicts:
        parts.append(f"## {markdown(verdict.verifier)}")
        parts.append(markdown(reason_declined(verdict)) if verdict.declines else to_markdown(_methods(verdict, report)))
    return printable("\n\n".join(parts) + "\n")


def write_authorship(report: AuthorshipReport, name: str, out: Path) -> list[Path]:
    """Write the report and all figures; returns the files.

    Args:
        report: What was measured.
        name: Name of the files, without suffixes.
        out: Folder of the files.

    Raises:
        InputError: One cannot be written.
    """
    return write_with_figures(report, name, {".md": render_authorship(report, f"Authorship: {name}")}, out)


def reason_declined(verdict: Verdict) -> str:
    """The reason why a verifier gives no figures."""
    return (
        f"{verdict.verifier} declines: it distinguishes real texts of users from others' on the same items with an area "
        f"of {with_interval(verdict.auc)}, below {MIN_AUC:g}, so its figures for generated texts would mean nothing."
    )


def with_interval(found: Estimate | None) -> str:
    """A figure with its interval, or that there were too few users for one."""
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})" if found else "too few users"


def columns_of(report: AuthorshipReport) -> tuple[str, ...]:
    """The columns of a verifier's table."""
    against = report.settings.against
    return (*COLUMNS, f"probability less that of {against}") if against else COLUMNS


def rows_of(verdict: Verdict, report: AuthorshipReport) -> list[tuple[str, ...]]:
    """The cells of ``columns_of``: floor and ceiling first, then each method."""
    ends = [
        ("floor: another user, same item", verdict.floor, "0"),
        ("ceiling: same user, another item", verdict.ceiling, "1"),
    ]
    real = [(name, "", "", "", "", with_interval(found), share) for name, found, share in ends]
    rows = real + [_cells(method) for method in verdict.methods]
    if not report.settings.against:
        return rows
    less = ["", "", *(_difference(method.against) for method in verdict.methods)]
    return [(*cells, difference) for cells, difference in zip(rows, less, strict=True)]


def _difference(less: PairedComparison | None) -> str:
    if less is None:
        return ""
    interval = f"{less.interval.low:.3f} to {less.interval.high:.3f}"
    return f"{less.difference:.3f} ({interval}; p {p_value(less.p_permutation)}, {less.n} users)"


def _cells(method: ScoredMethod) -> tuple[str, ...]:
    counts = (method.n_users, method.n_texts, method.n_short, method.n_failed)
    return (method.name, *map(amount, counts), with_interval(method.probability), with_interval(method.share))


def _about(report: AuthorshipReport) -> list[str]:
    found, settings = report.corpus, report.settings
    left_out = "; ".join(f"{amount(n)} with {reason}" for reason, n in sorted(report.left_out.items()))
    return [
        f"{amount(report.n_users)} users are tested on {amount(report.n_cases)} cases; the verifiers learned from "
        f"{amount(report.n_training_users)} other users. Left out: {left_out or 'none'}. The corpus has "
        f"{amount(int(found['records']))} records by {amount(int(found['users']))} users on {amount(int(found['items']))} "
        f"items; hash {str(found['hash'])[:12]}.",
        f"Every text is cut to its first {settings.n_words} words, and shorter ones are left out, so length plays no part. A "
        f"text is compared with {settings.min_known} to {settings.n_known} earlier texts of the user; seed {settings.seed}.",
        "Floor: a real text by another user on the item of the case. Ceiling: another real text by the user on another "
        "item. Probability: that the user wrote the text, mean over users. Share of the way: (text - floor) / (ceiling - "
        "floor) over the users with such a text. Intervals are 95 % bootstrap intervals over users.",
    ]


def _validation(verdicts: Sequence[Verdict]) -> Table:
    rows: list[Row] = []
    for verdict in verdicts:
        outcome = f"declines, below {MIN_AUC:g}" if verdict.declines else "valid"
        rows.append(entries(verdict.verifier, with_interval(verdict.auc), with_interval(verdict.stranger), outcome))
    caption = "Can the verifiers distinguish real authors? 0.5 is chance."
    return Table("validation", caption, VALIDATION, (Group(tuple(rows)),))


def _methods(verdict: Verdict, report: AuthorshipReport) -> Table:
    rows = tuple(tuple(map(TableCell, cells)) for cells in rows_of(verdict, report))
    return Table("methods", f"Between floor and ceiling, by {verdict.verifier}.", columns_of(report), (Group(rows),))
