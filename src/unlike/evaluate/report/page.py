"""A report on disk: one HTML page that needs no network, and Markdown, CSV and LaTeX beside it.

Texts of users and models are not trusted: the template escapes whatever it is given, and the page's security policy
forbids scripts and connections. The same findings give the same bytes.
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2

from unlike.errors import InputError
from unlike.evaluate.report.answer import answer
from unlike.evaluate.report.gain_tables import gain_table, group_table, halves_table
from unlike.evaluate.report.pictures import plot_sections
from unlike.evaluate.report.report_tables import (
    cost_table,
    curves_table,
    facts_table,
    failures_table,
    figures_table,
    main_table,
    sanity_table,
    tests_table,
)
from unlike.evaluate.report.rubric_table import rubric_table
from unlike.evaluate.report.shown_text import printable, shared_words
from unlike.evaluate.report.table_format import Table, markdown, to_csv, to_html, to_latex, to_markdown
from unlike.evaluate.running.run_method import write_all
from unlike.evaluate.statistics.findings import CaseStudy, Findings

_HTML = (".html", ".htm")
GENERATOR = b'<meta name="generator" content="unlike">'
"""In each report, so that it is known from files of others."""
SUFFIXES = (".md", ".csv", ".tex", ".json")
"""Of the files beside the page."""
_MAX_FACTS, _SHORT_CHARS = 6, 60
_TABLES_OF_PLOTS = {"curves", "halves", "gains"}
"""Tables that are shown with the pictures of the same figures."""


@dataclass(frozen=True, slots=True)
class CaseText:
    """What one variant wrote in a case study.

    Attributes:
        variant: Name of the variant.
        pieces: The text as (piece, whether the real text has this word); None where the case failed.
        reason: Why it failed.
        profile: The profile it was written from; "" where the variant makes none.
    """

    variant: str
    pieces: list[tuple[str, bool]] | None
    reason: str
    profile: str


def write_report(findings: Findings, out: Path) -> list[Path]:
    """Write the HTML page, and Markdown, CSV and LaTeX beside it under the same name, each atomically.

    Args:
        findings: What the experiment found.
        out: The HTML file, such as report.html; its folders are made.

    Returns:
        The files: HTML, Markdown, CSV, LaTeX.

    Raises:
        InputError: The name does not end in .html, or a file cannot be written.
    """
    check_name(out)
    texts = {
        out.name: render_html(findings),
        out.with_suffix(".md").name: render_markdown(findings),
        out.with_suffix(".csv").name: printable(to_csv(figures_table(findings))),
        out.with_suffix(".tex").name: render_latex(findings),
    }
    return write_all(texts, out.parent, f"report {out}", "name another file with --out")


def check_name(out: Path) -> None:
    """Check the name of a report before anything is written.

    Raises:
        InputError: It does not end in .html.
    """
    if out.suffix.lower() not in _HTML:
        raise InputError(f"report cannot be written: {out} is no HTML file; name one that ends in .html")


def check_free(out: Path) -> None:
    """Check that a report overwrites nothing but an earlier report.

    Raises:
        InputError: The name does not end in .html, or a file that would be written is there and no report.
    """
    check_name(out)
    with suppress(OSError):
        if GENERATOR in out.read_bytes():
            return
    if there := [file for file in (out, *map(out.with_suffix, SUFFIXES)) if file.exists()]:
        raise InputError(f"{there[0]} is there and was not made with a report; name another file with --out")


def all_tables(findings: Findings) -> list[tuple[str, Table]]:
    """Every table that has rows, under its heading."""
    found = [
        ("Results", main_table(findings)),
        ("Paired tests", tests_table(findings)),
        ("Rubric judges", rubric_table(findings)),
        ("Sanity checks", sanity_table(findings)),
        ("Sweeps", curves_table(findings)),
        ("Unique users and the others", halves_table(findings)),
        ("Who gains, who loses", gain_table(findings)),
        ("Whom it serves worse", group_table(findings)),
        ("Cost", cost_table(findings)),
        ("Failures", failures_table(findings)),
        ("To repeat it", facts_table(findings)),
    ]
    return [(heading, table) for heading, table in found if table]


def render_html(findings: Findings) -> str:
    """The whole page."""
    return _rendered("report.html.jinja", findings)


def render_body(findings: Findings) -> str:
    """The page without its heading, for embedding in another page; all texts in it are escaped."""
    return _rendered("report_body.html.jinja", findings)


def _rendered(template: str, findings: Findings) -> str:
    tables = {table.name: (heading, to_html(table)) for heading, table in all_tables(findings)}
    short = [(label, fact) for label, fact in findings.facts.items() if len(fact) <= _SHORT_CHARS]
    page = (
        _templates()
        .get_template(template)
        .render(
            findings=findings,
            answer=answer(findings),
            facts_line=short[:_MAX_FACTS],
            tables=tables,
            behind_plots={name: found for name, found in tables.items() if name in _TABLES_OF_PLOTS},
            plots=plot_sections(findings),
            cases=[(case, case_texts(findings, case)) for case in findings.cases],
        )
    )
    return printable(page)


def render_markdown(findings: Findings) -> str:
    """The answer and every table; pictures and case studies are in the HTML page alone."""
    notes = (
        "\n".join(["> [!IMPORTANT]", *(f"> - {markdown(note)}" for note in findings.notes)]) if findings.notes else ""
    )
    parts = [f"# {markdown(findings.title)}", markdown(answer(findings)), notes]
    for heading, table in all_tables(findings):
        parts += [f"## {heading}", to_markdown(table)]
    if not findings.failures:
        parts += ["## Failures", "No case failed."]
    return printable("\n\n".join(part for part in parts if part) + "\n")


def render_latex(findings: Findings) -> str:
    """The main table for a paper; a comment where there is none."""
    table = main_table(findings)
    return to_latex(table, findings.title) if table else "% There is no result to show.\n"


def case_texts(findings: Findings, case: CaseStudy) -> list[CaseText]:
    """The texts of a case, with the words marked that the real text has too; variants with only a profile come last."""
    reasons = {failure.variant: failure.reason for failure in findings.failures if failure.case_id == case.case_id}
    return [
        CaseText(
            variant,
            None if (text := case.texts.get(variant)) is None else shared_words(text, case.reference),
            reasons.get(variant, ""),
            case.profiles.get(variant, ""),
        )
        for variant in dict.fromkeys([*case.texts, *case.profiles])
    ]


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
