"""Jobs: at least once, effects once, and never two workers on one subject."""

import threading

import pytest
from sqlalchemy import func, select

from tests.store.rows import put, row, users
from unlike.store import jobs
from unlike.store.jobs import FIRST_PAUSE_MS, MAX_ATTEMPTS, LeaseLost
from unlike.store.tables import JOBS

LEASE_S = 10.0


class Clock:
    """A time that passes when it is told to."""

    def __init__(self, store):
        self.now_ms = 1_000_000
        store.now_ms = lambda: self.now_ms

    def passes(self, seconds):
        self.now_ms += int(seconds * 1000)


@pytest.fixture
def clock(store):
    return Clock(store)


def ask(tenant, *subjects, kind="build", in_s=0.0):
    with tenant.write() as tx:
        jobs.enqueue(tx, kind, subjects, tx.now_ms + int(in_s * 1000))


def taken(store, n=9):
    return jobs.claim(store, n, LEASE_S)


def end(job):
    with job.tenant.write() as tx:
        jobs.finish(tx, job)


def fail(job, error="broken"):
    with job.tenant.write() as tx:
        jobs.fail(tx, job, error)


def listed(tx, state="", **page):
    return jobs.listed(tx, state, **page)


def states(tenant):
    with tenant.read() as tx:
        return jobs.counts(tx.conn, jobs.Scope(tx.tenant))


def test_due_work_is_taken_once_in_the_order_it_is_due(store, tenant, clock):
    ask(tenant, 1, in_s=0.002)
    ask(tenant, 2, in_s=0.001)
    ask(tenant, 3, in_s=5)
    assert taken(store) == []
    clock.passes(1)
    found = taken(store)
    assert [(job.kind, job.subject, job.attempts, job.tenant.name) for job in found] == [
        ("build", 2, 1, "acme"),
        ("build", 1, 1, "acme"),
    ]
    assert taken(store) == []
    assert states(tenant) == {"running": 2, "waiting": 1}
    for job in found:
        end(job)
    assert states(tenant) == {"waiting": 1}


def test_at_most_n_are_taken(store, tenant, clock):
    ask(tenant, *range(5))
    assert [len(taken(store, 2)) for _ in range(4)] == [2, 2, 1, 0]


def test_asking_again_makes_it_earlier_but_not_twice(store, tenant, clock):
    ask(tenant, 1, 1, in_s=60)
    ask(tenant, 1, in_s=1)
    ask(tenant, 1, in_s=30)
    ask(tenant)
    clock.passes(1)
    assert [job.subject for job in taken(store)] == [1]
    assert states(tenant) == {"running": 1}


def test_what_is_asked_for_during_the_work_is_done_after_it(store, tenant, clock):
    ask(tenant, 1)
    (first,) = taken(store)
    ask(tenant, 1)
    assert taken(store) == []
    end(first)
    (second,) = taken(store)
    assert second.number != first.number


def test_kinds_and_tenants_do_not_stand_in_each_others_way(store, tenant, clock):
    ask(tenant, 1)
    ask(tenant, 1, kind="cluster")
    ask(store.tenant("other"), 1)
    assert {(job.tenant.name, job.kind) for job in taken(store)} == {
        ("acme", "build"),
        ("acme", "cluster"),
        ("other", "build"),
    }


def test_a_lost_worker_s_job_is_taken_again_and_counts_once(store, tenant, clock):
    ask(tenant, 1)
    (lost,) = taken(store)
    clock.passes(LEASE_S + 1)
    (again,) = taken(store)
    assert (again.number, again.attempts) == (lost.number, 2)
    with pytest.raises(LeaseLost), tenant.write() as tx:
        tx.conn.execute(JOBS.insert().values({**waiting(tenant), "subject": 77}))  # the effects of the lost worker
        jobs.finish(tx, lost)
    end(again)
    assert states(tenant) == {}


def test_of_one_subject_a_left_job_and_a_waiting_one_are_not_taken_together(store, tenant, clock):
    ask(tenant, 1)
    (lost,) = taken(store)
    ask(tenant, 1)
    clock.passes(LEASE_S + 1)
    (again,) = taken(store)
    assert again.number == lost.number
    assert taken(store) == []


def test_holding_a_job_longer(store, tenant, clock):
    ask(tenant, 1)
    (job,) = taken(store)
    clock.passes(LEASE_S - 1)
    with tenant.write() as tx:
        jobs.hold(tx, job, LEASE_S)
    clock.passes(LEASE_S - 1)
    assert taken(store) == []
    clock.passes(2)
    (again,) = taken(store)
    for late in (lambda tx: jobs.hold(tx, job, LEASE_S), lambda tx: jobs.fail(tx, job, "late")):
        with pytest.raises(LeaseLost), tenant.write() as tx:
            late(tx)
    end(again)


def test_failing_again_and_again(store, tenant, clock):
    ask(tenant, 1)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        (job,) = taken(store)
        assert job.attempts == attempt
        fail(job, f"broken {attempt}")
        if attempt < MAX_ATTEMPTS:
            pause_s = FIRST_PAUSE_MS * 2 ** (attempt - 1) / 1000
            clock.passes(pause_s - 0.001)
            assert taken(store) == []
            clock.passes(0.001)
    clock.passes(10**6)
    assert taken(store) == []
    with tenant.read() as tx:
        assert [(kept.state, kept.error) for kept in listed(tx)] == [("failed", f"broken {MAX_ATTEMPTS}")]
    ask(tenant, 1)
    assert [job.attempts for job in taken(store)] == [1]


def fail_for_good(store, tenant, clock):
    ask(tenant, 1)
    for _ in range(MAX_ATTEMPTS):
        (job,) = taken(store)
        fail(job)
        clock.passes(10**4)
    return job.number


def test_of_one_subject_only_the_last_failure_is_kept_and_success_ends_it(store, tenant, clock):
    fail_for_good(store, tenant, clock)
    last = fail_for_good(store, tenant, clock)
    with tenant.read() as tx:
        assert [kept.id for kept in listed(tx, "failed")] == [last]
    ask(tenant, 1)
    for _ in range(MAX_ATTEMPTS):
        (job,) = taken(store)
        clock.passes(LEASE_S + 1)
    assert taken(store) == []
    with tenant.read() as tx:
        assert [kept.id for kept in listed(tx, "failed")] == [job.number]
    ask(tenant, 1)
    ask(tenant, 1, kind="cluster")
    for job in taken(store):
        end(job)
    assert states(tenant) == {}


def test_workers_that_never_come_back_are_not_sent_for_ever(store, tenant, clock):
    ask(tenant, 1)
    for _ in range(MAX_ATTEMPTS):
        assert len(taken(store)) == 1
        clock.passes(LEASE_S + 1)
    assert taken(store) == []
    with tenant.read() as tx:
        (kept,) = listed(tx, "failed")
    assert kept.error == "every worker that took it died"


def test_where_the_same_work_waits_a_failed_job_just_ends(store, tenant, clock):
    ask(tenant, 1)
    (job,) = taken(store)
    ask(tenant, 1, in_s=7)
    fail(job)
    with tenant.read() as tx:
        assert [(kept.state, kept.attempts) for kept in listed(tx)] == [("waiting", 0)]


def test_putting_off_does_not_count(store, tenant, clock):
    ask(tenant, 1)
    for _ in range(MAX_ATTEMPTS + 2):
        (job,) = taken(store)
        with tenant.write() as tx:
            jobs.postpone(tx, job, 3.0, "the engine is down")
        clock.passes(3)
    (job,) = taken(store)
    assert job.attempts == 1


def test_dropping_work_takes_it_from_its_worker(store, tenant, clock):
    ask(tenant, 1, 2)
    first, _ = taken(store)
    ask(tenant, 1)
    with tenant.write() as tx:
        assert jobs.unfinished(tx, "build", [1])
        assert jobs.drop(tx, "build", [1]) == 2
        assert not jobs.unfinished(tx, "build", [1])
    with pytest.raises(LeaseLost):
        end(first)
    assert states(tenant) == {"running": 1}


def test_how_long_to_wait(store, tenant, clock):
    assert jobs.wait_s(store) is None
    ask(tenant, 1, in_s=4)
    assert jobs.wait_s(store) == 4.0
    clock.passes(5)
    assert jobs.wait_s(store) == -1.0
    (job,) = taken(store)
    assert jobs.wait_s(store) == LEASE_S
    with tenant.write() as tx:
        assert not jobs.unfinished(tx, "cluster", [1])
        jobs.fail(tx, job, "x")
    assert jobs.wait_s(store) == FIRST_PAUSE_MS / 1000


def test_a_list_a_page_at_a_time(store, tenant, clock):
    ask(tenant, *range(5), in_s=1)
    ask(store.tenant("other"), 99)
    with tenant.read() as tx:
        assert [kept.subject for kept in listed(tx, offset=1, limit=2)] == [1, 2]
        assert jobs.listed(tx, "running") == []


def test_one_claim_waits_for_another(store, tenant):
    """Who looks before the other's claim is committed would take the second job of the same subject."""
    ask(tenant, 1)
    found = []
    with store.connection(writes=True) as conn:
        if conn.dialect.name == "postgresql":
            conn.execute(select(func.pg_advisory_xact_lock(jobs.CLAIMING)))
        claimer = threading.Thread(target=lambda: found.extend(taken(store)))
        claimer.start()
        claimer.join(0.1)
        assert claimer.is_alive()
    claimer.join(240)
    assert [job.subject for job in found] == [1]


def test_workers_in_threads_never_share_a_subject(store, tenant):
    """Each subject has a job that its worker left and one that waits; four workers take one at a time."""
    put(tenant, *(row(f"u{n}") for n in range(12)))
    subjects = sorted(users(tenant).values())
    ask(tenant, *subjects)
    left = jobs.claim(store, 99, lease_s=-1)
    ask(tenant, *subjects)
    held, done, wrong, guard, start = set(), [], [], threading.Lock(), threading.Barrier(4)

    def work():
        start.wait()
        while len(done) < 2 * len(subjects) and not wrong:
            for job in jobs.claim(store, 1, 60.0):
                with guard:
                    wrong.extend({job.subject} & held)
                    held.add(job.subject)
                states(job.tenant)  # the work
                with guard:
                    held.remove(job.subject)
                end(job)
                done.append(job.number)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(240)
    assert wrong == []
    assert len(left) == len(subjects) and len(done) == len(set(done)) == 2 * len(subjects)


def waiting(tenant):
    facts = {"kind": "build", "state": "waiting", "run_at_ms": 0, "lease_until_ms": 0, "lease": "", "attempts": 0}
    return facts | {"tenant": tenant.id, "error": "", "created_ms": 0}


def test_one_tenant_s_thousand_jobs_do_not_delay_another_s(store):
    """Before, 700 waiting builds of one tenant delayed another's by 8 s."""
    many, few = store.tenant("many"), store.tenant("few")
    put(many, *(row(f"u{n}") for n in range(200)))
    put(few, row("ann"))
    for tenant in (many, few):
        with tenant.write() as tx:
            jobs.enqueue(tx, "build", [*users(tenant).values()], 0)
    assert [job.tenant.name for job in jobs.claim(store, 4, 60.0)].count("few") == 1
    with few.write() as tx:
        jobs.enqueue(tx, "cluster", [1], 0)
    assert jobs.claim(store, 1, 60.0)[0].tenant == few, "who has least under way comes first"
    assert len(jobs.claim(store, 8, 60.0)) == 8, "and nobody waits while there is work"
