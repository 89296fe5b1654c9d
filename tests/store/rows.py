"""Rows for tests: records whose text names them, and a small world in which everything has been made of everybody."""

from dataclasses import dataclass, replace

import numpy as np

from unlike.privacy.keys import MasterKey
from unlike.records import Item, Record
from unlike.store import clusterings, differences, embeddings, jobs, journal, profiles, records
from unlike.store.differences import NewDifference
from unlike.store.journal import CallToStore
from unlike.store.profiles import NewProfile, Statement
from unlike.store.records import NewRecord
from unlike.store.users import Consent

MASTER = MasterKey(b"k" * 32)
BOTH = Consent(own=True, peer=True)
ANSWER = {
    "state": "done",
    "text": "an answer",
    "error": "",
    "raw": "",
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "finish_reason": "stop",
    "wall_s": 0.5,
    "attempts": 1,
}


def row(user="ann", item="tea", text="", at=1000, title="a title", rating=4.0, id="", about=None):
    """A record of a user on an item; its id is made of both."""
    record = Record(id or f"{user}-{item}", user, item, text or f"{user} on {item}", title, rating, at)
    return NewRecord(record, about or Item(item, f"Title of {item}", f"Description of {item}"))


def put(tenant, *rows, consent=BOTH):
    with tenant.write() as tx:
        return records.put(tx, rows, consent)


def numbers(tenant):
    """Numbers of a tenant's records by id."""
    with tenant.read() as tx:
        return {stored.record.id: stored.number for stored in records.read(tx)}


def users(tenant):
    """Numbers of the users who have a record, by id."""
    with tenant.read() as tx:
        return {stored.record.user_id: stored.user for stored in records.read(tx)}


@dataclass(frozen=True)
class World:
    """Numbers of what ``lived_in`` made.

    Attributes:
        records: By id.
        users: By id.
        items: By id.
        difference: By user, of the record on tea.
        calls: Journal keys by user.
    """

    records: dict[str, int]
    users: dict[str, int]
    items: dict[str, int]
    difference: dict[str, int]
    calls: dict[str, str]


PEOPLE = ("ann", "bob", "cleo")


def lived_in(tenant, words="words"):
    """Ann, Bob and Cleo wrote on tea and are compared with the next of them; Dora wrote on bread alone."""
    rows = [*(row(user, "tea", f"{words} of {user}") for user in PEOPLE), row("dora", "bread")]
    put(tenant, *rows)
    with tenant.write() as tx:
        there = {stored.record.id: stored for stored in records.with_ids(tx, [one.record.id for one in rows])}
        number = {id_: stored.number for id_, stored in there.items()}
        embeddings.put(tx, "encoder", {n: unit(n) for n in number.values()})
        tea = there["ann-tea"].item
        clustering = clusterings.put(tx, tea, "digest", [[number[f"{user}-tea"]] for user in PEOPLE])
        made = {user: _compare(tx, number, user, other, clustering.number, words) for user, other in pairs()}
        owners = {stored.record.user_id: stored.user for stored in there.values()}
        for user, other in pairs():
            _profile(tx, owners[user], number[f"{user}-tea"], made[user], words)
            prompt = [{"role": "user", "content": f"{words} of {user} and of {other}"}]
            asked = CallToStore(owners[user], "m", "difference", [f"{user}-tea", f"{other}-tea"], prompt=prompt)
            journal.put(tx, f"call-of-{user}", asked, ANSWER | {"text": f"{words} of {user} answered"})
        jobs.enqueue(tx, "build", list(owners.values()), tx.now_ms)
        items = {stored.record.item_id: stored.item for stored in there.values()}
    return World(number, owners, items, made, {user: f"call-of-{user}" for user in PEOPLE})


def pairs():
    """Each with the one they are compared with."""
    return (("ann", "bob"), ("bob", "cleo"), ("cleo", "ann"))


def unit(seed, dim=4):
    vector = np.random.default_rng(seed).normal(size=dim).astype(np.float32)
    return vector / np.linalg.norm(vector)


def _compare(tx, number, user, other, clustering, words):
    text = f"{words} of {user} differ from {words} of {other}"
    return differences.put(
        tx, NewDifference(number[f"{user}-tea"], (number[f"{other}-tea"],), clustering, text, 2, "m")
    )


def _profile(tx, user, record, difference, words):
    statements = (Statement(f"{words} are long", (record,), 1), Statement("likes tea", (record,), 0))
    version = profiles.put(tx, NewProfile(user, "built", statements, (record,), (difference,)))
    current = profiles.current(tx, user)
    assert current is not None and current.version == version
    profiles.pin(tx, user, [replace(statements[0], pinned=True)], current.number)
