"""The commands with --engine ray: a cluster of their own that ends with them, and a killed one that is gone on with."""

import json
import os
import subprocess
import sys
import time

import psutil
import pytest

from tests.llm.endpoint import answer, completion
from unlike.api import sample_corpus
from unlike.evaluate.running.run_method import GENERATIONS, JOURNAL


def slow_digest(handler, endpoint):
    """Behave: after a moment, an answer that depends on the prompt alone."""
    endpoint.over.wait(0.1)
    prompt = json.dumps(handler.asked["messages"])
    answer(completion(f"{len(prompt)} {sum(map(ord, prompt))}"))(handler, endpoint)


def start(folder, endpoint, engine):
    command = [sys.executable, "-m", "unlike.cli.main", "run", "--corpus", folder / "corpus", "--method", "dpl"]
    command += ["--llm", f"openai:m@{endpoint.base_url}", "--embedder", "hashing:32", "--out", folder / "run"]
    command += ["--records", "2", "--peers", "2", "--concurrency", "2", "--engine", engine]
    environment = os.environ | {"UNLIKE_CACHE": str(folder / "cache"), "OPENAI_API_KEY": "none"}
    environment.pop("RAY_ADDRESS", None)
    return subprocess.Popen(
        [*map(str, command)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def kill_with_its_cluster(command):
    """Kill a command; all that works ends by itself, Ray's two agents look for their cluster but once a minute."""
    children = psutil.Process(command.pid).children(recursive=True)
    agents = [child for child in children if "Agent" in child.name()]
    command.kill()
    command.communicate()
    _, alive = psutil.wait_procs([child for child in children if child not in agents], timeout=120)
    for agent in agents:
        agent.kill()
    psutil.wait_procs(agents, timeout=10)
    assert not alive, "the cluster outlived its command"


@pytest.mark.soak
def test_a_killed_command_is_gone_on_with_by_either_engine(endpoint, tmp_path):
    sample_corpus(tmp_path / "corpus")
    endpoint.always = slow_digest
    killed = start(tmp_path, endpoint, "ray:1")
    deadline = time.monotonic() + 120
    while len(endpoint.requests) < 20:
        assert time.monotonic() < deadline and killed.poll() is None, "the run ended before it was killed"
        time.sleep(0.01)
    kill_with_its_cluster(killed)
    assert list((tmp_path / "run").glob("journal-*.sqlite")), "the parts of the journal lie in the run folder"
    finished = start(tmp_path, endpoint, "local")
    said, _ = finished.communicate(timeout=120)
    assert finished.returncode == 0, said
    paid = [json.dumps(request["messages"]) for request in endpoint.requests]
    assert len(paid) - len(set(paid)) <= 2, "more was paid twice than was in flight"
    rows = (tmp_path / "run" / GENERATIONS).read_text().splitlines()
    assert len(rows) == 21 and all(json.loads(row)["status"] == "done" for row in rows)
    assert [path.name for path in (tmp_path / "run").glob("*.sqlite")] == [JOURNAL]


def test_an_unknown_engine_is_one_line(endpoint, tmp_path):
    sample_corpus(tmp_path / "corpus")
    unknown = start(tmp_path, endpoint, "spark")
    said, _ = unknown.communicate(timeout=120)
    assert unknown.returncode == 2 and "allowed are local" in said and "Traceback" not in said
