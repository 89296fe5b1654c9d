"""Who follows the Add-a pages literally has the method, metric or engine in an experiment's table, in few lines."""

import json

import pytest

from tests.docs.page import PAGES, blocks_of

MOST_LINES = 40


@pytest.fixture
def findings(reader):
    """What the report of a page's experiment holds."""

    def follow(page, name):
        reader.follow(page)
        return json.loads((reader.folder / name / "report.json").read_text())

    return follow


def test_an_added_method_is_in_the_table(findings, reader):
    found = findings("add-a-method.md", "length-hint")
    assert [row["name"] for row in found["variants"]] == ["rag", "length_hint", "dpl"]
    added = found["variants"][1]
    assert added["cost"]["calls"] == 1
    assert added["cells"]["rouge1"]["n"] == 6
    assert added["cells"]["rouge1"]["mean"] != found["variants"][0]["cells"]["rouge1"]["mean"]
    assert "length_hint" in (reader.folder / "length-hint" / "report.html").read_text()
    assert "length_hint" in reader.said[0] and "Writes about" in reader.said[1]
    assert "['rag', 'length_hint', 'dpl']" in reader.said[2]


def test_an_added_metric_is_in_the_table(findings, reader):
    found = findings("add-a-metric.md", "jaccard")
    assert found["main"] == ["jaccard", "jaccard_cut", "rouge1"]
    assert all(0 < row["cells"]["jaccard"]["mean"] < 1 for row in found["variants"])
    assert "Jaccard" in reader.said[-1]


def test_an_added_engine_writes_the_texts(findings, reader):
    found = findings("add-a-backend.md", "command")
    assert found["facts"]["LLM"] == "command:tail -c 300"
    assert [row["cells"]["rouge1"]["n"] for row in found["variants"]] == [4, 4]
    assert "answered" in reader.said[0]
    assert reader.said[-1].strip()


@pytest.mark.parametrize("page", ["add-a-method.md", "add-a-metric.md", "add-a-backend.md"])
def test_what_is_added_is_short(page):
    first = next(block for block in blocks_of(PAGES[page]) if block.language == "python")
    assert len(first.text.splitlines()) < MOST_LINES
