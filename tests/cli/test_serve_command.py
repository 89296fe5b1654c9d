"""``unlike serve``: the service as its operator starts and stops it."""

import json
import os
import signal
import socket

import httpx
import pytest
from tests.cli.shop import WITHOUT_MODELS, record, write_lines
from tests.llm.endpoint import Slow
from tests.processes import Command


@pytest.fixture
def served(shop, tmp_path):
    """The command in a process of its own: (process, first line, address)."""
    (tmp_path / "s.toml").write_text("[refresh]\ndebounce_s = 0\n[service]\nmax_records = 2\n")
    words = ("serve", "--store", shop, "--port", "0", "--settings", tmp_path / "s.toml", *WITHOUT_MODELS)
    process = Command(*words)
    line = process.stdout.readline()
    yield process, line, line.partition(" at ")[2].partition(";")[0]
    process.kill()
    process.communicate()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_told_to_stop(told, served, unlike, shop):
    process, line, address = served
    assert line.startswith(f"serving {shop} with scripted:echo at http://127.0.0.1:")
    assert "there is no API key yet; create one with: unlike keys new NAME" in process.stdout.readline()
    key = unlike("keys", "new", "web", "--store", shop)[1].strip()
    with httpx.Client(base_url=address, headers={"authorization": f"Bearer {key}"}, timeout=120) as client:
        written = client.post("/v1/generate", json={"user_id": "bob", "item_id": "pen"}).json()
        assert written["rung"] == "full"
        rows = [record("zoe", item) for item in ("pen", "cup", "map")]
        assert client.post("/v1/records", json={"records": rows}).status_code == 413  # max_records of the file
        assert client.post("/v1/records", json={"records": rows[:2]}).json()["n_new"] == 2
        receipt = client.delete("/v1/users/bob").json()
    process.send_signal(told)
    _, log = process.communicate(timeout=120)
    assert process.returncode == 0
    assert receipt["public_key"] in log  # it is said when the key is made
    lines = log.splitlines()
    events = [
        json.loads(line) for line in lines[[line[:1] for line in lines].index("{") :]
    ]  # from the first on, all are
    assert {f"Started server process [{process.pid}]", "Shutting down", "request"} <= {
        event["event"] for event in events
    }
    assert "bob" not in str(events)  # a name that the digits of a request's id cannot spell


def test_two_signals_end_it_while_a_profile_is_built(shop, tmp_path, unlike):
    endpoint = Slow()
    (tmp_path / "s.toml").write_text("[refresh]\ndebounce_s = 0\n")
    write_lines(tmp_path / "new.jsonl", [record("ada", "bag", text="ada likes the bag more than all other bags. ")])
    unlike("ingest", tmp_path / "new.jsonl", "--store", shop, "--settings", tmp_path / "s.toml")
    words = ("--store", shop, "--settings", tmp_path / "s.toml", "--embedder", "hashing:64")
    process = Command("serve", *words, "--port", "0", "--llm", f"openai:m@{endpoint.base_url}")
    try:
        endpoint.wait_for_calls(1)
        process.send_signal(signal.SIGINT)
        next(line for line in process.stderr if "Waiting for application shutdown" in line)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        assert process.returncode == 0
    finally:
        endpoint.go.set()
        endpoint.stop()
    status, out, _ = unlike("profile", "build", *words, "--llm", "scripted:echo")
    assert status == 0
    assert "1 profile built" in out  # its job waits for no lease


def test_what_cannot_be_served_is_one_line_and_exit_2(unlike, shop, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        cannot = {
            "Address already in use; give --host or --port": ("--port", port),
            "cannot be listened on": ("--host", "no.such.host.invalid", "--port", "0"),
            "schemes are openai": ("--llm", "gpt"),
            "embedder hashing:x has no usable size": ("--embedder", "hashing:x"),
            "no.toml cannot be read": ("--settings", tmp_path / "no.toml"),
            "create one with: unlike ingest": ("--store", tmp_path / "typo"),
        }
        for message, words in cannot.items():
            status, _, err = unlike("serve", "--store", shop, *WITHOUT_MODELS, *words)
            assert status == 2
            assert message in err
            assert "Traceback" not in err
    assert not (tmp_path / "typo").exists()
    assert not (shop / "receipts.pem").exists()


def test_a_database_needs_a_signing_key(unlike, monkeypatch):
    monkeypatch.setenv("UNLIKE_MASTER_KEY", "env:KEY")
    monkeypatch.setenv("KEY", "ab" * 32)
    status, _, err = unlike("serve", "--store", "postgresql://me:secret@127.0.0.1:1/x", *WITHOUT_MODELS)
    assert status == 2
    assert "secret" not in err
    assert os.environ["KEY"] not in err
