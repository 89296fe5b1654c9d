"""Profiles are built ahead: what did not change is not asked for again, and nobody is used against their will."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import select

from tests.memory.town import REDACTOR, faults, job_rows, lived_in, memory_of, row, settle
from tests.store.rows import BOTH
from unlike.api import sample_corpus
from unlike.llm.scripted import ScriptedBackend, echo_words
from unlike.memory import ingest
from unlike.memory.answers import Evidence
from unlike.memory.cluster import cluster_item
from unlike.memory.consent import change_consent
from unlike.memory.erase import erase
from unlike.memory.profile_sources import NotReady
from unlike.prompts.task import open_task
from unlike.settings import MethodSettings
from unlike.store import jobs, profiles, records
from unlike.store.database import TransactionConflict
from unlike.store.keyring import Keyring
from unlike.store.records import NewRecord
from unlike.store.tables import CLUSTERED, DIFFERENCE_READS, DIFFERENCES, PROFILES, RECORDS
from unlike.store.users import Consent

RAIN = "Rain on a tin roof, rain in the gutter, rain."
BREAD = "Bread with butter, bread with honey, bread!"


def loud(text, place):
    """The text with one word in capitals: another prompt, but to the encoder the same."""
    words = text.split()
    return " ".join([*words[:place], words[place].upper(), *words[place + 1 :]])


PEOPLE = {"ann": RAIN, "bob": RAIN, "cleo": BREAD, "dora": BREAD, "emil": BREAD}
TEXTS = {user: loud(text, place) for place, (user, text) in enumerate(PEOPLE.items())}
TWO = MethodSettings(n_records=2, n_peers=2, max_tokens=256)


def street(people=TEXTS, items=("tea", "soup"), at=10):
    """Two kinds of people, alike to the word; so the first of each kind stands for it."""
    return [row(user, item, f"{people[user]} {item}", at=at) for user in people for item in items]


def versions(memory):
    """Current version of each profile, by user id."""
    return {user.user_id: user.profile_version for user in asyncio.run(memory.users()).rows if user.profile_version}


def lineage(memory):
    """What each current profile was made from: per own record its peers, by record id."""
    with memory.tenant.read() as tx:
        ids = {stored.number: stored.record.id for stored in records.read(tx)}
        owners = {stored.user: stored.record.user_id for stored in records.read(tx)}
        found = {}
        for user in tx.conn.scalars(select(PROFILES.c.user).where(PROFILES.c.current)):
            profile = profiles.current(tx, user).profile
            made = {ids[number]: frozenset() for number in profile.records}
            for difference in profile.differences:
                read = select(DIFFERENCE_READS.c.record, DIFFERENCE_READS.c.role)
                roles = tx.conn.execute(read.where(DIFFERENCE_READS.c.difference == difference)).all()
                own = next(ids[record] for record, role in roles if role == "own")
                made[own] = frozenset(ids[record] for record, role in roles if role == "peer")
            found[owners[user]] = made
        return found


def asked_of(memory, since=0):
    """The prompts, as one text each."""
    return ["\n".join(message["content"] for message in messages) for messages, _ in memory.backend.calls[since:]]


# Nothing new ----------------------------------------------------------------------------------------------------------


def test_nothing_new_is_nothing_asked_and_no_new_version(store):
    memory = lived_in(store, street(), method=TWO)
    asked = memory.backend.n_calls
    assert asked == 5 * (2 + 1)
    assert asyncio.run(memory.build()) == 5
    settle(memory)
    again = memory_of(store, method=TWO)  # another process
    asyncio.run(again.build(["ann"]))
    settle(again)
    assert (memory.backend.n_calls, again.backend.n_calls) == (asked, 0)
    assert set(versions(memory).values()) == {1}
    assert not any(user.stale for user in asyncio.run(memory.users()).rows)
    assert job_rows(memory) == []
    assert faults(memory) == []


def test_what_people_wrote_stays_in_force_until_there_is_something_new(in_sqlite):
    memory = lived_in(in_sqlite, street(), method=TWO)
    built = asyncio.run(memory.profile("ann")).statements
    asyncio.run(memory.edit("ann", [Evidence("Hates adjectives.", pinned=True), built[0]]))
    asyncio.run(memory.add([row("ann", "pie", RAIN, at=1)], BOTH))  # no key record
    settle(memory)
    assert versions(memory)["ann"] == 2
    asyncio.run(memory.add([row("ann", "cake", RAIN, at=20)], BOTH))
    settle(memory)
    now = asyncio.run(memory.profile("ann"))
    assert (now.version, now.origin) == (3, "built")
    assert now.statements[0].text == "Hates adjectives."
    assert now.statements[0].pinned
    asyncio.run(memory.build(["ann"]))
    settle(memory)
    assert versions(memory)["ann"] == 3
    asyncio.run(memory.go_back("ann", 2))
    asyncio.run(memory.add([row("ann", "jam", RAIN, at=1)], BOTH))
    settle(memory)
    assert versions(memory)["ann"] == 2


@pytest.mark.parametrize("users", [["ann"], None])
def test_a_build_that_is_asked_for_replaces_what_people_wrote(in_sqlite, users):
    memory = lived_in(in_sqlite, street(), method=TWO)
    built = asyncio.run(memory.profile("ann")).statements
    asyncio.run(memory.edit("ann", [Evidence("Hates adjectives.", pinned=True), Evidence("Likes verbs.")]))
    asyncio.run(memory.build(users))
    settle(memory)
    now = asyncio.run(memory.profile("ann"))
    assert [one.text for one in now.statements] == ["Hates adjectives.", *(one.text for one in built)]
    assert (now.version, now.origin, now.stale) == (3, "built", False)


def test_an_old_record_that_is_no_key_record_changes_nothing(in_sqlite):
    memory = lived_in(in_sqlite, street(), method=TWO)
    asked = memory.backend.n_calls
    asyncio.run(memory.add([row("ann", "cake", RAIN, at=1)], BOTH))
    settle(memory)
    assert memory.backend.n_calls == asked
    assert versions(memory)["ann"] == 1
    assert not asyncio.run(memory.profile("ann")).stale


# Something new --------------------------------------------------------------------------------------------------------


def test_a_record_that_stands_for_nobody_costs_nobody_a_call(in_sqlite):
    memory = lived_in(in_sqlite, street(), method=TWO)
    asked, before = memory.backend.n_calls, versions(memory)
    asyncio.run(memory.add([row("zed", "tea", f"{BREAD} tea", at=20)], BOTH))
    settle(memory)
    assert memory.backend.n_calls == asked
    assert versions(memory) == before  # and one record makes no profile for zed


def test_a_new_record_changes_the_profiles_that_go_back_to_it_and_no_others(tmp_path):
    corpus = sample_corpus()
    everything = [NewRecord(record, corpus.item(record.item_id)) for record in corpus.records()]
    late = max((new for new in everything), key=lambda new: new.record.moment)
    writer = late.record.user_id
    from tests.store.rows import MASTER
    from unlike.store.database import open_store

    memory = lived_in(open_store(tmp_path, MASTER), [new for new in everything if new is not late])
    asked, first, made = memory.backend.n_calls, versions(memory), lineage(memory)
    asyncio.run(memory.add([late], BOTH))
    settle(memory)
    now, made_now = versions(memory), lineage(memory)
    changed = {user for user in now if now[user] != first[user]}
    assert changed == {user for user in now if made_now[user] != made[user]}
    assert late.record.id in made_now[writer]
    read = {user for user, peers in made_now.items() if any(late.record.id in others for others in peers.values())}
    assert writer in changed
    assert read <= changed
    assert 1 < len(changed) < len(now)
    others = [
        record
        for user in changed
        for record, peers in made_now[user].items()
        if peers and peers != made[user].get(record)
    ]
    assert memory.backend.n_calls - asked == len(others) + len(changed)
    assert faults(memory) == []


def test_another_model_another_template_another_way(in_sqlite, tmp_path):
    memory = lived_in(in_sqlite, street(), method=TWO)
    other = memory_of(
        in_sqlite, ScriptedBackend(lambda *asked: f"Otherwise {echo_words(*asked)}", name="other"), method=TWO
    )
    asyncio.run(other.build())
    settle(other)
    assert other.backend.n_calls == 5 * 3

    (tmp_path / "summary.jinja").write_text("{% block user %}Sum up: {{ differences[0].text }}{% endblock %}")
    other.task = open_task(folder=tmp_path)
    asyncio.run(other.build())
    settle(other)
    assert other.backend.n_calls == 5 * 4  # the differences are still what they were
    assert set(versions(memory).values()) == {3}

    private = memory_of(in_sqlite, method=TWO, private=True)
    asyncio.run(private.build())
    settle(private)
    assert private.backend.n_calls == 5 * 3
    assert all(not peers for made in lineage(private).values() for peers in made.values())


# Whom, and from what --------------------------------------------------------------------------------------------------


def test_too_few_records_make_no_profile(in_sqlite):
    memory = lived_in(in_sqlite, [*street(), row("zed", "tea", RAIN, at=20)], method=TWO)
    assert "zed" not in versions(memory)
    assert not any("zed" in prompt for prompt in asked_of(memory))
    asyncio.run(memory.add([row("zed", "soup", RAIN, at=30)]))
    settle(memory)
    assert versions(memory)["zed"] == 1


def test_who_does_not_agree_to_be_compared_is_compared_with_others_and_nobody_with_them(store):
    memory = memory_of(store, method=TWO)
    hers = [row("hal", "tea", "Hal alone hums, hal alone.", at=9), row("hal", "soup", "Hal hums hal's hum.", at=9)]
    asyncio.run(memory.add(hers, Consent(own=True, peer=False)))
    asyncio.run(memory.add(street(), BOTH))
    settle(memory)
    made = lineage(memory)
    assert all(peers for peers in made["hal"].values())
    assert not any(id_.startswith("hal") for made_of in made.values() for peers in made_of.values() for id_ in peers)
    with memory.tenant.read() as tx:
        mine = {stored.number for stored in records.read(tx) if stored.record.user_id == "hal"}
        assert not mine & set(tx.conn.scalars(select(CLUSTERED.c.record)))
    of_hal = [prompt for prompt in asked_of(memory) if "hal" in prompt.lower()]
    assert len(of_hal) == 3
    assert all("The review by person A" in prompt or "earlier reviews" in prompt for prompt in of_hal)
    assert not any("hal" in after_own_text(prompt).lower() for prompt in of_hal)
    assert faults(memory) == []


def after_own_text(prompt):
    """What is shown of others in a comparison; nothing in a summary."""
    return prompt.split("The review by person A", 1)[0] if "by person B" in prompt else ""


LONELY = [row("ann", "moon", RAIN, at=50), row("ann", "mars", RAIN, at=60)]


def test_key_records_are_the_latest(in_sqlite):
    memory = lived_in(in_sqlite, [*street(), *LONELY], method=TWO)
    assert set(lineage(memory)["ann"]) == {"ann-moon", "ann-mars"}
    assert asyncio.run(memory.profile("ann")).statements[0].n_peers == 0


def test_or_the_latest_that_can_be_compared(in_sqlite):
    memory = lived_in(in_sqlite, [*street(), *LONELY], method=TWO, key_records="compared")
    assert set(lineage(memory)["ann"]) == {"ann-tea", "ann-soup"}
    more = lived_in(in_sqlite, LONELY, method=MethodSettings(n_records=3, n_peers=2), key_records="compared")
    asyncio.run(more.build())
    settle(more)
    assert set(lineage(more)["ann"]) == {"ann-tea", "ann-soup", "ann-mars"}


def test_a_record_that_can_be_compared_at_last_becomes_a_key_record(in_sqlite):
    memory = lived_in(in_sqlite, [*street(), *LONELY], method=TWO, key_records="compared")
    asked = memory.backend.n_calls
    asyncio.run(memory.add([row("cleo", "mars", BREAD, at=5)], BOTH))
    settle(memory)
    assert set(lineage(memory)["ann"]) == {"ann-tea", "ann-soup"}  # one other is too few
    assert memory.backend.n_calls == asked
    asyncio.run(memory.add([row("dora", "mars", BREAD, at=5)], BOTH))
    settle(memory)
    assert set(lineage(memory)["ann"]) == {"ann-tea", "ann-mars"}
    assert faults(memory) == []


@pytest.mark.parametrize("key_records", ["recency", "compared"])
def test_no_more_is_opened_than_is_shown(in_sqlite, monkeypatch, key_records):
    crowd = {f"u{number:02}": f"{BREAD if number % 2 else RAIN} {number}" for number in range(40)}
    items = [f"item{number}" for number in range(6)]
    hers = [row("ann", item, RAIN, at=99) for item in items] + [
        row("ann", f"own{n}", RAIN, at=n + 1) for n in range(20)
    ]
    settings = {"method": TWO, "key_records": key_records}
    memory = lived_in(in_sqlite, [*street(crowd, items), *hers], **settings)
    opened = Counter()
    unseal = Keyring.unseal

    def counted(self, conn, people, sealed, about):
        opened[about.split()[0]] += 1
        return unseal(self, conn, people, sealed, about)

    asyncio.run(memory.build(["ann"]))
    monkeypatch.setattr(Keyring, "unseal", counted)
    settle(memory)
    own = 26 if key_records == "compared" else 2
    assert (
        opened["record"] <= 2 + own + 2 * 2 + 2 * 2
    )  # enough of them, key records, representatives; checked at the end
    assert opened["difference"] == 2


# While the LLM is at work ---------------------------------------------------------------------------------------------


def claimed(memory, kind, subject):
    """The job about a subject, taken."""
    taken = {(job.kind, job.subject): job for job in jobs.claim(memory.tenant.store, 99, 60.0)}
    return taken[kind, subject], taken


def numbers(memory):
    """Numbers of users and items by id."""
    with memory.tenant.read() as tx:
        there = records.read(tx)
        return {one.record.user_id: one.user for one in there} | {one.record.item_id: one.item for one in there}


def test_a_build_waits_for_the_clustering_of_its_items(in_sqlite):
    memory = memory_of(in_sqlite, method=TWO)
    asyncio.run(memory.add(street(), BOTH))
    known = numbers(memory)
    with memory.tenant.write() as tx:
        jobs.enqueue(tx, "build", [known["ann"]], tx.now_ms - 1000)
        jobs.enqueue(tx, "cluster", [known["tea"], known["soup"]], tx.now_ms - 1000)
    build, taken = claimed(memory, "build", known["ann"])
    with pytest.raises(NotReady) as raised:
        asyncio.run(memory.do(build))
    assert raised.value.pause_s > 0
    asyncio.run(memory.do(taken["cluster", known["tea"]]))
    with pytest.raises(NotReady):
        asyncio.run(memory.do(build))
    assert memory.backend.n_calls == 0
    asyncio.run(memory.do(taken["cluster", known["soup"]]))
    asyncio.run(memory.do(build))
    assert memory.backend.n_calls == 3
    assert versions(memory) == {"ann": 1}


class Interrupted:
    """An echo; at its n-th answer something else happens first."""

    def __init__(self, at):
        self.at = at
        self.n = 0
        self.event = lambda: None

    def __call__(self, messages, sampling):
        self.n += 1
        if self.n == self.at:
            self.event()
        return echo_words(messages, sampling)


def clustered(store, llm=None):
    """A memory in which everything is clustered and nothing built."""
    memory = memory_of(store, llm, method=TWO)
    asyncio.run(memory.add(street(), BOTH))
    for job in jobs.claim(store, 99, 60.0):
        if job.kind == "cluster":
            asyncio.run(memory.do(job))
        else:
            with job.tenant.write() as tx:
                jobs.finish(tx, job)
    return memory


def taken_build(memory, user_id):
    """The build of a user's profile, taken."""
    with memory.tenant.write() as tx:
        jobs.enqueue(tx, "build", [numbers(memory)[user_id]], tx.now_ms - 1000)
    (job,) = jobs.claim(memory.tenant.store, 1, 60.0)
    return job


def kept_of(memory, user):
    with memory.tenant.read() as tx:
        mine = (
            select(DIFFERENCES.c.id).join(RECORDS, RECORDS.c.id == DIFFERENCES.c.record).where(RECORDS.c.user == user)
        )
        return tx.conn.scalars(mine).all(), tx.conn.scalars(select(PROFILES.c.id).where(PROFILES.c.user == user)).all()


@pytest.mark.parametrize("at", [1, 3], ids=["while comparing", "while summarising"])
@pytest.mark.parametrize(
    ("event", "left"),
    [
        (lambda tenant: erase(tenant, "cleo"), {"dora-tea"}),
        (lambda tenant: change_consent(tenant, "cleo", own=None, peer=False), {"dora-tea"}),
        (lambda tenant: change_consent(tenant, "ann", own=False, peer=None), None),
    ],
    ids=["a peer is erased", "a peer withdraws", "the user withdraws"],
)
def test_nothing_is_kept_of_words_that_were_taken_back_meanwhile(in_sqlite, at, event, left):
    answer = Interrupted(at)
    memory = clustered(in_sqlite, ScriptedBackend(answer))
    build, user = taken_build(memory, "ann"), numbers(memory)["ann"]
    answer.event = lambda: event(memory.tenant)
    with pytest.raises(TransactionConflict):
        asyncio.run(memory.do(build))
    assert kept_of(memory, user) == ([], [])
    with memory.tenant.write() as tx:
        jobs.postpone(tx, build, 0.0, "again")
    settle(memory)
    made = lineage(memory)
    assert (made["ann"]["ann-tea"] if "ann" in made else None) == left
    assert faults(memory) == []


def somebody_writes(memory):
    """One who will stand for the others, by name; the record is clustered at once."""
    ingest.add(
        memory.tenant, ingest.cleaned([row("abe", "tea", f"{BREAD} tea", at=20)], REDACTOR), BOTH, memory.settings
    )
    (job,) = jobs.claim(memory.tenant.store, 1, 60.0)
    cluster_item(job, memory.encoder, memory.settings)


def test_what_was_clustered_meanwhile_is_looked_at_again(in_sqlite):
    answer = Interrupted(at=4)
    memory = clustered(in_sqlite, ScriptedBackend(answer))
    asyncio.run(memory.do(taken_build(memory, "bob")))  # his differences keep the clustering there
    build = taken_build(memory, "ann")
    answer.event = lambda: somebody_writes(memory)
    asyncio.run(memory.do(build))
    assert lineage(memory)["ann"]["ann-tea"] == {"cleo-tea"}
    assert ("build", build.subject) in {(job.kind, job.subject) for job in job_rows(memory, "waiting")}
    settle(memory)
    assert lineage(memory)["ann"]["ann-tea"] == {"abe-tea"}
    assert versions(memory)["ann"] == 2
    assert faults(memory) == []


def test_or_built_again_where_the_clustering_is_gone(in_sqlite):
    answer = Interrupted(at=3)
    memory = clustered(in_sqlite, ScriptedBackend(answer))
    build = taken_build(memory, "ann")
    answer.event = lambda: somebody_writes(memory)
    with pytest.raises(TransactionConflict):
        asyncio.run(memory.do(build))
    with memory.tenant.write() as tx:
        jobs.postpone(tx, build, 0.0, "again")
    settle(memory)
    assert lineage(memory)["ann"]["ann-tea"] == {"abe-tea"}
    assert memory.backend.n_calls == 3 + 2  # soup is compared as it was
    assert faults(memory) == []
