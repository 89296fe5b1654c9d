"""The comparison of encoders by the identity measure as a report in GitHub's Markdown."""

from pathlib import Path

from unlike.evaluate.identity.encoders import EncoderFigures, EncodersReport
from unlike.evaluate.identity.separation import Contrast
from unlike.evaluate.report.files import write_with_figures
from unlike.evaluate.report.identity import Kind, estimated, signed_estimate
from unlike.evaluate.report.number_format import amount, p_value
from unlike.evaluate.report.shown_text import printable
from unlike.evaluate.report.table_format import Group, Row, Table, TableCell, entries, markdown, to_markdown

MEASURES = {
    "own vector": ("result", "own_vector"),
    "own vector, centred": ("result", "centred"),
    "difference": ("result", "difference"),
    "difference to representatives": ("representatives", "difference"),
    "difference, history of a stranger": ("stranger", "difference"),
}
"""By name of the measure: its row in ``EncoderFigures`` and its field in ``Contrast``."""


def write_encoders(report: EncodersReport, name: str, out: Path) -> list[Path]:
    """Write the tables and all figures; returns the files.

    Args:
        report: What was measured.
        name: Name of the corpus, from which those of the files are made.
        out: Folder of the files.

    Raises:
        InputError: One cannot be written.
    """
    return write_with_figures(report, f"{name}_encoders", {".md": render_encoders(report, f"Encoders: {name}")}, out)


def render_encoders(report: EncodersReport, title: str) -> str:
    """Both tables. The same report gives the same bytes."""
    share = "Share of pairs in which the own text is nearer; 0.5 is chance."
    tables = (("Shares", encoders_table(report, "share", share)), ("Areas", encoders_table(report, "auc", _AREA)))
    parts = [f"# {markdown(title)}", *map(markdown, _about(report))]
    for heading, table in tables:
        parts += [f"## {heading}", to_markdown(table)]
    return printable("\n\n".join(parts) + "\n")


_AREA = "Area under the ROC curve of the pooled scores; 0.5 is chance."


def encoders_table(report: EncodersReport, kind: Kind, caption: str) -> Table:
    """A row per encoder.

    Args:
        report: What was measured.
        kind: Shares of pairs, or areas under the curve.
        caption: What the table shows.
    """
    columns = ("encoder", "dim", *MEASURES, f"gain over {report.encoders[0].name}", "p")
    rows = tuple(_row(one, kind) for one in report.encoders)
    return Table(f"encoders-{kind}", caption, columns[: None if kind == "share" else -1], (Group(rows),))


def _row(found: EncoderFigures, kind: Kind) -> Row:
    cells = [_cell(getattr(found, row), field, kind) for row, field in MEASURES.values()]
    over = found.over_first
    gains = [signed_estimate(getattr(over, kind)) if over else TableCell("")]
    if kind == "share":
        gains.append(TableCell(p_value(over.p) if over else ""))
    return (*entries(found.name, amount(found.dim)), *cells, *gains)


def _cell(found: Contrast | None, field: str, kind: Kind) -> TableCell:
    return estimated(getattr(getattr(found, field), kind)) if found else TableCell("too few users")


def _about(report: EncodersReport) -> list[str]:
    corpus, settings = report.corpus, report.settings
    cut = f"the first {settings.n_words} words of each text" if settings.n_words else "whole texts, as far as they can"
    return [
        f"{amount(report.n_users)} of {amount(int(corpus['users']))} users count, with {settings.n_foils} foils each; "
        f"{amount(report.n_texts)} of {amount(int(corpus['records']))} texts were encoded. Encoders read {cut}. Those that "
        f"are fitted (ngrams, style) learn from users in no trial, of whom there are {amount(report.n_fitted_users)}. Corpus "
        f"{str(corpus['hash'])[:12]}; time rule {settings.time_rule}; N up to {settings.n_records}; seed {settings.seed}.",
        "Difference: to the mean of all others on the item; to representatives: to those of DPL's equation 4, K 4. With a "
        "stranger's history in place of the user's, 0.5 is expected. Gain: of the difference over that of the first encoder, "
        "with the p of the paired permutation test over users. Intervals are 95 % bootstrap intervals over users.",
    ]
