"""A canary: one user's words go into everything, and nothing of them is left when the user is taken out."""

import asyncio
import json

import pytest

from tests.memory.town import (
    PEOPLE,
    START_MS,
    faults,
    is_in,
    job_rows,
    kept,
    lived_in,
    made_with,
    memory_of,
    number_of,
    on_disk,
    opened,
    row,
    settle,
    town,
)
from tests.store.rows import BOTH, MASTER
from unlike.errors import InputError
from unlike.latent.adapter import user_hash
from unlike.llm.scripted import ScriptedBackend
from unlike.memory.answers import Evidence, Request
from unlike.memory.build_all import build_profiles
from unlike.memory.erase import ErasedAgain, erase_tenant
from unlike.memory.open import open_memory_parts
from unlike.memory.retention import expire
from unlike.memory.settings import Retention
from unlike.memory.worker import work_once
from unlike.privacy.signing import verify
from unlike.records import Item, Record
from unlike.store import records, scrubs
from unlike.store.backup import backup
from unlike.store.database import open_store
from unlike.store.records import NewRecord, Unknown
from unlike.store.users import Consent

CANARY = "Quokkas hum beneath turquoise umbrellas on every second Thursday."
BIRD = "user-canary-7f3e"
HOST = "host of the canary"


def echoes(messages, _sampling):
    """What an LLM may do at worst: it says again what it reads."""
    if any("Quokkas" in message["content"] for message in messages):
        return f"Others say: {CANARY} This person never does so."
    return "Writes briefly."


class Waiting(ScriptedBackend):
    """Answers, to a prompt with the canary in it, only when it is let."""

    def __init__(self):
        super().__init__(echoes, name="waiting")
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def complete(self, messages, sampling):
        if any("Quokkas" in message["content"] for message in messages):
            self.asked.set()
            await self.let.wait()
        return await super().complete(messages, sampling)


def with_canary():
    mine = [row(BIRD, item, f"{CANARY} That is what I think of {item}.", title=CANARY) for item in ("tea", "bread")]
    return [*town(("ann", "bob", "cleo")), *mine]


def adapter(folder, *user_ids):
    folder.mkdir()
    users = sorted(user_hash("salt", user_id) for user_id in user_ids)
    (folder / "adapter.json").write_text(json.dumps({"format": 1, "salt": "salt", "users": users, "llm": "m"}))
    return folder


def run(work):
    return asyncio.run(work)


def test_nothing_is_left_of_a_canary(store, tmp_path, caplog):
    caplog.set_level("DEBUG")
    adapters = [adapter(tmp_path / "with", "ann", BIRD), adapter(tmp_path / "without", "ann", "bob")]
    settings = {"adapters": adapters, "on_repeat": "mark", "keep_prompts": True}
    memory = lived_in(store, with_canary(), ScriptedBackend(echoes), **settings)
    bird = number_of(memory, BIRD)
    pinned = run(memory.profile("bob")).statements[0]
    run(memory.edit("bob", [Evidence(pinned.text, pinned=True), Evidence(f"{CANARY}!", pinned=True)]))
    run(memory.feedback(BIRD, "tea", f"Again: {CANARY}"))
    assert CANARY in run(memory.generate(Request("ann", "tea"))).text
    run(memory.build())
    settle(memory)
    words = opened(memory)
    assert all(any("Quokkas" in text for text in words[table]) for table in words), "the canary is not everywhere"
    assert set(made_with(memory, bird)) == {"differences", "profiles", "pins", "journal"}
    assert "Quokkas" in json.dumps(run(memory.profile("ann")).statements[0].text)

    before = on_disk(store)
    assert is_in(BIRD, before), "user ids are not sealed; the search would find nothing at all"
    assert not is_in(CANARY, before) and not is_in("Quokkas", before), "words are sealed at rest"

    receipt = run(memory.erase(BIRD))

    left = on_disk(store)
    assert not is_in(BIRD, left) and not is_in("Quokkas", left)
    assert is_in("ann", left), "the others are still there"
    _check_receipt(receipt)
    with pytest.raises(Unknown):
        run(memory.profile(BIRD))
    # The others are served at once, from what is left, and from full profiles when these are built anew.
    assert run(memory.generate(Request("ann", "tea"))).rung == "own_records"
    assert "Quokkas" not in run(memory.generate(Request("bob", "tea"))).text
    assert not faults(memory)
    settle(memory)
    assert run(memory.generate(Request("ann", "tea"))).rung == "full"
    assert not made_with(memory, bird)
    assert not any("Quokkas" in text for texts in opened(memory).values() for text in texts)
    assert not faults(memory)
    left = on_disk(store)
    assert not is_in(BIRD, left) and not is_in("Quokkas", left)
    assert BIRD not in caplog.text and "Quokkas" not in caplog.text


def _check_receipt(receipt):
    verify(receipt)
    told = json.dumps(receipt)
    assert BIRD not in told and "Quokkas" not in told
    assert receipt["deleted"]["records"] == 3 and receipt["deleted"]["keys"] == 1
    assert receipt["deleted_of_others"]["profiles"] >= 3 and receipt["deleted_of_others"]["differences"] >= 6
    assert receipt["others_rebuilt"] == 3
    assert receipt["adapters_trained_with_the_user"] == ["with"]
    assert receipt["files_scrubbed"] is True
    with pytest.raises(InputError):
        verify(receipt | {"at_ms": receipt["at_ms"] + 1})


def test_a_build_under_way_brings_nothing_back(store):
    """The LLM is asked with the canary's words, the user is erased, and then the LLM answers."""

    async def living():
        llm = Waiting()
        memory = memory_of(store, llm)
        await memory.add(with_canary(), BOTH)
        bird = number_of(memory, BIRD)

        async def working():
            while not (llm.asked.is_set() and llm.let.is_set()):
                await work_once(store, lambda _: memory)

        work = asyncio.create_task(working())
        await asyncio.wait_for(llm.asked.wait(), 30)
        receipt = await memory.erase(BIRD)
        assert receipt["deleted"]["records"] == 2
        llm.let.set()
        await asyncio.wait_for(work, 30)
        return memory, bird

    memory, bird = run(living())
    for _ in ("at once", "when all is built anew"):
        assert not made_with(memory, bird)
        assert not any("Quokkas" in text for texts in opened(memory).values() for text in texts)
        assert not is_in(BIRD, on_disk(store))
        assert not faults(memory)
        settle(memory)
    assert run(memory.generate(Request("ann", "tea"))).rung == "full"


def test_a_profile_sent_back_after_a_small_change_keeps_its_lineage(in_sqlite):
    memory = lived_in(in_sqlite, with_canary(), ScriptedBackend(echoes), on_repeat="mark")
    run(memory.edit("ann", [Evidence("Others say: quokkas hum beneath turquoise umbrellas!", pinned=True)]))
    (statement,) = run(memory.profile("ann")).statements
    assert statement.record_ids and statement.n_peers
    run(memory.edit("ann", [Evidence("Likes tea.", pinned=True)]))
    run(memory.go_back("ann", 2))
    run(memory.edit("ann", [Evidence("Nothing but tea.")]))
    # A statement of the version before the last one has its lineage too.
    run(memory.edit("ann", [Evidence("Others say: quokkas hum beneath turquoise umbrellas!", pinned=True)]))
    run(memory.erase(BIRD))
    settle(memory)
    assert not any("quokkas" in text.lower() for texts in opened(memory).values() for text in texts)
    assert run(memory.profile("ann")).statements


def test_ones_own_words_outlive_others(in_sqlite):
    memory = lived_in(in_sqlite, with_canary(), ScriptedBackend(echoes))
    run(memory.edit("ann", [Evidence("Never uses commas.", pinned=True)]))
    run(memory.erase(BIRD))
    settle(memory)
    kept = {statement.text: statement for statement in run(memory.profile("ann")).statements}
    assert kept["Never uses commas."].pinned and kept["Never uses commas."].origin == "edited"


def test_a_second_erasure_gives_the_first_one_s_receipt(store):
    memory = lived_in(store)
    first = run(memory.erase("ann"))
    assert run(memory.erase("ann")) == run(memory.receipt("ann")) == first
    assert first["files_scrubbed"] is True
    for work in (memory.erase("nobody"), memory.receipt("bob")):
        with pytest.raises(Unknown):
            run(work)


def test_a_receipt_says_later_that_the_files_are_clean(in_sqlite):
    memory = lived_in(in_sqlite)
    with memory.tenant.read() as reader:  # whoever reads keeps the log from being emptied
        records.count(reader)
        assert run(memory.erase("ann"))["files_scrubbed"] is False
        assert scrubs.n_pending(in_sqlite) == 1
    assert scrubs.scrub_if_pending(in_sqlite) and scrubs.n_pending(in_sqlite) == 0
    receipt = run(memory.receipt("ann"))
    verify(receipt)
    assert receipt["files_scrubbed"] is True


def test_erased_people_do_not_come_back_by_a_record_sent_again(store):
    memory = lived_in(store)
    run(memory.erase("ann"))
    again = run(memory.add(town(), BOTH))
    assert (again.n_refused, len(again.refused), again.n_new) == (2, 2, 0) and number_of(memory, "ann") is None
    assert run(memory.feedback("ann", "tea", "Hello again.")).n_refused == 1
    assert "ann" not in repr(_rows(memory, "erasures")), "nobody is named"
    assert run(memory.refuse("ann", refused=False)) is False
    assert run(memory.add(town(), Consent(peer=False))).n_new == 2
    assert run(memory.consent("ann")) == Consent(True, False)


def test_records_can_be_refused_in_advance(in_sqlite):
    memory = memory_of(in_sqlite)
    assert run(memory.refuse("ann"))
    assert run(memory.add(town(), BOTH)).n_refused == 2 and number_of(memory, "ann") is None
    with pytest.raises(InputError, match="erase the user"):
        run(memory.refuse("bob"))
    with pytest.raises(Unknown):
        run(memory.receipt("ann"))


def test_consent_is_not_raised_by_a_batch(store):
    memory = lived_in(store)
    run(memory.set_consent("ann", own=True, peer=False))
    run(memory.add([row("ann", "soup")], BOTH))
    assert run(memory.consent("ann")) == Consent(True, False)


def test_after_a_restore_receipts_erase_again(in_sqlite, tmp_path):
    memory = lived_in(in_sqlite)
    backup(in_sqlite, tmp_path / "monday")
    receipts = [run(memory.erase("ann"))]
    restored = memory_of(open_store(tmp_path / "monday", MASTER))
    assert number_of(restored, "ann") is not None
    assert run(restored.erase_again(receipts)).user_ids == ("ann",)
    assert number_of(restored, "ann") is None and not faults(restored)
    assert run(restored.add(town(), BOTH)).n_refused == 2
    assert run(restored.erase_again(receipts)).user_ids == ()
    restored.tenant.store.close()


def test_receipts_do_not_erase_who_was_readmitted_since(store):
    memory = lived_in(store)
    receipts = [run(memory.erase(user)) for user in ("ann", "bob")]
    now = store.now_ms()
    store.now_ms = lambda: now + 1
    for user in ("ann", "bob"):
        run(memory.refuse(user, refused=False))
    run(memory.add(town(["ann"]), BOTH))
    assert run(memory.erase_again(receipts)) == ErasedAgain((), n_readmitted=1, n_absent=1, n_elsewhere=0)
    assert run(memory_of(store, tenant="other").erase_again(receipts)) == ErasedAgain((), 0, 0, n_elsewhere=2)
    assert run(memory.add([row("ann", "soup"), row("bob", "soup")], BOTH)).n_refused == 0
    assert run(memory.receipt("ann")) == receipts[0]


def test_a_restored_store_has_the_receipts_of_users_who_are_not_in_it(in_sqlite, tmp_path):
    memory = memory_of(in_sqlite)
    backup(in_sqlite, tmp_path / "monday")
    run(memory.add(town(), BOTH))
    receipt = run(memory.erase("ann"))
    restored = memory_of(open_store(tmp_path / "monday", MASTER))
    assert run(restored.erase_again([receipt, receipt])) == ErasedAgain((), 0, 1, 0)
    assert run(restored.receipt("ann")) == receipt
    assert run(restored.add(town(), BOTH)).n_refused == 2
    restored.tenant.store.close()


def test_one_record_is_corrected_or_deleted_with_all_that_was_made_of_it(store):
    memory = lived_in(
        store, [*town(), row("ann", "soup", CANARY, rating=2.0)], ScriptedBackend(echoes), on_repeat="mark"
    )
    assert any("Quokkas" in text for texts in opened(memory).values() for text in texts)
    assert run(memory.correct(row("ann", "soup", "Plain words.", rating=5.0))).user_id == "ann"
    assert not any("Quokkas" in text for texts in opened(memory).values() for text in texts)
    kept = {record.id: record for record in run(memory.records("ann")).rows}
    assert (kept["ann-soup"].text, kept["ann-soup"].rating) == ("Plain words.", 5.0)
    assert run(memory.delete_record("ann-soup")).user_id == "ann"
    assert run(memory.records("ann")).total == 2 and not faults(memory)
    settle(memory)
    assert run(memory.profile("ann")).statements and not faults(memory)
    for work in (memory.delete_record("ann-soup"), memory.correct(row("ann", "pie"))):
        with pytest.raises(Unknown):
            run(work)
    with pytest.raises(InputError, match="another user's"):
        run(memory.correct(row("bob", "tea", id="ann-tea")))
    assert run(memory.records("ann")).total == 2


@pytest.mark.parametrize("change", ["delete", "correct text", "correct rating"])
def test_a_change_of_a_record_counts_the_profiles_that_it_costs(store, change):
    memory = lived_in(store)
    new = {"correct text": row("ann", "tea", "Plain words."), "correct rating": row("ann", "tea", rating=2.0)}
    changed = run(memory.delete_record("ann-tea") if change == "delete" else memory.correct(new[change]))
    assert (changed.user_id, changed.n_profiles) == ("ann", len(PEOPLE))


def test_a_record_without_a_profile_costs_none(store):
    memory = memory_of(store)
    run(memory.add(town(), BOTH))
    assert run(memory.correct(row("ann", "tea", "Plain words."))).n_profiles == 0
    assert run(memory.delete_record("ann-tea")).n_profiles == 0
    assert run(memory.correct(row("ann", "tea", "Stored again."))).n_profiles == 0


def test_a_deleted_record_does_not_come_back_with_its_file(store):
    memory = lived_in(store)
    run(memory.delete_record("ann-tea"))
    added = run(memory.add(town(), BOTH))
    assert (added.n_new, added.n_refused, added.n_same) == (0, 1, len(town()) - 1)
    assert "ann-tea" not in kept(memory)
    assert "ann-tea" not in repr(_rows(memory, "deleted_records")), "no record is named"
    other = memory_of(store, tenant="other")
    assert run(other.add(town(), BOTH)).n_refused == 0

    run(memory.correct(row("ann", "tea", "What ann says now.")))
    assert kept(memory)["ann-tea"].text == "What ann says now."
    assert run(memory.add([row("ann", "tea", "What ann says now.")], BOTH)).n_same == 1

    run(memory.delete_record("ann-tea"))
    run(memory.erase("ann"))
    assert len(_rows(memory, "deleted_records")) == 1
    with pytest.raises(Unknown):
        run(memory.correct(row("ann", "tea")))


def test_a_correction_keeps_the_time_of_the_record_and_what_its_item_is(store):
    memory = lived_in(store, [*town(), row("ann", "soup", CANARY, at=START_MS - 5, about=Item("soup", "Soup", "Hot."))])
    run(memory.correct(NewRecord(Record("ann-soup", "ann", "soup", "Plain words."), Item("soup"))))
    assert run(memory.item("soup")) == Item("soup", "Soup", "Hot.")
    assert kept(memory)["ann-soup"].timestamp == START_MS - 5
    run(memory.correct(NewRecord(Record("ann-soup", "ann", "stew", "Plain words."), Item("stew"))))
    with pytest.raises(InputError):
        run(memory.item("soup"))
    settle(memory)
    assert not faults(memory) and not job_rows(memory)


def expired(memory):
    return expire(memory.tenant, memory.settings.retention)


def test_what_was_kept_long_enough_goes(store):
    memory = lived_in(store, retention=Retention(records=30, profile_versions=10, calls=10, audit=10))
    run(memory.set_consent("bob", peer=False))
    settle(memory)
    assert not any(expired(memory).values())
    now = store.now_ms()
    store.now_ms = lambda: now + 20 * 86_400_000
    gone = expired(memory)
    assert gone["calls"] and gone["audit"] and not gone["records"]
    store.now_ms = lambda: now + 31 * 86_400_000
    assert expired(memory)["records"] == 8
    assert run(memory.records("ann")).total == 0 and not faults(memory)
    assert scrubs.n_pending(store) == 0


def test_a_build_deletes_what_has_expired_first(in_sqlite, tmp_path):
    memory = lived_in(in_sqlite)
    (tmp_path / "s.toml").write_text("[retention]\nrecords = 30\n")
    parts = open_memory_parts(tmp_path / "s.toml", "scripted:echo", "hashing:64")
    now_ms = in_sqlite.now_ms
    in_sqlite.now_ms = lambda: now_ms() + 31 * 86_400_000
    run(build_profiles(memory.tenant, parts))
    assert run(memory.records("ann")).total == 0 and not faults(memory)


def test_a_pinned_statement_outlives_the_versions_of_its_profile(store):
    memory = lived_in(store, retention=Retention(profile_versions=30))
    pinned = run(memory.profile("ann")).statements[0].text
    run(memory.edit("ann", [Evidence(pinned, pinned=True)]))
    now_ms = store.now_ms
    for days in (0, 31, 62):
        store.now_ms = lambda days=days: now_ms() + days * 86_400_000
        expired(memory)
        run(memory.add([row("ann", f"soup {days}", at=START_MS + days)]))
        settle(memory)
        assert [one.pinned for one in run(memory.profile("ann")).statements if one.text == pinned] == [True]
    run(memory.edit("ann", [Evidence(pinned)]))
    store.now_ms = lambda: now_ms() + 99 * 86_400_000
    expired(memory)
    assert [version.current for version in run(memory.profile("ann")).versions] == [True]
    assert not faults(memory)


def test_a_tenant_goes_whole(store):
    memory, other = lived_in(store), lived_in(store, tenant="other")
    assert erase_tenant(memory.tenant)
    assert [tenant.name for tenant in store.tenants()] == ["other"]
    assert run(other.records("ann")).total == 2 and not faults(other)


def _rows(memory, table):
    with memory.tenant.read() as tx:
        return tx.conn.exec_driver_sql(f"select * from {table}").all()


def test_whoever_comes_back_is_somebody_else(store):
    """The same id again: nothing of before is there, and another key."""
    memory = lived_in(store, with_canary())
    before = number_of(memory, BIRD)
    run(memory.erase(BIRD))
    run(memory.refuse(BIRD, refused=False))
    run(memory.add([row(BIRD, "tea", "Only this.")], BOTH))
    assert number_of(memory, BIRD) != before
    assert [record.text for record in run(memory.records(BIRD)).rows] == ["Only this."]
    settle(memory)
    assert not faults(memory)


@pytest.mark.parametrize("trained", ["Jos\u00e9", "Jose\u0301"])
@pytest.mark.parametrize("erased", ["Jos\u00e9", "Jose\u0301"])
def test_a_receipt_names_adapters_however_the_id_is_composed(in_sqlite, tmp_path, trained, erased):
    adapters = [adapter(tmp_path / "with", trained), adapter(tmp_path / "without", "ann")]
    memory = lived_in(in_sqlite, [row("Jos\u00e9")], adapters=adapters)
    assert run(memory.erase(erased))["adapters_trained_with_the_user"] == ["with"]


@pytest.mark.parametrize("about", ["not json", "[]", '{"salt": "s"}'])
def test_an_adapter_that_does_not_say_whom_it_knows_is_told_before_anybody_goes(in_sqlite, tmp_path, about):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "adapter.json").write_text(about)
    memory = lived_in(in_sqlite, adapters=[folder])
    with pytest.raises(InputError, match="broken"):
        run(memory.erase("ann"))
    assert run(memory.records("ann")).total == 2


def test_there_is_a_receipt_even_where_files_cannot_be_scrubbed(in_sqlite, monkeypatch, caplog):
    memory = lived_in(in_sqlite)

    def fails(*_):
        raise InputError("the disk is full")

    monkeypatch.setattr(scrubs, "scrub", fails)
    receipt = run(memory.erase("ann"))
    verify(receipt)
    assert receipt["files_scrubbed"] is False and "the disk is full" in caplog.text
    assert number_of(memory, "ann") is None
