"""Every Python block of the README runs, and every command it names exists."""

import re
from pathlib import Path

import pytest

from unlike.cli.main import COMMANDS
from unlike.evaluate.metrics import METRICS
from unlike.evaluate.running.planned import planned_runs
from unlike.evaluate.running.read_plan import read_plan
from unlike.methods.table import METHODS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_python_blocks_run(block, capsys):
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out


def test_it_is_short():
    assert README.count("\n") < 150


def test_commands_exist():
    known = {name for section in COMMANDS.values() for name in section}
    named = set(re.findall(r"(?:^    |`)unlike (\w+)", README, re.MULTILINE))
    assert named <= known
    assert {"experiment", "curate", "show"} <= named


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", README, re.DOTALL))
def test_experiment_files_are_valid(block, tmp_path):
    (tmp_path / "mine.toml").write_text(block)
    runs = {run.folder for run in planned_runs(read_plan(tmp_path / "mine.toml"))}
    (shown,) = re.findall(r"unlike show mine/runs/(\S+) 1", README)
    assert shown in runs


def test_every_metric_is_listed():
    page = (Path(__file__).parent.parent / "docs" / "compare.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in METRICS)


def test_every_method_is_listed():
    assert all(f"`{name}`" in README for name in METHODS)
