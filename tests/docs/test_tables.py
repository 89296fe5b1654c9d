"""Each table of the papers as its command makes it, with a tiny corpus, tiny random models and a scripted LLM."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.llm.tiny_llm import tiny_llm
from unlike.cli.main import app
from unlike.data.corpus import Corpus
from unlike.evaluate.running.planned import planned_runs
from unlike.evaluate.running.read_plan import PRESETS, read_plan
from unlike.records import Case, Item, Record
from unlike.settings import read_toml

USERS, N_ITEMS = ("ada", "ben", "cem", "dee", "eve", "fay"), 6
SPLITS = ("train", "validation", "test")
SHORT = {"max_steps": 1, "max_target_tokens": 16, "validation": 1, "precision": "float32", "text_chars": 40}
TRAINED = [preset.stem for preset in PRESETS.glob("*.toml") if "[[adapters]]" in preset.read_text(encoding="utf-8")]
WRITTEN = [preset.stem for preset in PRESETS.glob("*.toml") if preset.stem not in TRAINED]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Every user writes about every item; the last three records of each are the targets."""
    records = [
        Record(f"{user}-{n}", user, f"i{n}", f"{user} says {n} times that it hums", f"It hums {n}", 4.0, 10 * n + place)
        for place, user in enumerate(USERS)
        for n in range(N_ITEMS)
    ]
    cases = [
        Case(r.id, r.user_id, r.item_id, r.timestamp, r.title, r.rating, r.text, split)
        for n, split in zip(range(N_ITEMS - 3, N_ITEMS), SPLITS, strict=True)
        for r in records
        if r.item_id == f"i{n}"
    ]
    folder = tmp_path_factory.mktemp("tables") / "corpus"
    Corpus(records, [Item(f"i{n}", f"Item {n}", "It is blue.") for n in range(N_ITEMS)], cases).write(folder)
    return folder


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A chat model with random weights, a scripted LLM and a scripted judge."""
    folder = tmp_path_factory.mktemp("models")
    tiny_llm(folder, kind="qwen2")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 16_384}))
    (folder / "llm.toml").write_text('default = ["It hums.", "It hums, and it is blue.", "Not for me."]\n')
    (folder / "judge.toml").write_text('default = ["Score: 7"]\n')
    return folder


def _shortened(path: Path, what: str):
    """A preset with short texts and trainings, and without the metric that needs a model from elsewhere."""
    raw = read_toml(path, what)
    raw["settings"] = raw.get("settings", {}) | {"max_tokens": 8}
    raw["metrics"] = [metric for metric in raw["metrics"] if metric != "bertscore"]
    raw |= {"likelihood": 8} if "likelihood" in raw else {}
    raw |= {"samples": {"size": 2, "times": 2}} if "samples" in raw else {}
    for adapter in raw.get("adapters", ()):
        adapter["set"] = SHORT | {"max_prompt_tokens": 8_000} | adapter.get("set", {})
    if "adapters" in raw:
        raw.pop("repeats", None)
    return raw


@pytest.mark.soak
@pytest.mark.parametrize("preset", sorted([*WRITTEN, *TRAINED]))
def test_a_command_makes_a_table(preset, corpus, models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("unlike.evaluate.running.read_plan.read_toml", _shortened)
    llm = f"transformers:{models}" if preset in TRAINED else f"scripted:{models / 'llm.toml'}"
    plan = read_plan(Path(preset))
    words = ["experiment", preset, "--corpus", str(corpus), "--llm", llm, "--embedder", "hashing:16"]
    words += ["--limit", "2"] if plan.samples is None else []
    words += ["--judge", f"scripted:{models / 'judge.toml'}"] if plan.judges else []
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / preset / "report.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in found["variants"]] == list(dict.fromkeys(run.variant for run in planned_runs(plan)))
    assert all(row["cells"][found["main"][0]]["mean"] is not None for row in found["variants"])
    assert found["facts"]["Time rule"] == "released" and found["facts"]["Task"] == "review_papers"
    assert "too few to say" in done.output and f"{preset}/report.html" in done.output.replace("\n", "")


@pytest.mark.soak
def test_the_curve_over_records_begins_with_non_perso(corpus, models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("unlike.evaluate.running.read_plan.read_toml", _shortened)
    words = ["experiment", "dep-k", "--corpus", str(corpus), "--llm", f"transformers:{models}", "--limit", "2"]
    assert CliRunner().invoke(app, [*words, "--embedder", "hashing:16"]).exit_code == 0
    found = json.loads((tmp_path / "dep-k" / "report.json").read_text(encoding="utf-8"))
    curve = next(curve for curve in found["curves"] if curve["metric"] == "rouge1")
    assert curve["setting"] == "n_records"
    assert [point[0] for point in curve["lines"]["dep"]] == list(range(9))
