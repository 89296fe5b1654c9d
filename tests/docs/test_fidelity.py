"""Each claim on the page names a place that exists, a test that `make test` runs or a command that can be typed."""

import ast
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from tests.docs.page import PAGES, options_of
from unlike.evaluate.running.read_plan import PRESETS

ROOT = Path(__file__).parents[2]
VERDICTS = {"faithful", "deviates", "open", "not reproduced"}
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGES["fidelity.md"].read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| where")
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}: {row[1]}"[:60])
def test_a_claim_names_what_is_there(row):
    assert len(row) == 6 and row[3] in VERDICTS
    assert row[4] or row[3] != "deviates", "a deviation has a reason"
    for place in _quoted(row[2]):
        assert (ROOT / "src" / "unlike" / place).exists() or (PRESETS / f"{place}.toml").is_file(), place
    evidence = _quoted(row[5])
    assert evidence
    for shown in evidence:
        _check(shown)


def test_every_preset_is_the_evidence_of_some_claim():
    named = {name for row in ROWS for cell in (row[2], row[5]) for name in re.findall(r"\b(?:dpl|dep)-[\w-]+", cell)}
    assert named == {path.stem for path in PRESETS.glob("*.toml")}


def _check(shown: str) -> None:
    if shown.startswith("unlike "):
        assert options_of(shlex.split(shown)[1:])
    else:
        file, _, name = shown.partition("::")
        assert name in _tests_of(file), shown


@cache
def _tests_of(file: str) -> set[str]:
    """Tests that are not left to `make soak`."""
    text = (ROOT / file).read_text(encoding="utf-8")
    assert "pytestmark = pytest.mark.soak" not in text
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return {one.name for one in functions if "pytest.mark.soak" not in map(ast.unparse, one.decorator_list)}


def _quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)
