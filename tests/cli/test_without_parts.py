"""Commands of a service where parts of it are not installed: one line each, and nothing is made."""

import json
import subprocess
import sys

import pytest

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
SCRIPT = """
import importlib.util, json, sys

blocked, commands = json.loads(sys.argv[1])
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *package: None if name in blocked else find_spec(name, *package)

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(name)

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
    assert lines == [f'unlike: not installed: {named}; run pip install "unlike[service]"'] * len(commands)
    assert not list(tmp_path.iterdir())
