"""Calls of LLMs: answers are kept once they are done, and prompts, sealed for all who were read, gone with any of them."""

from dataclasses import replace

import pytest

from tests.store.rows import ANSWER, BOTH, lived_in, numbers, put, row, users
from unlike.privacy.seal import Unreadable
from unlike.records import Item
from unlike.store import check, erase_rows, journal, lineage, profiles, records
from unlike.store.database import TransactionConflict
from unlike.store.items import set_item
from unlike.store.journal import CallToStore
from unlike.store.records import Unknown
from unlike.store.tables import JOURNAL, JOURNAL_READS
from unlike.store.users import Consent, set_consent

PROMPT = [{"role": "user", "content": "How does she differ?"}]
MILK = row("emil", "milk").item
FAILED = ANSWER | {"state": "failed", "text": "", "error": "no JSON", "raw": "{", "finish_reason": ""}


@pytest.fixture
def two(tenant):
    put(tenant, row("ann"), row("bob"))
    return asked_for(tenant, "ann", "ann-tea", "bob-tea")


def asked_for(tenant, user, *record_ids, **more):
    return CallToStore(users(tenant)[user], "m", "difference", record_ids, **more)


def test_an_answer_comes_back(tenant, two):
    with tenant.write() as tx:
        assert journal.get(tx, "k") is None
        assert journal.put(tx, "k", two, ANSWER) == ANSWER
        assert journal.get(tx, "k") == ANSWER
        reads = set(tx.conn.scalars(JOURNAL_READS.select().with_only_columns(JOURNAL_READS.c.record)))
    assert reads == set(numbers(tenant).values())


def test_a_done_answer_stays(tenant, two):
    with tenant.write() as tx:
        journal.put(tx, "k", two, ANSWER)
        assert journal.put(tx, "k", two, ANSWER | {"text": "another"}) == ANSWER
        assert journal.get(tx, "k") == ANSWER


def test_after_a_failure_an_answer_takes_its_place(tenant, two):
    with tenant.write() as tx:
        journal.put(tx, "k", two, FAILED)
        assert journal.get(tx, "k") == FAILED
        journal.put(tx, "k", replace(two, record_ids=two.record_ids[:1]), ANSWER | {"attempts": 2})
        assert journal.get(tx, "k") == ANSWER | {"attempts": 3}
        assert tx.conn.execute(JOURNAL_READS.select()).all()[0].record == numbers(tenant)["ann-tea"]


def test_it_is_sealed_for_all_who_were_read(tenant, two):
    with tenant.write() as tx:
        journal.put(tx, "k", two, ANSWER)
        kept = tx.conn.execute(JOURNAL.select()).one()
        assert kept.people == sorted(users(tenant).values())
        with pytest.raises(Unreadable):
            tx.keys.unseal(tx.conn, kept.people[:1], kept.sealed, journal.place_of(tx, "k"))


def test_of_records_that_are_gone_no_answer_is_kept(tenant, two):
    with pytest.raises(Unknown, match="erased while it was under way"), tenant.write() as tx:
        journal.put(tx, "k", replace(two, record_ids=[*two.record_ids, "gone"]), ANSWER)


def test_an_answer_goes_with_anybody_who_was_read(tenant):
    world = lived_in(tenant)
    with tenant.write() as tx:
        erase_rows.take_out(tx, world.users["bob"])
        assert journal.get(tx, world.calls["ann"]) is journal.get(tx, world.calls["bob"]) is None
        assert journal.get(tx, world.calls["cleo"])["text"] == "words of cleo answered"


def test_two_tenants_ask_the_same(store):
    for name in ("one", "two"):
        put(store.tenant(name), row("ann"))
        asked = asked_for(store.tenant(name), "ann", "ann-tea")
        with store.tenant(name).write() as tx:
            assert journal.put(tx, "k", asked, ANSWER | {"text": name})["text"] == name


def test_prompts_are_kept_beside_answers_and_alone(tenant, two):
    with tenant.write() as tx:
        journal.put(tx, "k", two, ANSWER)
        assert journal.prompts_of(tx, two.user) == [] and journal.n_prompts(tx, two.user) == 0
        journal.put(tx, "another", replace(two, prompt=PROMPT), ANSWER)
        for _ in range(2):  # as often as it is sent
            journal.keep_prompt(tx, replace(two, step="generate", record_ids=["ann-tea"], prompt=PROMPT))
        *alone, beside = journal.prompts_of(tx, two.user)
        assert [(kept.step, kept.shows_others, kept.messages) for kept in alone] == [
            ("generate", False, tuple(PROMPT))
        ] * 2
        assert (beside.step, beside.shows_others, beside.messages) == ("difference", True, tuple(PROMPT))
        assert journal.prompts_of(tx, two.user, 1, 1) == alone[1:] and journal.n_prompts(tx, two.user) == 3
        assert journal.prompts_of(tx, users(tenant)["bob"]) == [] and check.faults(tx) == []


def test_a_prompt_is_sealed_for_all_whose_words_are_in_it(tenant):
    """Those of its records, those behind its profile, and who described its item."""
    world = lived_in(tenant)
    put(tenant, row("emil", "milk"))
    ann, bob, emil = (users(tenant)[name] for name in ("ann", "bob", "emil"))
    with tenant.write() as tx:
        profile = profiles.current(tx, ann).number
        journal.keep_prompt(tx, CallToStore(ann, "m", "generate", ["ann-tea"], profile, PROMPT, [MILK]))
        kept = tx.conn.execute(JOURNAL.select().where(JOURNAL.c.step == "generate")).one()
        assert kept.people == sorted([ann, bob, emil]) and check.faults(tx) == []
        assert journal.prompts_of(tx, ann)[0].shows_others, "emil's words about milk"
        with pytest.raises(Unreadable):
            tx.keys.unseal(tx.conn, [ann, bob], kept.prompt, journal.place_of_prompt(tx, kept.key))
    assert world.users["ann"] == ann


@pytest.mark.parametrize("gone", ["ann", "bob", "emil"])
@pytest.mark.parametrize("withdrawn", [False, True])
def test_a_prompt_goes_with_the_first_of_them(tenant, gone, withdrawn):
    lived_in(tenant)
    put(tenant, row("emil", "milk"))
    numbers = users(tenant)
    with tenant.write() as tx:
        profile = profiles.current(tx, numbers["ann"]).number
        journal.keep_prompt(tx, CallToStore(numbers["ann"], "m", "generate", [], profile, PROMPT, [MILK]))
        (lineage.drop_from_others if withdrawn else erase_rows.take_out)(tx, numbers[gone])
        left = [kept.step for kept in journal.prompts_of(tx, numbers["ann"])]
        assert "generate" not in left or (gone, withdrawn) == ("ann", True)
        assert check.faults(tx) == []


@pytest.fixture
def described(tenant):
    """A call for ann whose prompt shows what emil says of milk."""
    put(tenant, row("ann"), row("emil", "milk"))
    return replace(asked_for(tenant, "ann", "ann-tea"), prompt=PROMPT, items=[MILK])


def erased(tx, emil):
    erase_rows.take_out(tx, emil)


def erased_and_back_with_other_words(tx, emil):
    """The item is described by another user by now, so the words in the prompt are nobody's who could be asked."""
    erase_rows.take_out(tx, emil)
    records.put(tx, [row("zoe", "milk", about=Item("milk", "Milk", "Zoe's words."))], BOTH)


def withdrawn(tx, emil):
    set_consent(tx, emil, Consent(own=False, peer=True))


def described_anew(tx, emil):
    set_item(tx, Item("milk", "Milk", "The shop's words."))


@pytest.mark.parametrize("happens", [erased, erased_and_back_with_other_words, withdrawn, described_anew])
def test_what_happens_to_its_words_before_it_is_kept_keeps_it_out(tenant, described, happens):
    """It is decided by the words that are in the prompt, not by who describes the item by now."""
    with tenant.write() as tx:
        happens(tx, users(tenant)["emil"])
    with pytest.raises(TransactionConflict, match="no longer described as it was"), tenant.write() as tx:
        journal.keep_prompt(tx, described)
    with tenant.write() as tx:
        assert journal.put(tx, "k", described, ANSWER) == ANSWER, "the answer was paid for, and is not emil's"
        assert journal.get(tx, "k") == ANSWER and journal.prompts_of(tx, described.user) == []
        assert tx.conn.execute(JOURNAL.select()).one().people == [described.user] and check.faults(tx) == []


def test_words_that_another_sends_alike_are_kept_as_nobody_s(tenant, described):
    put(tenant, row("zoe", "milk"))
    with tenant.write() as tx:
        erase_rows.take_out(tx, users(tenant)["emil"])
        journal.keep_prompt(tx, described)
        assert tx.conn.execute(JOURNAL.select()).one().people == [described.user]


def test_a_prompt_alone_has_no_answer(tenant, described):
    with tenant.write() as tx:
        journal.keep_prompt(tx, described)
        kept = tx.conn.execute(JOURNAL.select()).one()
        assert (kept.state, kept.sealed, kept.prompt_tokens, kept.attempts) == (None,) * 4
        assert journal.prompts_of(tx, described.user)[0].shows_others, "emil's words are"
        assert check.faults(tx) == []


def test_a_prompt_of_whom_may_not_be_used_is_a_fault(tenant, described):
    with tenant.write() as tx:
        journal.keep_prompt(tx, described)
        set_consent(tx, users(tenant)["emil"], Consent(own=False, peer=True))
        (fault,) = check.faults(tx)
        assert "kept prompts with descriptions by users who do not agree" in fault.what


def test_of_a_profile_that_is_gone_no_prompt_is_kept(tenant, two):
    with pytest.raises(Unknown, match="profile of this call was deleted"), tenant.write() as tx:
        journal.keep_prompt(tx, replace(two, profile=99, prompt=PROMPT))


def test_of_whom_no_longer_agrees_to_be_compared_no_prompt_is_kept(tenant, two):
    with tenant.write() as tx:
        set_consent(tx, users(tenant)["bob"], Consent(own=True, peer=False))
    with pytest.raises(TransactionConflict), tenant.write() as tx:
        journal.keep_prompt(tx, replace(two, prompt=PROMPT))
