"""Whether a store is what it should be; the words of ``unlike doctor --store``.

Most checks are a query for rows that must not be there. Whole tables are gone through but never held in memory.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Select, Table, func, select, union_all

from unlike.errors import InputError
from unlike.store import differences, journal, profiles, records
from unlike.store.database import Tx
from unlike.store.tables import (
    CLUSTERED,
    CLUSTERINGS,
    DIFFERENCE_READS,
    DIFFERENCES,
    EMBEDDINGS,
    JOBS,
    JOURNAL,
    JOURNAL_READS,
    JOURNAL_SOURCES,
    METADATA,
    PINS,
    PROFILE_DIFFERENCES,
    PROFILE_READS,
    PROFILES,
    RECORDS,
    USERS,
)

_AT_ONCE = 500
"""Rows in memory."""


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
    found = {what: _count(tx, query) for what, query in (_queries(tx) | _users_not_in_table(tx)).items()}
    found |= _sealed_for_others(tx) | _unreadable(tx) | _damaged(tx)
    return [Fault(what, n) for what, n in found.items() if n]


def _count(tx: Tx, query: Select[*tuple[Any, ...]]) -> int:
    return tx.conn.scalars(select(func.count()).select_from(query.subquery())).one()


def _queries(tx: Tx) -> dict[str, Select[*tuple[Any, ...]]]:
    """Rows that must not be, by what they would mean."""
    own = select(DIFFERENCE_READS.c.difference).where(DIFFERENCE_READS.c.role == "own")
    users = select(USERS.c.id).where(USERS.c.tenant == tx.tenant)
    return {
        "differences without the record they are about": select(DIFFERENCES.c.id).where(
            DIFFERENCES.c.tenant == tx.tenant, DIFFERENCES.c.id.not_in(own)
        ),
        "records with two current differences": _twice_current(tx, DIFFERENCES, DIFFERENCES.c.record),
        "users with two current profiles": _twice_current(tx, PROFILES, PROFILES.c.user),
        "peers of differences that the profiles made from them do not name": _unnamed_peers(tx),
        "records of users who do not agree to be compared, in another's lineage": _unwilling(tx),
        "records of users who do not agree to be compared, in a clustering": select(CLUSTERED.c.id)
        .join(RECORDS, RECORDS.c.id == CLUSTERED.c.record)
        .join(USERS, USERS.c.id == RECORDS.c.user)
        .where(CLUSTERED.c.tenant == tx.tenant, ~USERS.c.peer),
        "vectors of users who agree to no use of their records": select(EMBEDDINGS.c.id)
        .join(RECORDS, RECORDS.c.id == EMBEDDINGS.c.record)
        .join(USERS, USERS.c.id == RECORDS.c.user)
        .where(EMBEDDINGS.c.tenant == tx.tenant, ~USERS.c.own, ~USERS.c.peer),
        "records clustered with those on another item": select(CLUSTERED.c.id)
        .join(CLUSTERINGS, CLUSTERINGS.c.id == CLUSTERED.c.clustering)
        .join(RECORDS, RECORDS.c.id == CLUSTERED.c.record)
        .where(CLUSTERED.c.tenant == tx.tenant, RECORDS.c.item != CLUSTERINGS.c.item),
        "kept prompts with descriptions by users who do not agree to the use of their own records": select(
            JOURNAL_SOURCES.c.id
        )
        .join(USERS, USERS.c.id == JOURNAL_SOURCES.c.user)
        .where(JOURNAL_SOURCES.c.tenant == tx.tenant, ~USERS.c.own),
        "jobs to build profiles of users who are gone": select(JOBS.c.id).where(
            JOBS.c.tenant == tx.tenant, JOBS.c.kind == "build", JOBS.c.subject.not_in(users)
        ),
    }


def _twice_current(tx: Tx, table: Table, owner: Column[Any]) -> Select[*tuple[Any, ...]]:
    current = select(owner).where(table.c.tenant == tx.tenant, table.c.current)
    return current.group_by(owner).having(func.count() > 1)


def _unnamed_peers(tx: Tx) -> Select[*tuple[Any, ...]]:
    named = (PROFILE_READS.c.profile == PROFILE_DIFFERENCES.c.profile) & (
        PROFILE_READS.c.record == DIFFERENCE_READS.c.record
    )
    return (
        select(PROFILE_DIFFERENCES.c.id)
        .join(DIFFERENCE_READS, DIFFERENCE_READS.c.difference == PROFILE_DIFFERENCES.c.difference)
        .join(PROFILE_READS, named, isouter=True)
        .where(PROFILE_DIFFERENCES.c.tenant == tx.tenant)
        .where(DIFFERENCE_READS.c.role == "peer", PROFILE_READS.c.id.is_(None))
    )


def _unwilling(tx: Tx) -> Select[*tuple[Any, ...]]:
    called = select(JOURNAL_READS.c.record).join(JOURNAL, JOURNAL.c.id == JOURNAL_READS.c.call)
    called = called.join(RECORDS, RECORDS.c.id == JOURNAL_READS.c.record).where(RECORDS.c.user != JOURNAL.c.user)
    made = (_peers_read(tx, table) for table in (DIFFERENCE_READS, PROFILE_READS))
    read = union_all(*made, called.where(JOURNAL.c.tenant == tx.tenant)).subquery()
    of_users = select(read.c.record).join(RECORDS, RECORDS.c.id == read.c.record)
    return of_users.join(USERS, USERS.c.id == RECORDS.c.user).where(~USERS.c.peer)


def _peers_read(tx: Tx, table: Table) -> Select[*tuple[Any, ...]]:
    return select(table.c.record).where(table.c.tenant == tx.tenant, table.c.role == "peer")


def _users_not_in_table(tx: Tx) -> dict[str, Select[*tuple[Any, ...]]]:
    """Rows that refer to another tenant's."""
    found = dict[str, Select[*tuple[Any, ...]]]()
    for table in METADATA.sorted_tables:
        for key in table.foreign_keys:
            named = key.column.table.alias()
            if key.column.table.name != "tenants":
                crossing = select(table.c.id).join(named, named.c.id == key.parent)
                what = f"rows of {table.name} that name {key.column.table.name} of another tenant"
                found[what] = crossing.where(table.c.tenant == tx.tenant, named.c.tenant != tx.tenant)
    return found


def _sealed_for_others(tx: Tx) -> dict[str, int]:
    """What is sealed under other keys than those of the people it reads."""
    own = select(PROFILES.c.id, PROFILES.c.user).where(PROFILES.c.tenant == tx.tenant)
    return {
        "differences sealed for other people than those they read": _misaddressed(
            tx, DIFFERENCES, _readers(tx, DIFFERENCE_READS.c.difference)
        ),
        "profiles sealed for other people than those they read": _misaddressed(
            tx, PROFILES, _readers(tx, PROFILE_READS.c.profile), own
        ),
        "calls sealed for other people than those they read": _misaddressed(
            tx, JOURNAL, _readers(tx, JOURNAL_READS.c.call), *_others_in_calls(tx)
        ),
    }


def _others_in_calls(tx: Tx) -> tuple[Select[*tuple[Any, ...]], ...]:
    """People of calls beside those of their records: for whom they were made, and who is behind profiles and items."""
    behind = select(JOURNAL.c.id, RECORDS.c.user).join(PROFILE_READS, PROFILE_READS.c.profile == JOURNAL.c.profile)
    behind = behind.join(RECORDS, RECORDS.c.id == PROFILE_READS.c.record)
    described = select(JOURNAL.c.id, JOURNAL_SOURCES.c.user).join(
        JOURNAL_SOURCES, JOURNAL_SOURCES.c.call == JOURNAL.c.id
    )
    found = (select(JOURNAL.c.id, JOURNAL.c.user), behind, described)
    return tuple(query.where(JOURNAL.c.tenant == tx.tenant) for query in found)


def _readers(tx: Tx, maker: Column[Any]) -> Select[*tuple[Any, ...]]:
    read = select(maker, RECORDS.c.user).join(RECORDS, RECORDS.c.id == maker.table.c.record)
    return read.where(maker.table.c.tenant == tx.tenant)


def _misaddressed(tx: Tx, table: Table, *readers: Select[*tuple[Any, ...]]) -> int:
    people: dict[int, set[int]] = {}
    for query in readers:
        for number, user in tx.conn.execute(query.execution_options(yield_per=_AT_ONCE)):
            people.setdefault(number, set()).add(user)
    addressed = tx.conn.execute(select(table.c.id, table.c.people).where(table.c.tenant == tx.tenant))
    return sum(people.get(number, set()) != set(named) for number, named in addressed)


Sealed = tuple[Sequence[int], bytes, str]
"""Whose keys open a value, the value, and the place it is bound to."""


def _unreadable(tx: Tx) -> dict[str, int]:
    """Sealed texts that do not open."""
    tables: dict[Table, Callable[[Any], Sequence[Sealed]]] = {
        RECORDS: lambda row: [([row.user], row.sealed, records.place_of(tx, row.record_id))],
        DIFFERENCES: lambda row: [(row.people, row.sealed, differences.place_of(tx, row.record))],
        PROFILES: lambda row: [(row.people, row.sealed, profiles.place_of(tx, row.user))],
        PINS: lambda row: [(row.people, row.sealed, profiles.place_of(tx, row.user))],
        JOURNAL: lambda row: _answer_and_prompt(tx, row),
    }
    closed = Counter[str]()
    for table, sealed in tables.items():
        for rows in _some_at_a_time(tx, table):
            closed[table.name] += _n_closed(tx, [one for row in rows for one in sealed(row)])
    return {f"{name} that cannot be opened with the keys that are there": n for name, n in closed.items()}


def _answer_and_prompt(tx: Tx, row: Any) -> Sequence[Sealed]:  # noqa: ANN401 - a row
    values = (row.sealed, journal.place_of(tx, row.key)), (row.prompt, journal.place_of_prompt(tx, row.key))
    return [(row.people, sealed, place) for sealed, place in values if sealed is not None]


def _some_at_a_time(tx: Tx, table: Table) -> Iterator[Sequence[Any]]:
    query = select(table).where(table.c.tenant == tx.tenant).execution_options(yield_per=_AT_ONCE)
    return tx.conn.execute(query).partitions()


def _n_closed(tx: Tx, sealed: Sequence[Sealed]) -> int:
    with suppress(KeyError, InputError):  # read all keys at once; if one does not open, each value is checked by itself
        tx.keys.of_users(tx.conn, {user for people, _, _ in sealed for user in people})
    return sum(not _opens(tx, *one) for one in sealed)


def _opens(tx: Tx, people: Sequence[int], sealed: bytes, place: str) -> bool:
    try:
        tx.keys.unseal(tx.conn, people, sealed, place)
    except (KeyError, InputError):
        return False
    return True


def _damaged(tx: Tx) -> dict[str, int]:
    """What SQLite finds wrong with its file; PostgreSQL has checksums of its own."""
    if tx.conn.dialect.name != "sqlite":
        return {}
    lines = tx.conn.exec_driver_sql("pragma quick_check").scalars().all()
    return {"damaged places of the file": sum(line != "ok" for line in lines)}
