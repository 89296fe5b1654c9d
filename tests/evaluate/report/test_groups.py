"""Whom it serves worse, in words."""

from dataclasses import replace

from tests.evaluate.report.page import Page

from unlike.evaluate.report.gain_tables import MAX_GROUPS, group_table
from unlike.evaluate.report.page import render_html, render_markdown
from unlike.evaluate.statistics.findings import GroupGain


def rows_of(findings):
    return {
        (group.label, row[2].text): [entry.text for entry in row[3:]] + [row[2].small]
        for group in group_table(findings).groups
        for row in group.rows
    }


def test_a_row_says_gain_interval_users_difference_and_tests(findings):
    rows = rows_of(findings)
    de = ["−0.0200", "[−0.0300, −0.0100]", "12", "−0.0300", "0.001", "0.003", "served worst"]
    assert rows["language", "de"] == de
    assert rows["country", "not known"] == ["+0.0050", "[+0.0000, +0.0100]", "30", "–", "–", "–", ""]
    assert list(rows)[0] == ("language", "de") and len(rows) == 6


def test_a_single_user_has_no_interval_and_a_lowest_gain_that_may_be_chance_is_called_so(findings):
    rows = rows_of(findings)
    (single,) = [row for (attribute, _), row in rows.items() if attribute == "language" and row[2] == "1"]
    assert single[1] == "–" and single[-1] == ""
    assert rows["age", "age <= 34"][-1] == "lowest gain, may be chance" and rows["age", "age > 34"][-1] == ""


def test_page_and_markdown_have_the_section_only_where_there_is_something(findings, source):
    page, beside = Page(source), render_markdown(findings)
    assert "Whom it serves worse" in page.text_in["h2"] and "## Whom it serves worse" in beside
    assert "served worst" in page.text_in["small"] and "de<br><sub>served worst</sub>" in beside
    bare = replace(findings, group_gains=[])
    assert "Whom it serves worse" not in Page(render_html(bare)).text_in["h2"]
    assert "serves worse" not in render_markdown(bare)


def test_an_attribute_of_many_groups_shows_the_lowest_and_counts_the_rest(findings):
    many = [
        GroupGain(
            "dpl", "rouge1", "city", f"city {n:02}", n / 100, None, None, 1 if n < 30 else 2, 0.0, None, None, n == 30
        )
        for n in range(40)
    ]
    table = group_table(replace(findings, group_gains=many))
    shown = [row[2].text for row in table.groups[0].rows]
    assert shown == [*(f"city {n:02}" for n in range(MAX_GROUPS)), "city 30"]
    assert table.remarks == ("27 groups with higher gains are left out.",)
