import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from tests.evaluate.report.conftest import HOSTILE

from unlike.evaluate.report.axes import Scale, log_ticks, room, ticks
from unlike.evaluate.report.gain_table import thirds
from unlike.evaluate.report.lines import curve_plot, spread
from unlike.evaluate.report.plots import plot_sections, value_plots
from unlike.evaluate.report.scatter import Box, names_or_numbers, place_names
from unlike.evaluate.report.strips import strip, thinned
from unlike.evaluate.report.svg import WIDTH, width_of
from unlike.evaluate.report.wording import printable, two_lines
from unlike.evaluate.statistics.findings import Cell, Curve


def figures(findings):
    return [
        figure
        for section in plot_sections(findings)
        for figure in (*section.shown, *(f for _, folded in section.folded for f in folded))
    ]


def test_every_plot_is_sound_xml_with_finite_places(findings):
    drawn = figures(findings)
    assert len(drawn) == 18
    for figure in drawn:
        root = ElementTree.fromstring(figure.svg)
        assert root[0].tag == "title" and root[1].tag == "desc" and root[0].text and root[1].text
        assert not re.search(r'="-?(nan|inf)', figure.svg)
        x_places = [float(at[key]) for at in (e.attrib for e in root.iter()) for key in ("x", "x1", "x2") if key in at]
        assert min(x_places) >= 0 and max(x_places) <= WIDTH


def test_bars_are_as_long_as_their_values(findings):
    cells = [{"rouge1": Cell(mean, None, mean - 0.05, mean + 0.05)} for mean in (0.1, 0.2, -0.1)]
    three = [replace(v, cells=c, name="m") for v, c in zip(findings.variants, cells, strict=False)]
    root = ElementTree.fromstring(value_plots(replace(findings, variants=three))[0].svg)
    widths = [float(bar.attrib["width"]) for bar in root.iter("rect")]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.2) and widths[2] == pytest.approx(widths[0], abs=0.2)


def test_values_that_are_no_numbers_are_left_out(findings):
    cells = {"rouge1": Cell(math.nan), "rougeL": Cell(math.inf), "bleu": Cell(0.0), "meteor": Cell(0.1, low=math.nan)}
    drawn = value_plots(replace(findings, variants=[replace(findings.variants[0], cells=cells)]))
    assert [figure.caption for figure in drawn] == ["BLEU: mean, no intervals", "METEOR: mean, no intervals"]


def test_hostile_names_in_plots_are_text(findings):
    broken = replace(findings, variants=[replace(v, name=printable(HOSTILE)) for v in findings.variants])
    assert all("<script" not in figure.svg for figure in figures(broken))


@pytest.mark.parametrize(
    "points",
    [
        [(2.0, 0.1, None, None)],
        [(2.0, 0.1, 0.05, 0.2)],
        [(1.0, 0.1, 0.05, 0.2), (2.0, 0.1, None, None), (4.0, math.nan, None, None)],
    ],
)
def test_short_and_patchy_sweeps_are_drawn(points):
    figure = curve_plot("c", "ROUGE-1", 1.0, Curve("n_peers", "rouge1", {"dpl": points}))
    assert figure and not re.search(r"\bnan\b", figure.svg)
    assert curve_plot("c", "ROUGE-1", 1.0, Curve("n_peers", "rouge1", {"dpl": []})) is None


def test_bars_of_users_are_thinned_to_what_can_be_seen_and_say_so():
    gains = [number / 1000 - 1 for number in range(2_000)]
    assert len(thinned(gains)) == 300 and thinned(gains)[0] == gains[0] and thinned(gains)[-1] == gains[-1]
    figure = strip("s", "dpl", "ROUGE-1", gains, gains)
    assert figure and "300 of 2,000 drawn" in figure.svg and "999 of 2,000 users gain, 1,000 lose" in figure.caption
    assert strip("s", "dpl", "ROUGE-1", [], []) is None


def test_ticks_are_round_and_within():
    assert ticks(0, 0.2) == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])
    assert ticks(-3, 17) == pytest.approx([0, 5, 10, 15])
    assert log_ticks(400, 21_000) == [500, 1_000, 2_000, 5_000, 10_000, 20_000]
    assert log_ticks(1, 5_000) == [1, 10, 100, 1_000]


def test_scales():
    assert Scale(0, 10, 100, 200)(5) == 150
    assert Scale(1, 100, 0, 200, is_log=True)(10) == 100
    for numbers in ([0.0], [0.3], [-0.3], [0.1, 0.1]):
        low, high = room(numbers, with_zero=True)
        assert low < high and low <= min(numbers) and high >= max(numbers)


def test_names_are_spread_and_stay_in_order():
    placed = spread([50, 50, 51, 200], 14, 10, 200)
    assert placed == sorted(placed) and placed[-1] == 200
    assert all(after - before >= 14 for before, after in zip(placed, placed[1:], strict=False))
    assert min(spread([200] * 3, 14, 10, 200)) == 172


def test_names_of_near_points_do_not_cover_each_other():
    places = [(100.0, 100.0), (104.0, 102.0), (108.0, 99.0), (380.0, 100.0)]
    roots = [ElementTree.fromstring(text) for text in place_names(["first", "second", "third", "fourth"], places)[0]]
    boxes = []
    for root in roots:
        x, y, wide = float(root.attrib["x"]), float(root.attrib["y"]), width_of(root.text)
        left = {"start": x, "end": x - wide, "middle": x - wide / 2}[root.attrib["text-anchor"]]
        boxes.append(Box(left, y - 10, left + wide, y + 3))
    assert sum(a.covers(b) for a in boxes for b in boxes if a is not b) == 0
    assert boxes[-1].right <= WIDTH


def test_names_in_each_others_way_become_numbers_with_a_key():
    names = [f"dpl selection=farthest standard={number}" for number in range(12)]
    shapes, key = names_or_numbers(names, [(300.0 + number, 100.0 + 4 * number) for number in range(12)])
    assert [ElementTree.fromstring(shape).text for shape in shapes] == [str(number) for number in range(1, 13)]
    assert key[11] == "12  dpl selection=farthest standard=11"
    assert names_or_numbers(["a", "b"], [(100.0, 100.0), (200.0, 100.0)])[1] == []


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
