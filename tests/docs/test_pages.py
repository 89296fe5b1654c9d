"""Every page can be followed: its blocks run in their order, its commands exist, its links lead somewhere."""

import csv
import json

import pytest

from tests.docs.invented import PEOPLE
from tests.docs.page import NOT_OURS, PAGES, blocks_of, options_of

WITH_BLOCKS = [page for page, path in PAGES.items() if page != "cli.md" and blocks_of(path)]
OWN_TEST = ("your-data.md", "your-model.md", "add-a-method.md", "add-a-metric.md", "add-a-backend.md")
"""Pages that are followed by a test that looks at what comes of it."""


@pytest.mark.parametrize("page", [page for page in WITH_BLOCKS if page not in OWN_TEST])
def test_a_page_can_be_followed(page, reader):
    reader.follow(page)


@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_its_commands_exist_with_these_options(page):
    for block in blocks_of(PAGES[page]):
        for words in block.commands if block.language == "sh" else ():
            if words[0] == "unlike":
                assert options_of(words[1:]) is not None
            elif words[0] == "python":
                assert words[1].endswith(".py")
            else:
                assert words[0] in NOT_OURS, words


def test_your_own_csv_becomes_a_report(reader):
    reader.follow("your-data.md")
    report = (reader.folder / "my-reviews" / "report.html").read_text(encoding="utf-8")
    findings = json.loads((reader.folder / "my-reviews" / "report.json").read_text(encoding="utf-8"))
    assert {row["name"] for row in findings["variants"]} == {"non_perso", "rag", "dpl"}
    assert {gain["user_id"] for gain in findings["gains"]} <= set(PEOPLE)
    assert findings["gains"] and not findings["failures"]
    assert all(row["cells"]["rouge1"]["mean"] > 0 for row in findings["variants"])
    assert "Folding stool" in report


def test_each_rule_of_the_scripted_answers_matches(reader):
    reader.follow("your-model.md")
    run, shown = reader.said[-2:]
    assert "matched" not in run
    assert "Short sentences. Numbers everywhere." in shown
    assert "writing: Short." in shown


def test_the_records_that_the_service_page_shows_can_be_pasted(reader):
    (shown,) = (block.text for block in blocks_of(PAGES["service.md"]) if block.language == "json")
    (reader.folder / "pasted.jsonl").write_text(shown)
    reader.type(["unlike", "ingest", "pasted.jsonl", "--store", "memory"])
    assert "2 new records; 1 new user" in reader.said[-1]


def test_the_example_of_a_table_has_the_columns_of_the_table(folder):
    shown = [
        next(csv.reader(block.text.splitlines()))
        for block in blocks_of(PAGES["your-data.md"])
        if block.language == "csv"
    ]
    there = [next(csv.reader((folder / name).open())) for name in ("reviews.csv", "products.csv")]
    assert shown == there
