import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from tests.evaluate.report.conftest import HOSTILE

from unlike.evaluate.report.charts import WIDTH
from unlike.evaluate.report.gain_tables import thirds
from unlike.evaluate.report.pictures import curve_plots, plot_sections, strip, thinned, value_plots
from unlike.evaluate.report.shown_text import printable, two_lines
from unlike.evaluate.statistics.findings import Cell, Curve

CHART_COLOURS = re.compile(r"#[0-9a-f]{6}")


def pictures(sections):
    return [
        picture
        for section in sections
        for picture in (*section.shown, *(p for _, folded in section.folded for p in folded))
    ]


@pytest.fixture(scope="module")
def sections(findings):
    return plot_sections(findings)


def texts(picture):
    return [element.text for element in ElementTree.fromstring(picture.svg).iter() if element.tag.endswith("}text")]


def test_every_picture_is_sound_xml_with_title_description_and_the_pages_colours(sections):
    drawn = pictures(sections)
    assert len(drawn) == 18
    for picture in drawn:
        root = ElementTree.fromstring(picture.svg)
        assert root[0].tag.endswith("title") and root[1].tag.endswith("desc") and root[0].text and root[1].text
        assert root.attrib["viewBox"].startswith(f"0 0 {WIDTH} ")
        assert not re.search(r"\b(nan|inf)\b", picture.svg) and "<style" not in picture.svg
        assert not CHART_COLOURS.search(picture.svg) and "var(--c" in picture.svg


def test_one_user_is_a_sentence_instead_of_a_picture(findings, sections):
    one = [gain for gain in findings.gains if gain.user_id == findings.gains[0].user_id]
    notes = {section.heading: section for section in plot_sections(replace(findings, gains=one)) if section.note}
    assert set(notes) == {"Unique users and the others", "Gain of each user over Non-Perso"}
    assert all("needs at least two" in section.note and not section.shown for section in notes.values())
    assert not any(section.note for section in sections)


def test_names_and_values_are_text(findings, sections):
    shown = texts(sections[0].shown[0])
    assert {"non_perso", "rag", "dpl"} <= set(shown)
    assert f"{findings.variants[5].cells['rouge1'].mean:.4f}" in shown


def test_the_same_findings_give_the_same_bytes_and_no_id_twice(findings, sections):
    once, again = pictures(sections), pictures(plot_sections(findings))
    assert [picture.svg for picture in once] == [picture.svg for picture in again]
    ids = [one for picture in once for one in re.findall(r' id="([^"]+)"', picture.svg)]
    assert len(ids) == len(set(ids))


def test_values_that_are_no_numbers_are_left_out(findings):
    cells = {"rouge1": Cell(math.nan), "rougeL": Cell(math.inf), "bleu": Cell(0.0), "meteor": Cell(0.1, low=math.nan)}
    drawn = value_plots(replace(findings, variants=[replace(findings.variants[0], cells=cells)]))
    assert [picture.caption for picture in drawn] == ["BLEU: mean, no intervals", "METEOR: mean, no intervals"]


def test_hostile_names_in_pictures_are_text(findings):
    broken = replace(findings, variants=[replace(v, name=printable(HOSTILE)) for v in findings.variants])
    for picture in pictures(plot_sections(broken)):
        ElementTree.fromstring(picture.svg)
        assert "<script" not in picture.svg


@pytest.mark.parametrize(
    "points",
    [
        [(2.0, 0.1, None, None)],
        [(2.0, 0.1, 0.05, 0.2)],
        [(1.0, 0.1, 0.05, 0.2), (2.0, 0.1, None, None), (4.0, math.nan, None, None)],
    ],
)
def test_short_and_patchy_sweeps_are_drawn(findings, points):
    (picture,) = curve_plots(replace(findings, curves=[Curve("n_peers", "rouge1", {"dpl": points})]))
    assert not re.search(r"\bnan\b", picture.svg)
    assert curve_plots(replace(findings, curves=[Curve("n_peers", "rouge1", {"dpl": []})])) == []


def test_bars_of_users_are_thinned_to_what_can_be_seen_and_say_so():
    gains = [number / 1000 - 1 for number in range(2_000)]
    assert len(thinned(gains)) == 300 and thinned(gains)[0] == gains[0] and thinned(gains)[-1] == gains[-1]
    picture = strip("s", "dpl", "ROUGE-1", gains, gains)
    assert picture and "300 of 2,000 drawn" in picture.svg
    assert "999 of 2,000 users gain, 1,000 lose" in picture.caption
    assert strip("s", "dpl", "ROUGE-1", [], []) is None


def test_thirds_keep_equal_values_together():
    assert thirds({str(n): float(n) for n in range(1, 10)}) == [(1, 3), (4, 6), (7, 9)]
    assert thirds({"a": 1, "b": 1, "c": 1, "d": 2}) == [(1, 1), (2, 2)]
    assert thirds({"a": 5}) == [(5, 5)]
    assert thirds({}) == []


def test_long_names_stand_on_two_lines():
    assert two_lines("dpl", 22) == ["dpl"]
    assert two_lines("dpl selection=farthest standard=emotional", 22) == [
        "dpl selection=farthest",
        "standard=emotional",
    ]
    assert two_lines("x" * 30, 10) == ["x" * 9 + "…"]
