"""Somebody goes, or withdraws, while something is made of their words: nothing of it is left, whoever is first."""

import threading

import pytest

from tests.store.conftest import emptied
from tests.store.rows import ANSWER, numbers, put, row, users
from unlike.errors import UnlikeError
from unlike.store import (
    check,
    clusterings,
    differences,
    erase_rows,
    erasure_receipts,
    journal,
    lineage,
    profiles,
    records,
)
from unlike.store.database import TransactionConflict
from unlike.store.differences import NewDifference
from unlike.store.journal import CallToStore
from unlike.store.profiles import NewProfile
from unlike.store.records import Unknown
from unlike.store.users import Consent, find_user, set_consent


def compare(tx, ann, bob):
    differences.put(tx, NewDifference(ann.number, (bob.number,), None, "text", 1, "m"))


def cluster(tx, ann, bob):
    clusterings.put(tx, ann.item, "digest", [[ann.number], [bob.number]])


def summarise(tx, ann, bob):
    made = differences.put(tx, NewDifference(ann.number, (bob.number,), None, "text", 1, "m"))
    profiles.put(tx, NewProfile(ann.user, "built", (), (ann.number,), (made,)))


def answer(tx, ann, bob):
    asked = CallToStore(
        ann.user, "m", "s", [ann.record.id, bob.record.id], prompt=[{"role": "user", "content": "words"}]
    )
    journal.put(tx, "k", asked, ANSWER)


def describe(tx, ann, bob):
    """Bob is in it only by what he says of an item."""
    prompt = [{"role": "user", "content": "words"}]
    journal.keep_prompt(tx, CallToStore(ann.user, "m", "s", [ann.record.id], None, prompt, [HIS.item]))


def erase(tx, bob):
    erase_rows.take_out(tx, bob)


def withdraw(tx, bob):
    set_consent(tx, bob, Consent(own=False, peer=False))
    lineage.drop_from_others(tx, bob)


HIS = row("bob", "milk")
MAKERS, TAKERS = (compare, cluster, summarise, answer, describe), (erase, withdraw)


@pytest.fixture
def pair(tenant):
    put(tenant, row("ann"), row("bob"))
    put(tenant, HIS)
    with tenant.read() as tx:
        return tuple(sorted(records.read(tx), key=lambda stored: stored.number))[:2]


def in_thread(tenant, work):
    """Work in a transaction of a thread of its own; gives the thread and what went wrong."""
    wrong = []

    def run():
        try:
            with tenant.write() as tx:
                work(tx)
        except UnlikeError as error:
            wrong.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, wrong


@pytest.mark.parametrize("take", TAKERS, ids=lambda taker: taker.__name__)
@pytest.mark.parametrize("make", MAKERS, ids=lambda maker: maker.__name__)
def test_who_takes_waits_for_who_makes(tenant, pair, make, take):
    ann, bob = pair
    with tenant.write() as tx:
        make(tx, ann, bob)
        taker, wrong = in_thread(tenant, lambda tx: take(tx, bob.user))
        taker.join(0.1)
        assert taker.is_alive()
    taker.join(240)
    assert wrong == []
    nothing_is_left(tenant, ann)


@pytest.mark.parametrize("take", TAKERS, ids=lambda taker: taker.__name__)
@pytest.mark.parametrize("make", MAKERS, ids=lambda maker: maker.__name__)
def test_who_makes_waits_for_who_takes(tenant, pair, make, take):
    ann, bob = pair
    with tenant.write() as tx:
        take(tx, bob.user)
        maker, wrong = in_thread(tenant, lambda tx: make(tx, ann, bob))
        maker.join(0.1)
        assert maker.is_alive()
    maker.join(240)
    if (make, take) != (answer, withdraw):  # an answer is not a comparison; its caller looks at consent
        assert [type(error) for error in wrong] in ([TransactionConflict], [Unknown])
        nothing_is_left(tenant, ann)


def test_a_record_of_somebody_who_is_going_makes_a_new_user(tenant, pair):
    _, bob = pair
    with tenant.write() as tx:
        erase_rows.take_out(tx, bob.user)
        sender = threading.Thread(
            target=lambda: tenant.run_with_retry(lambda tx: records.put(tx, [row("bob", "bread")], Consent()))
        )
        sender.start()
        sender.join(0.1)
        assert sender.is_alive()
    sender.join(240)
    assert users(tenant)["bob"] > bob.user and len(numbers(tenant)) == 2


def test_a_batch_does_not_bring_back_who_is_erased_meanwhile(in_postgres, monkeypatch):
    """The erasure is committed after the batch has looked for refusals."""
    tenant = emptied(in_postgres).tenant("acme")
    put(tenant, row("bob"))
    allowed, bob = records.allowed, users(tenant)["bob"]

    def slowly(tx, rows):
        found = allowed(tx, rows)
        with tenant.write() as other:
            if find_user(other, "bob") is not None:
                erase_rows.take_out(other, bob)
                erasure_receipts.note(other, "bob", {}, None)
        return found

    monkeypatch.setattr(records, "allowed", slowly)
    result = tenant.run_with_retry(lambda tx: records.put(tx, [row("bob", "bread"), row("ann")], Consent()))
    assert (result.n_new, len(result.refused)) == (1, 1)
    assert set(users(tenant)) == {"ann"}


def nothing_is_left(tenant, ann):
    with tenant.read() as tx:
        assert differences.current_of(tx, [ann.number]) == {}
        assert clusterings.current(tx, ann.item) is None
        assert profiles.current(tx, ann.user) is None
        assert journal.get(tx, "k") is None and journal.n_prompts(tx, ann.user) == 0
        assert check.faults(tx) == []
