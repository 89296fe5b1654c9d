"""Who is touched when a user's words may not be used any more: what of others was made with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, Table, delete, or_, select

from unlike.store.batches import batches, rows_with
from unlike.store.database import Tx
from unlike.store.people import hold
from unlike.store.tables import (
    CLUSTERED,
    CLUSTERINGS,
    DIFFERENCE_READS,
    DIFFERENCES,
    JOURNAL,
    JOURNAL_READS,
    JOURNAL_SOURCES,
    PROFILE_DIFFERENCES,
    PROFILE_READS,
    PROFILES,
    RECORDS,
)


@dataclass(frozen=True, slots=True)
class Touched:
    """What of others was made with a user's records, and is gone now.

    Attributes:
        users: Numbers of the others whose differences or profiles were.
        items: Numbers of the items whose clusterings were.
        counts: Rows by table.
    """

    users: tuple[int, ...]
    items: tuple[int, ...]
    counts: dict[str, int]


def peers_of(tx: Tx, differences: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """Numbers of the records of others that differences read, by the number of the difference."""
    found: dict[int, tuple[int, ...]] = {}
    read = select(DIFFERENCE_READS.c.difference, DIFFERENCE_READS.c.record).order_by(DIFFERENCE_READS.c.id)
    peers = read.where(DIFFERENCE_READS.c.tenant == tx.tenant, DIFFERENCE_READS.c.role == "peer")
    for difference, record in rows_with(tx, peers, DIFFERENCE_READS.c.difference, differences):
        found[difference] = (*found.get(difference, ()), record)
    return found


def drop_from_others(tx: Tx, user: int, records: Select[int] | None = None) -> Touched:
    """Delete all of others that a user's records are in: read in a prompt, or clustered to choose representatives.

    Args:
        tx: An open transaction.
        user: Whose records.
        records: Numbers of those that count; None for all of them, and for what the user told of items.
    """
    hold(tx, user)
    all_of_user = select(RECORDS.c.id).where(RECORDS.c.tenant == tx.tenant, RECORDS.c.user == user)
    mine = all_of_user if records is None else records
    clusterings = select(CLUSTERED.c.clustering).where(CLUSTERED.c.record.in_(mine)).distinct()
    # Locked, so that a difference made from one of them is either found below or not stored at all.
    tx.conn.execute(select(CLUSTERINGS.c.id).where(CLUSTERINGS.c.id.in_(clusterings)).with_for_update()).all()
    differences = _others_differences(tx, user, mine, clusterings)
    profiles = _others_profiles(tx, user, mine, differences)
    users = _users_of(tx, differences, profiles)
    items = sorted(set(tx.conn.scalars(select(CLUSTERINGS.c.item).where(CLUSTERINGS.c.id.in_(clusterings)))))
    calls = _others_calls(tx, user, mine, profiles)
    if records is None:
        calls |= _described_by(tx, user)
    counts = {
        "profiles": _delete(tx, PROFILES, profiles),
        "differences": _delete(tx, DIFFERENCES, differences),
        "calls": _delete(tx, JOURNAL, sorted(calls)),
        "clusterings": _delete(tx, CLUSTERINGS, list(tx.conn.scalars(clusterings))),
    }
    return Touched(tuple(users), tuple(items), counts)


def drop_described_by(tx: Tx, user: int) -> None:
    """Delete others' calls whose kept prompts hold what a user told of items."""
    hold(tx, user)
    _delete(tx, JOURNAL, sorted(_described_by(tx, user)))


def drop_own(tx: Tx, user: int, records: Select[int]) -> None:
    """Delete the user's own differences, profiles and calls that were made of some records."""
    made = select(DIFFERENCE_READS.c.difference).where(DIFFERENCE_READS.c.record.in_(records))
    own = select(PROFILES.c.id).where(PROFILES.c.tenant == tx.tenant, PROFILES.c.user == user)
    read = select(PROFILE_READS.c.profile).where(PROFILE_READS.c.record.in_(records))
    used = select(PROFILE_DIFFERENCES.c.profile).where(PROFILE_DIFFERENCES.c.difference.in_(made))
    _delete(tx, PROFILES, list(tx.conn.scalars(own.where(or_(PROFILES.c.id.in_(read), PROFILES.c.id.in_(used))))))
    _delete(tx, DIFFERENCES, list(tx.conn.scalars(made.distinct())))
    called = select(JOURNAL.c.id).join(JOURNAL_READS, JOURNAL_READS.c.call == JOURNAL.c.id)
    mine = called.where(JOURNAL.c.user == user, JOURNAL_READS.c.record.in_(records))
    _delete(tx, JOURNAL, list(tx.conn.scalars(mine.distinct())))


def _others_differences(tx: Tx, user: int, mine: Select[int], clusterings: Select[int]) -> list[int]:
    read = select(DIFFERENCE_READS.c.difference).where(DIFFERENCE_READS.c.record.in_(mine))
    touched = or_(DIFFERENCES.c.clustering.in_(clusterings), DIFFERENCES.c.id.in_(read))
    others = select(DIFFERENCES.c.id).join(RECORDS, RECORDS.c.id == DIFFERENCES.c.record).where(RECORDS.c.user != user)
    return list(tx.conn.scalars(others.where(touched)))


def _others_profiles(tx: Tx, user: int, mine: Select[int], differences: Sequence[int]) -> list[int]:
    read = select(PROFILE_READS.c.profile).where(PROFILE_READS.c.record.in_(mine))
    found = set(tx.conn.scalars(select(PROFILES.c.id).where(PROFILES.c.user != user, PROFILES.c.id.in_(read))))
    made = rows_with(tx, select(PROFILE_DIFFERENCES.c.profile), PROFILE_DIFFERENCES.c.difference, differences)
    return sorted(found.union(profile for (profile,) in made))


def _others_calls(tx: Tx, user: int, mine: Select[int], profiles: Sequence[int]) -> set[int]:
    """Calls for others with one of the user's records or one of these profiles in the prompt."""
    others = select(JOURNAL.c.id).where(JOURNAL.c.tenant == tx.tenant, JOURNAL.c.user != user)
    read = select(JOURNAL_READS.c.call).where(JOURNAL_READS.c.record.in_(mine))
    found = set(tx.conn.scalars(others.where(JOURNAL.c.id.in_(read))))
    return found.union(call for (call,) in rows_with(tx, others, JOURNAL.c.profile, profiles))


def _described_by(tx: Tx, user: int) -> set[int]:
    """Calls for others with the user's words about an item in the prompt."""
    return set(tx.conn.scalars(select(JOURNAL_SOURCES.c.call).where(JOURNAL_SOURCES.c.user == user)))


def _users_of(tx: Tx, differences: Sequence[int], profiles: Sequence[int]) -> list[int]:
    of_differences = select(RECORDS.c.user).join(DIFFERENCES, DIFFERENCES.c.record == RECORDS.c.id)
    found = {user for (user,) in rows_with(tx, of_differences, DIFFERENCES.c.id, differences)}
    return sorted(found.union(user for (user,) in rows_with(tx, select(PROFILES.c.user), PROFILES.c.id, profiles)))


def _delete(tx: Tx, table: Table, numbers: Sequence[int]) -> int:
    for batch in batches(numbers):
        tx.conn.execute(delete(table).where(table.c.id.in_(batch)))
    return len(numbers)
