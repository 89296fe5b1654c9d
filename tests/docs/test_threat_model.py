"""Every promise of the threat model names a mechanism and tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")


def promises():
    """Rows of the table: promise, mechanism, tests."""
    table = PAGE.partition("## What is promised")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    return rows[2:]


@pytest.mark.parametrize("row", promises(), ids=lambda row: row[0][:50])
def test_a_promise_has_a_mechanism_and_tests_that_exist(row):
    promise, mechanism, tests = row
    assert promise and mechanism
    named = re.findall(r"`([^`]+)`", tests)
    assert named
    for name in named:
        file, _, function = name.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, name


def test_no_promise_is_made_twice_and_there_is_what_is_not_promised():
    named = [row[0] for row in promises()]
    assert len(named) == len(set(named)) >= 20
    assert "## What is not promised" in PAGE
