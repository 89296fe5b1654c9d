"""``unlike inspect``: what it serves, to whom, and what it says where there is nothing to look at."""

import signal
import socket

import httpx
import pytest
from tests.cli.shop import WITHOUT_MODELS
from tests.inspector.lab import make_run
from tests.processes import Command

from unlike.llm.scripted import ScriptedBackend


@pytest.fixture
def run(sample, tmp_path, monkeypatch):
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path / "cache"))
    return make_run(sample, tmp_path / "run", "non_perso", ScriptedBackend.echo(), limit=2)


@pytest.fixture
def inspecting(tmp_path):
    """Start the command in a process of its own; gives (process, its first lines)."""
    started = []

    def start(*words, lines=1):
        environment = {"UNLIKE_CACHE": str(tmp_path / "cache"), "BROWSER": "false"}
        process = Command("inspect", *words, "--port", "0", cwd=tmp_path, **environment)
        started.append(process)
        return process, [process.stdout.readline() for _ in range(lines)]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_run_is_served_until_told_to_stop(told, inspecting, run):
    process, (line,) = inspecting(run)
    assert line.startswith(f"inspecting run {run} at http://127.0.0.1:")
    address = line.split()[-1]
    assert httpx.get(address).status_code == 200
    assert httpx.get(f"{address}config.json").json()["views"] == ["runs", "corpus", "map"]
    assert [one["name"] for one in httpx.get(f"{address}api/runs").json()["runs"]] == ["run"]
    process.send_signal(told)
    _, log = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Traceback" not in log


def test_a_corpus_is_served_alone(inspecting, sample):
    _, (line,) = inspecting(sample)
    address = line.split()[-1]
    assert line.startswith("inspecting corpus ")
    assert httpx.get(f"{address}config.json").json()["views"] == ["corpus", "map"]
    assert httpx.get(f"{address}api/corpus").json()["n_users"] == 24


def test_a_store_is_served_for_reading(inspecting, shop):
    _, (line,) = inspecting(shop, *WITHOUT_MODELS[2:])
    address = line.split()[-1]
    base = address.removesuffix("inspect/")
    assert line.startswith("inspecting store ")
    assert {row["user_id"] for row in httpx.get(f"{base}v1/users").json()["rows"]} >= {"ada"}
    drawn = httpx.get(f"{base}v1/map", params={"user_id": "ada", "item_id": "pen"}).json()
    assert (drawn["n_others"], drawn["n_left_out"]) == (4, 0)
    before = httpx.get(f"{base}v1/users/ada/profile").json()
    assert before["statements"]
    assert httpx.delete(f"{base}v1/users/ada").status_code == 405
    assert httpx.put(f"{base}v1/users/ada/profile", json={"statements": []}).status_code == 405
    assert httpx.get(f"{base}v1/users/ada/profile").json() == before
    assert httpx.get(f"{base}v1/users", headers={"host": "evil.example"}).status_code == 421


def test_on_another_address_a_new_key_is_asked_for(inspecting, run):
    _, (line, told) = inspecting(run, "--host", "0.0.0.0", lines=2)
    address = line.split()[-1].replace("0.0.0.0", "127.0.0.1")
    key = told.removeprefix("the page asks for this key: ").strip()
    assert len(key) >= 32
    assert httpx.get(f"{address}api/runs").status_code == 401
    assert httpx.get(f"{address}api/runs", headers={"authorization": f"Bearer {key}"}).status_code == 200
    _, (_, other) = inspecting(run, "--host", "0.0.0.0", lines=2)
    assert key not in other


def test_a_corpus_that_has_moved_is_named(inspecting, run, sample, tmp_path):
    moved = sample.rename(sample.with_name("moved"))
    try:
        _, (line,) = inspecting(run, "--corpus", moved)
        assert httpx.get(f"{line.split()[-1]}api/corpus").json()["n_users"] == 24
    finally:
        moved.rename(sample)


def test_what_cannot_be_inspected_is_one_line_and_exit_2(unlike, run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("words")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        cannot = {
            "nowhere: it does not exist": (tmp_path / "nowhere",),
            "empty: it has no run.json, manifest.json, store or journal": (tmp_path / "empty",),
            "file: it has no run.json": (tmp_path / "file",),
            "Address already in use; give --host or --port": (run, "--port", port),
            "cannot be listened on": (run, "--host", "no.such.host.invalid", "--port", 0),
        }
        for message, words in cannot.items():
            status, _, err = unlike("inspect", *words)
            assert status == 2
            assert message in err
            assert len(err.strip().splitlines()) == 1
