"""Settings that change what profiles are made of make those there are outdated; private mode does not wait for that."""

import asyncio

import pytest

from tests.memory.test_build import TWO, street
from tests.memory.town import faults, job_rows, lived_in, memory_of, number_of, settle
from unlike.embed.hashing import HashingEncoder
from unlike.llm.scripted import ScriptedBackend, echo_words
from unlike.memory.answers import Evidence
from unlike.memory.context import read_context
from unlike.memory.outdated import in_force, made_under, queue_outdated
from unlike.prompts.task import open_task
from unlike.store import profiles


def otherwise(store, tmp_path, what):
    """A memory of the same store with one thing changed."""
    changed = {"private": {"private": True}, "dimensions": {"method": TWO.but(dimensions=("writing",))}}
    llm = ScriptedBackend(echo_words, name="other") if what == "llm" else None
    memory = memory_of(store, llm, **{"method": TWO} | changed.get(what, {}))
    if what == "template":
        (tmp_path / "summary.jinja").write_text("{% block user %}Sum up: {{ differences[0].text }}{% endblock %}")
        memory.task = open_task(folder=tmp_path)
    if what == "task":
        memory.task = open_task("mail")
    if what == "embedder":
        memory.encoder = HashingEncoder(32)
    return memory


@pytest.mark.parametrize("what", ["private", "dimensions", "llm", "template", "task", "embedder"])
def test_profiles_made_otherwise_are_queued_and_built_once(in_sqlite, tmp_path, what):
    memory = lived_in(in_sqlite, street(), method=TWO)
    assert queue_outdated(memory, models=True) == 0
    other = otherwise(in_sqlite, tmp_path, what)
    if what in ("llm", "embedder"):
        assert queue_outdated(other, models=False) == 0, "a service that starts with another one pays for nothing"
    assert queue_outdated(other, models=True) == 5
    assert {"build", "cluster"} == {job.kind for job in job_rows(memory)}
    assert asyncio.run(other.profile("ann")).stale
    settle(other)
    assert not asyncio.run(other.profile("ann")).stale
    assert (queue_outdated(other, models=True), job_rows(other), faults(other)) == (0, [], [])


def test_layout_is_of_requests(in_sqlite):
    memory = lived_in(in_sqlite, street(), method=TWO)
    assert queue_outdated(memory_of(in_sqlite, method=TWO.but(layout="single")), models=True) == 0
    asyncio.run(memory.build())
    assert memory.backend.n_calls == 5 * 3


def test_what_waits_because_it_was_asked_for_is_not_made_under_other_settings(in_sqlite):
    memory = lived_in(in_sqlite)
    asyncio.run(memory.build(None))
    with memory.tenant.read() as tx:
        assert profiles.outdated(tx, in_force(memory), private=False) == []
    assert queue_outdated(memory, models=True) == 0


def test_what_was_edited_or_restored_is_not_outdated_for_that(in_sqlite):
    memory = lived_in(in_sqlite, street(), method=TWO)
    other = memory_of(in_sqlite, ScriptedBackend(lambda *asked: f"Otherwise {echo_words(*asked)}", name="other"))
    queue_outdated(other, models=True)
    settle(other)
    asyncio.run(other.edit("ann", [Evidence("Mine.")]))
    asyncio.run(other.go_back("bob", 1))
    assert queue_outdated(other, models=True) == 0
    assert queue_outdated(memory, models=True) == 5


def test_without_an_llm_the_settings_are_compared(in_sqlite):
    memory = lived_in(in_sqlite, street(), method=TWO)
    private = memory_of(in_sqlite, method=TWO, private=True)
    with memory.tenant.read() as tx:
        assert not profiles.outdated(tx, made_under(memory.task, memory.settings), private=False)
        assert len(profiles.outdated(tx, made_under(private.task, private.settings), private=True)) == 5


def rung(memory, user="ann"):
    with memory.tenant.read() as tx:
        found = read_context(tx, user, memory.settings)
    return found.rung, found.why


def test_in_private_no_profile_made_from_others_texts_is_used(in_sqlite):
    memory = lived_in(in_sqlite, street(), method=TWO)
    built = asyncio.run(memory.profile("ann")).statements[0]
    asyncio.run(memory.edit("ann", [Evidence(built.text, built.record_ids, built.n_peers, True, "built")]))
    private = memory_of(in_sqlite, method=TWO, private=True)
    level, why = rung(private)
    assert level == "own_records"
    assert "private is true now" in why
    assert queue_outdated(private, models=True) == 5
    settle(private)
    assert rung(private)[0] == "full"
    with private.tenant.read() as tx:
        current = profiles.current(tx, number_of(private, "ann"))
        assert not profiles.peers_read(tx, current.number)
        assert profiles.pinned(tx, current.profile.user)  # for the day when private is false again
    assert queue_outdated(private, models=True) == 0

    asyncio.run(private.go_back("ann", 1))
    assert rung(private)[0] == "own_records"
    assert queue_outdated(private, models=True) == 1
    settle(private)
    assert rung(private)[0] == "full"
