"""Whether a store is what it should be; the words of ``unlike doctor --store``.

Each check is a query for rows that must not be there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from unlike.privacy.seal import Unreadable
from unlike.store.database import Tx
from unlike.store.tables import (
    CLUSTERED,
    CLUSTERINGS,
    DIFFERENCE_READS,
    DIFFERENCES,
    JOBS,
    METADATA,
    PROFILE_DIFFERENCES,
    PROFILE_READS,
    PROFILES,
    RECORDS,
    USERS,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that must not be.

    Attributes:
        what: In one line.
        n: How often.
    """

    what: str
    n: int


def faults(tx: Tx) -> list[Fault]:
    """All that is wrong with a tenant's rows; nothing where all is well."""
    found = [Fault(what, n) for what, query in _queries(tx).items() if (n := len(tx.conn.execute(query).all()))]
    return found + _sealed_for_others(tx) + _strangers(tx) + _unreadable(tx)


def _queries(tx: Tx) -> dict[str, Select[Any]]:
    """Rows that must not be, by what they would mean."""
    own = DIFFERENCE_READS.alias()
    return {
        "differences without a record they read": select(DIFFERENCES.c.id).where(
            DIFFERENCES.c.tenant == tx.tenant,
            DIFFERENCES.c.id.not_in(select(own.c.difference).where(own.c.role == "own")),
        ),
        "records with two current differences": select(DIFFERENCES.c.record)
        .where(DIFFERENCES.c.tenant == tx.tenant, DIFFERENCES.c.current)
        .group_by(DIFFERENCES.c.record)
        .having(func.count() > 1),
        "users with two current profiles": select(PROFILES.c.user)
        .where(PROFILES.c.tenant == tx.tenant, PROFILES.c.current)
        .group_by(PROFILES.c.user)
        .having(func.count() > 1),
        "profiles whose differences lost their peers": select(PROFILE_DIFFERENCES.c.id)
        .join(DIFFERENCE_READS, DIFFERENCE_READS.c.difference == PROFILE_DIFFERENCES.c.difference)
        .join(
            PROFILE_READS,
            (PROFILE_READS.c.profile == PROFILE_DIFFERENCES.c.profile)
            & (PROFILE_READS.c.record == DIFFERENCE_READS.c.record),
            isouter=True,
        )
        .where(
            PROFILE_DIFFERENCES.c.tenant == tx.tenant, DIFFERENCE_READS.c.role == "peer", PROFILE_READS.c.id.is_(None)
        ),
        "records of users who do not agree to be compared, in another's lineage": _unwilling(tx),
        "records of users who do not agree to be compared, in a clustering": select(CLUSTERED.c.id)
        .join(RECORDS, RECORDS.c.id == CLUSTERED.c.record)
        .join(USERS, USERS.c.id == RECORDS.c.user)
        .where(CLUSTERED.c.tenant == tx.tenant, ~USERS.c.peer),
        "clusterings of an item with records on another": select(CLUSTERED.c.id)
        .join(CLUSTERINGS, CLUSTERINGS.c.id == CLUSTERED.c.clustering)
        .join(RECORDS, RECORDS.c.id == CLUSTERED.c.record)
        .where(CLUSTERED.c.tenant == tx.tenant, RECORDS.c.item != CLUSTERINGS.c.item),
        "jobs to build profiles of users who are gone": select(JOBS.c.id).where(
            JOBS.c.tenant == tx.tenant, JOBS.c.kind == "build", JOBS.c.subject.not_in(select(USERS.c.id))
        ),
    }


def _sealed_for_others(tx: Tx) -> list[Fault]:
    """Differences sealed under other keys than those of the people they read."""
    readers = select(DIFFERENCE_READS.c.difference, RECORDS.c.user).join(
        RECORDS, RECORDS.c.id == DIFFERENCE_READS.c.record
    )
    people: dict[int, set[int]] = {}
    for difference, user in tx.conn.execute(readers.where(DIFFERENCE_READS.c.tenant == tx.tenant)):
        people.setdefault(difference, set()).add(user)
    sealed_for = select(DIFFERENCES.c.id, DIFFERENCES.c.people).where(DIFFERENCES.c.tenant == tx.tenant)
    n = sum(people.get(number, set()) != set(named) for number, named in tx.conn.execute(sealed_for))
    return [Fault("differences sealed for other people than those they read", n)] if n else []


def _unwilling(tx: Tx) -> Select[Any]:
    return (
        select(PROFILE_READS.c.id)
        .join(RECORDS, RECORDS.c.id == PROFILE_READS.c.record)
        .join(USERS, USERS.c.id == RECORDS.c.user)
        .where(PROFILE_READS.c.tenant == tx.tenant, PROFILE_READS.c.role == "peer", ~USERS.c.peer)
    )


def _strangers(tx: Tx) -> list[Fault]:
    """Rows that refer to another tenant's."""
    found = list[Fault]()
    for table in METADATA.tables.values():
        for key in table.foreign_keys:
            other = key.column.table
            if other.name == "tenants" or "tenant" not in table.c:
                continue
            aside = other.alias()
            crossing = select(table.c.id).join(aside, aside.c.id == key.parent).where(aside.c.tenant != table.c.tenant)
            if n := len(tx.conn.execute(crossing).all()):
                found.append(Fault(f"rows of {table.name} that name another tenant's {other.name}", n))
    return found


def _unreadable(tx: Tx) -> list[Fault]:
    """Sealed texts that do not open."""
    from unlike.store import differences, profiles, records

    readers = {
        "records": (select(RECORDS.c.id).where(RECORDS.c.tenant == tx.tenant), lambda n: records.with_numbers(tx, [n])),
        "differences": (
            select(DIFFERENCES.c.record).where(DIFFERENCES.c.tenant == tx.tenant, DIFFERENCES.c.current),
            lambda n: differences.current_of(tx, [n]),
        ),
        "profiles": (
            select(PROFILES.c.user).where(PROFILES.c.tenant == tx.tenant, PROFILES.c.current),
            lambda n: profiles.current(tx, n),
        ),
    }
    found = list[Fault]()
    for name, (query, read) in readers.items():
        n = sum(not _opens(read, number) for number in tx.conn.scalars(query).all())
        if n:
            found.append(Fault(f"{name} that cannot be opened with the keys that are there", n))
    return found


def _opens(read: Callable[[int], object], number: int) -> bool:
    try:
        read(number)
    except (Unreadable, KeyError):
        return False
    return True
