"""Building all profiles that are due shows each LLM call, against the number that is expected."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tests.memory.town import ITEMS, PEOPLE, lived_in, memory_of, settle, town
from tests.store.rows import BOTH
from unlike.embed.hashing import HashingEncoder
from unlike.errors import EngineError
from unlike.memory.build_all import build_profiles
from unlike.memory.open import open_memory_parts


def test_progress_counts_items_and_then_calls(in_sqlite, tmp_path):
    people = [*PEOPLE, *(f"user{number}" for number in range(8))]
    asyncio.run(memory_of(in_sqlite).add(town(people), BOTH))
    (tmp_path / "soon.toml").write_text("[memory]\nmin_records = 1\n[refresh]\ndebounce_s = 0.0\n")
    parts, seen = open_memory_parts(tmp_path / "soon.toml", "scripted:echo", "hashing:64"), []
    built, _ = asyncio.run(
        build_profiles(in_sqlite.tenant("acme"), parts, on_progress=lambda *progress: seen.append(progress))
    )
    clustered = [shown for shown in seen if shown[0] == "clustering the texts on each item"]
    called = [shown for shown in seen if shown[0] == "building, LLM calls"]
    assert clustered[0][1:3] == (0, len(ITEMS))
    assert [n_done for _, n_done, *_ in called] == sorted(n_done for _, n_done, *_ in called)
    assert {n_done for _, n_done, *_ in called} - {0} == set(range(1, built.n_calls + 1))
    assert called[0][2] > built.n_calls  # the maximum, until some are built; then as many each as these took
    assert {n_total for _, n_done, n_total, _ in called if n_done > built.n_calls * 3 / 4} == {built.n_calls}
    assert called[-1][3].startswith("12 of 12 profiles, ")


def test_profiles_that_another_process_builds_with_other_settings_are_counted(in_sqlite, tmp_path):
    """A running service that was started with other settings takes some of the jobs."""
    service = lived_in(in_sqlite)
    (tmp_path / "new.toml").write_text("[memory]\nmin_peers = 2\n[refresh]\ndebounce_s = 0.0\n")
    parts = open_memory_parts(tmp_path / "new.toml", "scripted:echo", "hashing:64")

    def service_works(*_):
        with ThreadPoolExecutor(1) as thread:
            thread.submit(settle, service).result()

    tenant = in_sqlite.tenant("acme")
    built, _ = asyncio.run(build_profiles(tenant, parts, None, service_works))
    assert built.n_otherwise == len(PEOPLE)
    parts = open_memory_parts(tmp_path / "new.toml", "scripted:echo", "hashing:64")
    assert asyncio.run(build_profiles(tenant, parts))[0].n_otherwise == 0


def test_an_encoder_that_cannot_be_used_ends_the_work(in_sqlite, tmp_path):
    class Down(HashingEncoder):
        def encode(self, texts):
            raise EngineError("unreachable")

    asyncio.run(memory_of(in_sqlite).add(town(), BOTH))
    (tmp_path / "soon.toml").write_text("[refresh]\ndebounce_s = 0.0\n")
    parts = replace(open_memory_parts(tmp_path / "soon.toml", "scripted:echo", "hashing:64"), encoder=Down(64))
    built, error = asyncio.run(build_profiles(in_sqlite.tenant("acme"), parts))
    assert str(error) == "unreachable" and built.n_jobs > 0
    assert "cannot be used" in built.postponed
