import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.evaluate.report.conftest import HOSTILE, LONG, MAIN, VARIANTS
from tests.evaluate.report.page import Page

from unlike.evaluate import report
from unlike.evaluate.report.page import render_html
from unlike.evaluate.report.shown_text import printable
from unlike.evaluate.statistics.findings import Failure


def test_it_is_one_well_formed_page_that_asks_for_nothing(source):
    page = Page(source)
    assert page.open == [] and page.wrong == []
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert not [name for name, _ in page.elements if name in ("script", "img", "iframe", "object", "form")]
    links = [attrs[key] for _, attrs in page.elements for key in ("src", "href", "xlink:href") if key in attrs]
    assert [link for link in links if not link.startswith("#")] == ["data:,"]
    assert not re.search(r"url\((?!#)|@import|https?:(?!//www\.w3\.org/)", source)


def test_headings_descend_one_step_at_a_time(source):
    levels = Page(source).headings
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


def test_tables_and_plots_are_named_for_those_who_do_not_see_them(source):
    page = Page(source)
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    named = [attrs["aria-labelledby"] for _, attrs in page.elements if "aria-labelledby" in attrs]
    assert {part for name in named for part in name.split()} <= set(ids)
    assert len(page.all("table")) == len(page.all("caption")) == len(page.all("div", **{"class": "box"}))
    assert all(attrs.get("scope") for attrs in page.all("th"))
    assert len(page.all("svg", role="img")) == len(page.all("svg")) == len(page.all("title")) - 1
    assert all(page.text_in["desc"])


def test_every_part_is_there(findings, source):
    page = Page(source)
    headings = ["Read this first", "Results", "Sanity checks", "Pictures", "Cost", "Case studies", "Failures"]
    headings.insert(4, "Whom it serves worse")
    assert page.text_in["h2"] == [*headings, "To repeat it"]
    captions = [caption.split(":")[0] for caption in page.text_in["figcaption"]]
    assert captions[:4] == ["ROUGE-1", "ROUGE-L", "BLEU", "METEOR"]
    assert len(captions) == len(MAIN) + 2 + 2 + 6 + len(MAIN)
    assert findings.notes[0] in page.text_in["li"]


def test_main_table_shows_best_second_marks_papers_and_what_is_missing(source):
    page = Page(source)
    main, sanity = page.text_in["table"][0], page.text_in["table"][2]
    assert "paper: 0.3107" in main and "not available" not in main
    assert "not available" in sanity and "Leakage (words)" in sanity
    assert len([text for text in page.text_in["strong"]]) == len(page.text_in["u"]) == len(MAIN)
    assert {"**", "*", "*↓", "a"} <= set(page.text_in["sup"])
    remarks = " ".join(page.text_in["p"])
    assert "bert-score is not installed; install it" in remarks
    assert "figures are from DPL, table 8: the same test cases" in remarks
    assert "No published figures are available for: non_perso" in remarks


def test_hostile_text_is_text(source):
    page = Page(source)
    shown = printable(HOSTILE)
    assert "\x00" not in shown and "\ud800" not in shown
    assert any(text.strip() == shown.strip() for text in page.text_in["h3"])
    assert shown in page.text_in["td"]
    assert [text for text in page.text_in["div"] if text.strip() == shown.strip()]
    assert any(text.strip() == LONG.strip() for text in page.text_in["div"])
    assert "alert('x')" in page.text_in["main"][0]


@pytest.mark.parametrize("part", ["title", "variant", "metric", "fact", "note"])
def test_hostile_names_break_nothing(findings, part):
    broken = {
        "title": lambda: replace(findings, title=HOSTILE),
        "variant": lambda: replace(findings, variants=[replace(v, name=HOSTILE + v.name) for v in findings.variants]),
        "metric": lambda: replace(findings, metrics=[(name, HOSTILE, HOSTILE) for name, *_ in findings.metrics]),
        "fact": lambda: replace(findings, facts={HOSTILE: HOSTILE}),
        "note": lambda: replace(findings, notes=[HOSTILE]),
    }[part]()
    page = Page(render_html(broken))
    assert page.open == [] and page.wrong == [] and not page.all("script")
    assert printable(HOSTILE).split(" NUL")[0] in page.text_in["html"][0]


def test_words_of_the_real_text_are_marked(source):
    page = Page(source)
    assert {"drums", "album", "song", "hurry"} <= set(page.text_in["mark"])
    assert "the" not in page.text_in["mark"]


def test_empty_parts_are_left_out(findings, empty, all_failed):
    page = Page(render_html(empty))
    assert page.text_in["h2"] == ["Failures"] and "svg" not in page.text_in
    page = Page(render_html(all_failed))
    assert page.text_in["h2"] == ["Results", "Sanity checks", "Cost", "Failures", "To repeat it"]
    assert page.text_in["table"][0].count("not available") == len(MAIN)
    assert "No case failed." in page.text_in["p"]
    bare = replace(findings, curves=[], halves=[], gains=[], tests=[])
    headings = Page(render_html(bare)).text_in["h3"]
    assert headings[:2] == ["Means with their intervals", "Quality against tokens"]


def test_long_lists_of_failures_are_cut_and_counted(findings):
    many = replace(findings, failures=[Failure("rag", f"case-{n}", "no answer") for n in range(1_734)])
    page = render_html(many)
    assert "1,734 failed" in page and "1,234 more are in the run folders." in page and "case-500" not in page


def test_the_same_findings_give_the_same_page(findings, source):
    assert render_html(findings) == source


def test_one_variant_alone(findings):
    page = Page(render_html(replace(findings, variants=findings.variants[5:6], tests=[], curves=[], halves=[])))
    assert "Quality against tokens" not in page.text_in["h3"]
    assert VARIANTS[5] in page.text_in["table"][0] and "Baselines" not in page.text_in["table"][0]


@pytest.mark.parametrize("mode", [0, 1])
def test_colours_can_be_told_from_the_page(mode):
    """WCAG 2.2: text 4.5 to 1, shapes 3 to 1, in the light (0) and the dark (1) scheme."""
    css = (Path(report.__file__).parent / "report.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[mode]))
    pairs = [("text", "page"), ("text", "panel"), ("text", "warn"), ("text", "mark")]
    pairs += [("quiet", "page"), ("quiet", "panel"), ("failed", "panel")]
    assert all(_contrast(colours[a], colours[b]) >= 4.5 for a, b in pairs)
    shapes = [*(f"c{number}" for number in range(6)), "focus", "warn-edge"]
    assert all(_contrast(colours[shape], colours["page"]) >= 3 for shape in shapes)


def _contrast(one, other):
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour):
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
