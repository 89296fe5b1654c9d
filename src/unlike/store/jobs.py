"""Work to be done, in the same database as what it is about, so that both are committed together.

A job is taken under a lease and may be taken again when the lease runs out: work happens at least once. Its effects
happen once, because they are committed together with the end of the job, and only while the lease is still held.
"""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Row,
    and_,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    true,
    update,
)

from unlike.store.batches import batches
from unlike.store.database import Store, Tenant, Tx
from unlike.store.tables import ITEMS, JOBS, RECORDS, TENANTS, USERS

Kind = Literal["cluster", "build"]
MAX_ATTEMPTS = 5
FIRST_PAUSE_MS = 2_000
CLAIMING = 0x6A6F6273
"""PostgreSQL's advisory lock under which jobs are taken."""


class LeaseLost(Exception):
    """Another worker has this job now; what was done for it must not count."""


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work under a lease.

    Attributes:
        subject: Number of the item to cluster, or of the user whose profile to build.
        lease: Names who holds it.
        outages: How often in a row it was postponed because an LLM or encoder did not answer.
    """

    number: int
    tenant: Tenant
    kind: Kind
    subject: int
    lease: str
    attempts: int
    outages: int


@dataclass(frozen=True, slots=True)
class Scope:
    """The jobs that the profiles of some users need: to build these, and to cluster the items of their records.

    Attributes:
        tenant: Number of their tenant.
        users: Their numbers; None for all jobs of the tenant.
    """

    tenant: int
    users: tuple[int, ...] | None = None

    @property
    def condition(self) -> ColumnElement[bool]:
        """Selects these jobs."""
        if self.users is None:
            return JOBS.c.tenant == self.tenant
        items = select(RECORDS.c.item).where(RECORDS.c.tenant == self.tenant, RECORDS.c.user.in_(self.users))
        builds = (JOBS.c.kind == "build") & JOBS.c.subject.in_(self.users)
        return (JOBS.c.tenant == self.tenant) & or_(builds, (JOBS.c.kind == "cluster") & JOBS.c.subject.in_(items))


def enqueue(tx: Tx, kind: Kind, subjects: Sequence[int], run_at_ms: int) -> None:
    """Queue jobs; one that waits already is not queued twice, and runs at the earlier of both times."""
    if not subjects:
        return
    insert = tx.insert(JOBS)
    earlier = case((insert.excluded.run_at_ms < JOBS.c.run_at_ms, insert.excluded.run_at_ms), else_=JOBS.c.run_at_ms)
    asked = insert.on_conflict_do_update(
        index_elements=["tenant", "kind", "subject"],
        index_where=text("state = 'waiting'"),
        set_={"run_at_ms": earlier},
    )
    facts = {"tenant": tx.tenant, "kind": kind, "state": "waiting", "run_at_ms": run_at_ms, "created_ms": tx.now_ms}
    unclaimed = {"lease": "", "lease_until_ms": 0, "attempts": 0, "outages": 0, "error": ""}
    tx.conn.execute(asked, [facts | unclaimed | {"subject": subject} for subject in sorted(set(subjects))])


def claim(store: Store, n: int, lease_s: float, scope: Scope | None = None) -> list[Job]:
    """Take at most n jobs that are due, of all tenants; no two of them, nor any other taken one, have one subject.

    A job whose lease ran out at its last attempt fails: every worker that took it has died.

    Args:
        store: With the jobs.
        n: Maximum number.
        lease_s: After this time another worker may take them.
        scope: Take only these; None for any.
    """
    now = store.now_ms()
    with store.connection(writes=False) as conn:  # without a write lock, which most calls do not need
        if conn.scalar(select(JOBS.c.id).where(_due(now, scope)).limit(1)) is None:
            return []
    lease = secrets.token_hex(16)
    with store.connection(writes=True, durable=False) as conn:
        if (
            conn.dialect.name == "postgresql"
        ):  # so that each claim sees the one before; SQLite has one writer at a time anyway
            conn.execute(select(func.pg_advisory_xact_lock(CLAIMING)))
        _give_up(conn, now)
        rows = _first_due(conn, now, n, scope)
        held = update(JOBS).where(JOBS.c.id.in_([row.id for row in rows]))
        until = now + int(lease_s * 1000)
        conn.execute(held.values(state="running", lease=lease, lease_until_ms=until, attempts=JOBS.c.attempts + 1))
    return [
        Job(row.id, Tenant(store, row.tenant, row.name), row.kind, row.subject, lease, row.attempts + 1, row.outages)
        for row in rows
    ]


def _within(scope: Scope | None) -> ColumnElement[bool]:
    return true() if scope is None else scope.condition


def _due(now_ms: int, scope: Scope | None) -> ColumnElement[bool]:
    """Due or left by a dead worker, while no other running job has the same subject."""
    other = JOBS.alias("other")
    taken = exists().where(
        other.c.tenant == JOBS.c.tenant,
        other.c.kind == JOBS.c.kind,
        other.c.subject == JOBS.c.subject,
        other.c.state == "running",
        other.c.lease_until_ms > now_ms,
        other.c.id != JOBS.c.id,
    )
    waited = and_(JOBS.c.state == "waiting", JOBS.c.run_at_ms <= now_ms)
    return and_(or_(waited, _left(now_ms)), ~taken, _within(scope))


def _left(now_ms: int) -> ColumnElement[bool]:
    return and_(JOBS.c.state == "running", JOBS.c.lease_until_ms <= now_ms)


def _give_up(conn: Connection, now_ms: int) -> None:
    lost = update(JOBS).where(_left(now_ms), JOBS.c.attempts >= MAX_ATTEMPTS)
    given_up = lost.values(state="failed", lease="", lease_until_ms=0, error="every worker that took it died")
    for row in conn.execute(given_up.returning(JOBS.c.id, JOBS.c.tenant, JOBS.c.kind, JOBS.c.subject)).all():
        conn.execute(_failures(row.tenant, row.kind, row.subject).where(JOBS.c.id != row.id))


def _failures(tenant: int, kind: str, subject: int) -> Delete:
    """Deletes the failed jobs about a subject."""
    same = (JOBS.c.tenant == tenant) & (JOBS.c.kind == kind) & (JOBS.c.subject == subject)
    return delete(JOBS).where(same, JOBS.c.state == "failed")


def _first_due(conn: Connection, now_ms: int, n: int, scope: Scope | None) -> list[Row[*tuple[Any, ...]]]:
    """At most n jobs that are due, one of each subject: shared equally among tenants, those with the fewest running jobs first.

    So a thousand waiting jobs of one tenant delay another tenant's by no more than one round.
    """
    found: dict[tuple[int, str, int], Row[*tuple[Any, ...]]] = {}
    tenants = [scope.tenant] if scope else _tenants_with_work(conn, now_ms, n)
    for place, tenant in enumerate(tenants):
        share = -(-(n - len(found)) // (len(tenants) - place))
        query = select(JOBS, TENANTS.c.name).join(TENANTS, TENANTS.c.id == JOBS.c.tenant)
        mine = (JOBS.c.tenant == tenant) & JOBS.c.state.in_(("waiting", "running"))
        due = query.where(mine, _due(now_ms, scope)).order_by(JOBS.c.run_at_ms, JOBS.c.id)
        for row in conn.execute(due.limit(share).with_for_update(skip_locked=True, of=JOBS)):
            found.setdefault((row.tenant, row.kind, row.subject), row)
    return list(found.values())


def _tenants_with_work(conn: Connection, now_ms: int, n: int) -> list[int]:
    """At most n tenants with due jobs, those with the fewest running jobs first, then those who have waited longest."""
    of_tenant = JOBS.c.tenant == TENANTS.c.id
    waits = select(func.min(JOBS.c.run_at_ms)).where(of_tenant, JOBS.c.state == "waiting", JOBS.c.run_at_ms <= now_ms)
    running = select(func.count()).where(of_tenant, JOBS.c.state == "running", JOBS.c.lease_until_ms > now_ms)
    left = select(JOBS.c.id).where(of_tenant, _left(now_ms)).exists()
    since = waits.scalar_subquery()
    found = select(TENANTS.c.id).where(or_(since.is_not(None), left))
    return list(conn.scalars(found.order_by(running.scalar_subquery(), since, TENANTS.c.id).limit(n)))


def wait_s(store: Store, scope: Scope | None = None) -> float | None:
    """Seconds until the next job (of the scope) is due, not above 0 where one is; None where nothing waits or runs."""
    next_ms = case((JOBS.c.state == "waiting", JOBS.c.run_at_ms), else_=JOBS.c.lease_until_ms)
    with store.connection(writes=False) as conn:
        first = conn.scalar(select(func.min(next_ms)).where(JOBS.c.state != "failed", _within(scope)))
    return None if first is None else (first - store.now_ms()) / 1000


def finish(tx: Tx, job: Job) -> None:
    """End a job that is done, and forget earlier failures of the same work; to be called in the transaction of its effects.

    Raises:
        LeaseLost: Another worker has it by now; the caller's transaction is rolled back.
    """
    _end(tx, job)
    tx.conn.execute(_failures(tx.tenant, job.kind, job.subject))


def _end(tx: Tx, job: Job) -> None:
    if tx.conn.execute(delete(JOBS).where(JOBS.c.id == job.number, JOBS.c.lease == job.lease)).rowcount != 1:
        raise LeaseLost


def hold(tx: Tx, job: Job, lease_s: float) -> None:
    """Hold a job longer.

    Raises:
        LeaseLost: Another worker has it by now.
    """
    held = update(JOBS).where(JOBS.c.id == job.number, JOBS.c.lease == job.lease)
    if tx.conn.execute(held.values(lease_until_ms=tx.now_ms + int(lease_s * 1000))).rowcount != 1:
        raise LeaseLost


def fail(tx: Tx, job: Job, error: str) -> None:
    """Note that a job failed: it is tried again after a growing pause, and given up after some attempts.

    Of each subject only the last failure is kept.

    Args:
        tx: An open transaction.
        job: Under the caller's lease.
        error: Why, without any user's text.

    Raises:
        LeaseLost: Another worker has it by now.
    """
    if job.attempts >= MAX_ATTEMPTS:
        tx.conn.execute(_failures(tx.tenant, job.kind, job.subject))
        _release(tx, job, state="failed", error=error[:500])
    else:
        _wait_again(tx, job, FIRST_PAUSE_MS * 2 ** (job.attempts - 1), error=error[:500], outages=0)


def postpone(tx: Tx, job: Job, pause_s: float, reason: str, outages: int = 0) -> None:
    """Postpone a job for a reason that is not its own; this attempt does not count.

    Args:
        tx: An open transaction.
        job: Under the caller's lease.
        pause_s: How long.
        reason: Why, without any user's text.
        outages: How often in a row it was postponed because an LLM or encoder did not answer, with this time.

    Raises:
        LeaseLost: Another worker has it by now.
    """
    _wait_again(tx, job, int(pause_s * 1000), error=reason, attempts=job.attempts - 1, outages=outages)


def run_now(tx: Tx, reason: str) -> None:
    """Make due now the jobs that were postponed for a reason that begins with this text."""
    postponed = (JOBS.c.tenant == tx.tenant) & (JOBS.c.state == "waiting") & JOBS.c.error.startswith(reason)
    tx.conn.execute(update(JOBS).where(postponed, JOBS.c.run_at_ms > tx.now_ms).values(run_at_ms=tx.now_ms))


def hurry(tx: Tx, scope: Scope) -> None:
    """Make the waiting jobs of a scope due now, clusterings before builds.

    Those that wait for a reason stay as they are, except those that waited for an LLM or encoder that did not answer.
    """
    free = (JOBS.c.error == "") | (JOBS.c.outages > 0)
    waits = scope.condition & (JOBS.c.state == "waiting") & free
    first = case((JOBS.c.kind == "cluster", tx.now_ms - 1), else_=tx.now_ms)
    tx.conn.execute(update(JOBS).where(waits, JOBS.c.run_at_ms >= first).values(run_at_ms=first))


def retry(tx: Tx) -> None:
    """Queue the tenant's failed jobs again, and make due now those that wait for an LLM or encoder that did not answer.

    A failure is forgotten when the same work succeeds, or replaced when it fails again.
    """
    failed_or_waiting = (JOBS.c.state == "failed") | ((JOBS.c.state == "waiting") & (JOBS.c.outages > 0))
    chosen = select(JOBS.c.subject).where(JOBS.c.tenant == tx.tenant, failed_or_waiting)
    due: dict[Kind, int] = {"cluster": tx.now_ms - 1, "build": tx.now_ms}
    for kind, run_at_ms in due.items():
        enqueue(tx, kind, tx.conn.scalars(chosen.where(JOBS.c.kind == kind)).all(), run_at_ms)


def first_waiting(tx: Tx, kind: Kind, n: int) -> list[int]:
    """Subjects of the n jobs of a kind that are due first."""
    waiting = select(JOBS.c.subject).where(JOBS.c.tenant == tx.tenant, JOBS.c.kind == kind, JOBS.c.state == "waiting")
    return list(tx.conn.scalars(waiting.order_by(JOBS.c.run_at_ms, JOBS.c.id).limit(n)))


def subjects(tx: Tx, kind: Kind) -> set[int]:
    """Subjects of all jobs of a kind, also of those that run or failed."""
    return set(tx.conn.scalars(select(JOBS.c.subject).where(JOBS.c.tenant == tx.tenant, JOBS.c.kind == kind)))


def n_left(store: Store, scope: Scope | None = None) -> Counter[Kind]:
    """How many jobs of each kind, of all tenants (or of the scope), wait or run."""
    with store.connection(writes=False) as conn:
        left = select(JOBS.c.kind, func.count()).where(JOBS.c.state != "failed", _within(scope))
        return Counter({kind: n for kind, n in conn.execute(left.group_by(JOBS.c.kind))})


def _wait_again(tx: Tx, job: Job, pause_ms: int, **changes: str | int) -> None:
    """Queue a job again; if the same work is waiting already, end this job instead."""
    same = (JOBS.c.tenant == tx.tenant) & (JOBS.c.kind == job.kind) & (JOBS.c.subject == job.subject)
    if tx.conn.scalar(select(JOBS.c.id).where(same, JOBS.c.state == "waiting")):
        _end(tx, job)
    else:
        _release(tx, job, state="waiting", run_at_ms=tx.now_ms + pause_ms, **changes)


def _release(tx: Tx, job: Job, **changes: str | int) -> None:
    held = update(JOBS).where(JOBS.c.id == job.number, JOBS.c.lease == job.lease)
    if tx.conn.execute(held.values(lease="", lease_until_ms=0, **changes)).rowcount != 1:
        raise LeaseLost


def unfinished(tx: Tx, kind: Kind, subjects: Sequence[int]) -> bool:
    """Whether work about some of these subjects is due or under way."""
    pending = or_(JOBS.c.state == "running", and_(JOBS.c.state == "waiting", JOBS.c.run_at_ms <= tx.now_ms))
    found = select(JOBS.c.id).where(JOBS.c.tenant == tx.tenant, JOBS.c.kind == kind, pending).limit(1)
    return any(tx.conn.scalar(found.where(JOBS.c.subject.in_(batch))) is not None for batch in batches(subjects))


def listed(tx: Tx, state: str = "", offset: int = 0, limit: int = 50, scope: Scope | None = None) -> Sequence[Row[Any]]:
    """Jobs of a state (all for ""), the next due first, with ``user_id`` of a build and ``item_id`` of a clustering."""
    chosen = (scope or Scope(tx.tenant)).condition
    named = (
        select(JOBS, USERS.c.user_id, ITEMS.c.item_id)
        .join(USERS, (JOBS.c.kind == "build") & (USERS.c.id == JOBS.c.subject), isouter=True)
        .join(ITEMS, (JOBS.c.kind == "cluster") & (ITEMS.c.id == JOBS.c.subject), isouter=True)
        .where(chosen & (JOBS.c.state == state) if state else chosen)
    )
    return tx.conn.execute(named.order_by(JOBS.c.run_at_ms, JOBS.c.id).offset(offset).limit(limit)).all()


def drop(tx: Tx, kind: Kind, subjects: Sequence[int]) -> int:
    """Delete all jobs about some subjects."""
    doomed = delete(JOBS).where(JOBS.c.tenant == tx.tenant, JOBS.c.kind == kind, JOBS.c.subject.in_(subjects))
    return tx.conn.execute(doomed).rowcount


def counts(conn: Connection, scope: Scope | None = None) -> dict[str, int]:
    """How many jobs, of all tenants or of the scope, are in each state."""
    rows = conn.execute(select(JOBS.c.state, func.count()).where(_within(scope)).group_by(JOBS.c.state))
    return {state: n for state, n in rows}
