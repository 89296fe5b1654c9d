"""One HTML page that holds everything and asks no network for anything.

Texts of users and models are hostile until shown otherwise: the template escapes whatever it is given, and the page
forbids itself scripts and connections.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2

from unlike.evaluate.report.gain_table import gain_table
from unlike.evaluate.report.group_table import group_table
from unlike.evaluate.report.layout import Table
from unlike.evaluate.report.metric_tables import main_table, sanity_table
from unlike.evaluate.report.other_tables import (
    cost_table,
    curves_table,
    facts_table,
    failures_table,
    halves_table,
    tests_table,
)
from unlike.evaluate.report.plots import plot_sections
from unlike.evaluate.report.shared_words import shared_words
from unlike.evaluate.report.wording import printable
from unlike.evaluate.statistics.findings import CaseStudy, Findings

_MOST_FACTS, _SHORT_CHARS = 6, 60


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


def render_html(findings: Findings) -> str:
    """The whole page. The same findings give the same bytes."""
    page = _template().render(
        findings=findings,
        facts_line=_facts_line(findings),
        main=main_table(findings),
        sanity=sanity_table(findings),
        tests=tests_table(findings),
        plots=plot_sections(findings),
        behind_plots=_behind_plots(findings),
        served=group_table(findings),
        cost=cost_table(findings),
        cases=[(case, case_texts(findings, case)) for case in findings.cases],
        failures=failures_table(findings),
        facts=facts_table(findings),
    )
    return printable(page)


def case_texts(findings: Findings, case: CaseStudy) -> list[CaseText]:
    """The texts of a case with the words marked that the real text has too; a profile without a text comes last."""
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


def _facts_line(findings: Findings) -> list[tuple[str, str]]:
    short = [(label, fact) for label, fact in findings.facts.items() if len(fact) <= _SHORT_CHARS]
    return short[:_MOST_FACTS]


def _behind_plots(findings: Findings) -> list[Table]:
    tables = (curves_table(findings), halves_table(findings), gain_table(findings))
    return [table for table in tables if table]


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja")
