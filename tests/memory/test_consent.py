"""What a user does not agree to is not done, and what was done before goes at once, also while work is under way."""

import asyncio
import json

import pytest
from sqlalchemy import select

from tests.memory.test_erase import BIRD, CANARY, Waiting, echoes, with_canary
from tests.memory.town import (
    faults,
    job_rows,
    kept,
    lived_in,
    made_with,
    memory_of,
    number_of,
    opened,
    row,
    settle,
    town,
)
from tests.store.rows import BOTH
from unlike.embed.hashing import HashingEncoder
from unlike.llm.backend import Sampling
from unlike.llm.scripted import ScriptedBackend
from unlike.memory.answers import ChangedConsent, Evidence, NoConsent, Request
from unlike.memory.cluster import cluster_item
from unlike.memory.consent import change_consent
from unlike.memory.sealed_journal import StoredJournal
from unlike.memory.worker import work_once
from unlike.store import audit, jobs
from unlike.store.records import StoredRecords, Unknown
from unlike.store.tables import CLUSTERED, DIFFERENCE_READS, EMBEDDINGS, JOURNAL, PROFILE_READS, RECORDS
from unlike.store.users import Consent

REQUEST = Request(BIRD, "tea")


def run(work):
    return asyncio.run(work)


def records_in(memory, table, user, **where):
    """How many rows of a table name records of a user."""
    with memory.tenant.read() as tx:
        mine = select(RECORDS.c.id).where(RECORDS.c.user == user)
        named = select(table.c.id).where(table.c.record.in_(mine))
        for column, value in where.items():
            named = named.where(table.c[column] == value)
        return len(tx.conn.execute(named).all())


def of_others(memory):
    """What the store holds beside records, of everybody but the canary."""
    bird = number_of(memory, BIRD)
    words = opened(memory)
    with memory.tenant.read() as tx:
        own = [row.id for row in tx.conn.execute(select(RECORDS.c.id).where(RECORDS.c.user == bird))]
    assert own
    return bird, [text for table, texts in words.items() if table != "records" for text in texts]


@pytest.fixture
def memory(store):
    return with_everything(store)


def with_everything(store):
    return lived_in(store, with_canary(), ScriptedBackend(echoes), on_repeat="mark")


def test_whoever_does_not_agree_to_be_compared_is_in_nobodys_hands(in_sqlite):
    llm = ScriptedBackend(echoes)
    memory = memory_of(in_sqlite, llm)
    run(memory.add(town(("ann", "bob", "cleo")), BOTH))
    run(
        memory.add([record for record in with_canary() if record.record.user_id == BIRD], Consent(own=True, peer=False))
    )
    settle(memory)
    bird = number_of(memory, BIRD)
    assert not records_in(memory, CLUSTERED, bird)
    assert not records_in(memory, DIFFERENCE_READS, bird, role="peer")
    assert not records_in(memory, PROFILE_READS, bird, role="peer")
    assert run(memory.generate(REQUEST)).rung == "full", "others still serve the one who gives nothing"
    told = [message["content"] for messages, _ in llm.calls for message in messages]
    own = [text for text in told if f"{CANARY} That is what I think of" in text]
    assert own and not any("Others wrote" in text and CANARY in text.split("Others wrote")[-1] for text in told)
    assert not faults(memory)


def test_withdrawing_from_others_takes_all_of_it_back(memory):
    bird = number_of(memory, BIRD)
    others = [user for user in ("ann", "bob", "cleo")]
    assert records_in(memory, CLUSTERED, bird) and records_in(memory, PROFILE_READS, bird, role="peer")
    assert run(memory.set_consent(BIRD, peer=False)) == ChangedConsent(own=True, peer=False, n_profiles=4)
    assert run(memory.set_consent(BIRD, peer=False)).n_profiles == 0, "nothing changes"
    for _ in ("at once", "when all is built anew"):
        assert not records_in(memory, CLUSTERED, bird)
        assert not records_in(memory, DIFFERENCE_READS, bird, role="peer")
        assert not records_in(memory, PROFILE_READS, bird, role="peer")
        for user in others:
            assert "Quokkas" not in json.dumps(run(memory.export(user)))
        assert not faults(memory)
        settle(memory)
    assert run(memory.generate(Request("ann", "tea"))).rung == "full"
    assert run(memory.generate(REQUEST)).rung == "full"
    assert not [record for record in StoredRecords(memory.tenant).peers("tea", None) if record.user_id == BIRD]
    with memory.tenant.read() as tx:
        assert [line["what"] for line in audit.about(tx, BIRD)] == ["consent"]


def test_agreeing_again_brings_one_back(in_sqlite):
    memory = with_everything(in_sqlite)
    run(memory.set_consent(BIRD, peer=False))
    settle(memory)
    run(memory.set_consent(BIRD, peer=True))
    settle(memory)
    bird = number_of(memory, BIRD)
    assert records_in(memory, CLUSTERED, bird) and records_in(memory, PROFILE_READS, bird, role="peer")
    assert not faults(memory)


def test_without_own_there_is_no_profile(memory):
    run(memory.edit(BIRD, [Evidence("Loves birds.", pinned=True)]))
    bird = number_of(memory, BIRD)
    run(memory.set_consent(BIRD, own=False))
    for _ in ("at once", "when all is built anew"):
        with pytest.raises(Unknown, match="no profile"):
            run(memory.profile(BIRD))
        told = run(memory.export(BIRD))
        assert told["profiles"] == [] and told["differences"] == [] and told["pins"] == []
        assert not [1 for one in opened(memory)["pins"] if "Loves birds" in one]
        answer = run(memory.generate(REQUEST))
        assert (answer.rung, answer.why) == ("plain", "this user does not agree to the use of own records")
        assert (
            run(memory.prepare_chat([{"role": "user", "content": "Hello"}], Sampling(), BIRD)).context.rung == "plain"
        )
        settle(memory)
    assert len([1 for record in kept(memory).values() if record.user_id == BIRD]) == 2
    assert records_in(memory, PROFILE_READS, bird, role="peer"), "as a peer the user goes on"
    with pytest.raises(NoConsent):
        run(memory.edit(BIRD, [Evidence("Loves birds.")]))
    with pytest.raises(NoConsent):
        run(memory.build([BIRD]))
    assert run(memory.build()) == 3
    assert not faults(memory)


def test_without_both_nothing_is_made_of_the_words(in_sqlite):
    memory = with_everything(in_sqlite)
    bird = number_of(memory, BIRD)
    run(memory.set_consent(BIRD, own=False, peer=False))
    for _ in ("at once", "when all is built anew"):
        assert not made_with(memory, bird)
        assert not any("Quokkas" in text for text in of_others(memory)[1])
        assert not records_in(memory, EMBEDDINGS, bird)
        settle(memory)
    assert not faults(memory)


def test_what_was_agreed_already_changes_nothing(in_sqlite):
    memory = with_everything(in_sqlite)
    before = opened(memory)
    run(memory.set_consent(BIRD, own=True, peer=True))
    run(memory.set_consent(BIRD))
    assert opened(memory) == before and not job_rows(memory)


def test_nobody_unknown_agrees(in_sqlite):
    with pytest.raises(Unknown):
        run(memory_of(in_sqlite).set_consent("nobody", own=True))


@pytest.fixture
def made_for(monkeypatch):
    """For whom each call in the journal was made, by its key."""
    found, put = {}, StoredJournal.put

    async def noted(self, key, *args):
        kept = await put(self, key, *args)
        found[key] = self._subject
        return kept

    monkeypatch.setattr(StoredJournal, "put", noted)
    return found


@pytest.mark.parametrize("withdrawn", [{"peer": False}, {"own": False}, {"own": False, "peer": False}])
def test_a_change_while_a_build_is_under_way(store, withdrawn, made_for):
    """The LLM is asked with the canary's words, consent goes, and then the LLM answers."""

    async def living():
        llm = Waiting()
        memory = memory_of(store, llm)
        await memory.add(with_canary(), BOTH)

        async def working():
            while not (llm.asked.is_set() and llm.let.is_set()):
                await work_once(store, lambda _: memory)

        work = asyncio.create_task(working())
        await asyncio.wait_for(llm.asked.wait(), 30)
        await memory.set_consent(BIRD, **withdrawn)
        llm.let.set()
        await asyncio.wait_for(work, 30)
        return memory

    memory = run(living())
    bird = number_of(memory, BIRD)
    for _ in ("at once", "when all is built anew"):
        _check(memory, bird, withdrawn, made_for)
        settle(memory)


def _check(memory, bird, withdrawn, made_for):
    with memory.tenant.read() as tx:
        calls = [row.key for row in tx.conn.execute(select(JOURNAL)) if bird in row.people]
    if "peer" in withdrawn:
        assert all(made_for[call] == bird for call in calls)
        assert not any("Quokkas" in json.dumps(run(memory.export(user))) for user in ("ann", "bob", "cleo"))
    if "own" in withdrawn:
        assert all(made_for[call] != bird for call in calls)
        told = run(memory.export(BIRD))
        assert told["profiles"] == [] and told["differences"] == []
    assert not faults(memory)


def test_a_vector_made_while_both_are_withdrawn_is_not_kept(store):
    memory = memory_of(store)
    mine = [record for record in with_canary() if record.record.user_id == BIRD]
    run(memory.add(mine, Consent(own=True, peer=False)))

    class Withdrawing(HashingEncoder):
        def encode(self, texts):
            change_consent(memory.tenant, BIRD, own=False, peer=False)
            return super().encode(texts)

    taken = [job for job in jobs.claim(store, 8, 60) if job.kind == "cluster"]
    for job in taken:
        cluster_item(job, Withdrawing(64), memory.settings)
    assert taken and not records_in(memory, EMBEDDINGS, number_of(memory, BIRD))
    assert not faults(memory)


def test_new_users_agree_to_what_came_with_their_first_record(in_sqlite):
    memory = memory_of(in_sqlite)
    run(memory.add([row("ann")]))
    assert run(memory.consent("ann")) == Consent(own=True, peer=False)
    run(memory.add([row("ann", "bread"), row("bob", "bread")], BOTH))
    assert run(memory.consent("ann")) == Consent(own=True, peer=False), "a later record changes nothing"
    assert run(memory.consent("bob")) == BOTH


def test_who_does_not_agree_is_told_so_instead_of_to_wait_for_a_profile(memory):
    run(memory.set_consent(BIRD, own=False))
    with pytest.raises(Unknown, match="own records may not be used"):
        run(memory.profile(BIRD))
