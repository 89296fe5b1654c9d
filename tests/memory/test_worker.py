"""Whatever happens to a job, the worker goes on; no effect is had twice, and no error holds a user's words."""

import asyncio
import logging

import pytest

from tests.memory.clock import NOW_MS, Clock, once
from tests.memory.test_erase import CANARY, echoes, with_canary
from tests.memory.town import faults, job_rows, lived_in, made_with, memory_of, number_of, opened, row, settle, town
from tests.store.rows import BOTH
from unlike.errors import Busy, CallFailed, EngineError, InputError, NoAnswer
from unlike.llm.scripted import ScriptedBackend
from unlike.memory import worker
from unlike.memory.profile_sources import PAUSE_S
from unlike.memory.settings import Refresh
from unlike.memory.worker import build_due, work, work_off, work_once
from unlike.privacy.keys import MasterKey
from unlike.store import jobs, profiles
from unlike.store.database import Store
from unlike.store.rotate import rotate
from unlike.store.tables import PROFILES


def failing(error):
    def answer(_messages, _sampling):
        raise error

    return ScriptedBackend(answer, name="failing")


OUTAGES = [EngineError("unreachable"), NoAnswer("unreachable: timed out"), Busy("unreachable: answered 429")]


def run(work):
    return asyncio.run(work)


def builds(memory):
    return [job for job in job_rows(memory) if job.kind == "build"]


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
def test_work_is_put_off_while_the_engine_is_down(in_sqlite, error):
    clock = Clock(in_sqlite)
    down = memory_of(in_sqlite, failing(error))
    run(down.add(town(), BOTH))
    clock.work(down)
    for outages in range(1, 2 * jobs.MAX_ATTEMPTS):  # however long it takes, it is never given up
        assert {(job.state, job.attempts, job.outages) for job in builds(down)} == {("waiting", 0, outages)}
        pause_s = min(worker.ENGINE_PAUSE_S * 2 ** (outages - 1), worker.MAX_ENGINE_PAUSE_S)
        due_ms = clock.ms + pause_s * 1000  # or as long before as the clustering beside it kept it waiting
        assert all(due_ms - PAUSE_S * 1000 <= job.run_at_ms <= due_ms for job in builds(down))
        assert clock.work(down) == 0
        clock.later(pause_s)
        once(down)
    up = memory_of(in_sqlite)
    clock.later(worker.MAX_ENGINE_PAUSE_S)
    clock.work(up)
    assert not job_rows(up) and run(up.profile("ann")).statements and not faults(up)


def test_a_job_that_alone_gets_no_answer_is_given_up(in_sqlite):
    """Its prompt may take longer than a call may; asked for ever, it would keep a place of the LLM busy."""
    clock, n_asked = Clock(in_sqlite), 0

    def answer(messages, _sampling):
        nonlocal n_asked
        if "poisoned" in str(messages):
            n_asked += 1
            raise NoAnswer("timed out")
        return "Answers, with a number: 7."

    memory = memory_of(in_sqlite, ScriptedBackend(answer, name="slow"))
    run(memory.add([row("ann", "tea", "poisoned words"), row("ann", "bread", "more poisoned words")], BOTH))
    clock.work(memory)
    for number in range(40):
        run(memory.add([row(f"u{number}", f"a{number}"), row(f"u{number}", f"b{number}")], BOTH))  # others get answers
        clock.later(worker.MAX_ENGINE_PAUSE_S)
        clock.work(memory)
        if run(memory.jobs("failed")).rows:
            break
    (job,) = run(memory.jobs("failed")).rows
    assert job.user_id == "ann" and "did not answer" in job.error
    n_before = n_asked
    clock.later(10**6)
    clock.work(memory)
    assert n_asked == n_before >= worker.MAX_OUTAGES
    assert run(memory.profile("u0")).statements


def test_answers_before_an_outage_are_not_asked_for_again(in_sqlite):
    """The endpoint goes down after some calls; after it a job asks only for what it lacks, and may fail as often as before."""
    clock, answered = Clock(in_sqlite), []

    def answer(messages, _sampling):
        if not 4 <= len(answered) <= 6:
            answered.append(str(messages))
            return f"Answer {len(answered)} of all."
        answered.append("")
        raise NoAnswer("answered 500")

    memory = memory_of(in_sqlite, ScriptedBackend(answer, name="breaks"))
    run(memory.add(town(), BOTH))
    for _ in range(4):
        clock.work(memory)
        clock.later(worker.MAX_ENGINE_PAUSE_S)
    asked = [messages for messages in answered if messages]
    assert len(set(asked)) == len(asked) > 4 and answered.count("") == 3
    assert not job_rows(memory) and run(memory.profile("ann")).statements and not faults(memory)


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
def test_whoever_works_off_is_told_that_the_engine_is_down(in_sqlite, error):
    memory = memory_of(in_sqlite, failing(error))
    run(memory.add(town(), BOTH))
    with pytest.raises(EngineError, match="unreachable"):
        settle(memory)
    assert {job.state for job in builds(memory)} == {"waiting"}
    up = memory_of(in_sqlite)
    assert run(build_due(up)) > 0 and not job_rows(up), "who asks for it does not wait until the pause is over"


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
def test_items_that_were_clustered_say_nothing_about_the_llm(error):
    clustered, built, failed = ("cluster", None), ("build", None), ("build", error)
    assert "unreachable" in str(worker._unusable([clustered, failed, failed])), "it ends at once"
    one_answered = worker._unusable([clustered, failed, built])
    assert (one_answered is None) is not isinstance(error, EngineError)
    assert worker._unusable([clustered, built]) is None is worker._unusable([])


def test_a_call_that_fails_is_tried_again_and_given_up_in_the_end(in_sqlite):
    clock, asked_ms = Clock(in_sqlite), []

    def answer(_messages, _sampling):
        asked_ms.append(clock.ms)  # the first time now, or later if the clustering beside it was slower
        raise CallFailed("no")

    memory = memory_of(in_sqlite, ScriptedBackend(answer, name="failing"))
    run(memory.add([row("ann", "tea"), row("ann", "bread")], BOTH))
    clock.work(memory)
    for attempt in range(1, jobs.MAX_ATTEMPTS):
        (job,) = builds(memory)
        assert (job.state, job.attempts) == ("waiting", attempt)
        assert job.run_at_ms == asked_ms[-1] + jobs.FIRST_PAUSE_MS * 2 ** (attempt - 1)
        clock.ms = job.run_at_ms
        once(memory)
    (job,) = run(memory.jobs("failed")).rows
    assert (job.kind, job.attempts) == ("build", jobs.MAX_ATTEMPTS) and "gave no usable answer" in job.error
    clock.later(10**6)
    assert once(memory) == 0
    # A new record is a new start.
    up = memory_of(in_sqlite)
    run(up.add([row("ann", "soup")]))
    clock.work(up)
    assert run(up.profile("ann")).statements and not faults(up)


@pytest.mark.parametrize(
    "error",
    [
        CallFailed(f"answered 400: {CANARY}", CANARY),
        EngineError(f"401: {CANARY}"),
        ValueError(CANARY),
        KeyError(CANARY),
    ],
)
def test_no_words_are_in_jobs_or_logs(in_sqlite, caplog, error):
    """An endpoint may answer with the prompt it was sent, and an error may hold any words."""
    caplog.set_level(logging.DEBUG)
    clock = Clock(in_sqlite)
    memory = memory_of(in_sqlite, failing(error))
    run(memory.add(with_canary(), BOTH))
    clock.work(memory)
    assert builds(memory) and all(job.error for job in builds(memory))
    assert not any("uokkas" in job.error for job in job_rows(memory)) and "uokkas" not in caplog.text
    assert type(error).__name__ in builds(memory)[0].error


def test_our_own_words_are_told():
    too_long = CallFailed("prompt of step 'summary' does not fit")
    too_long.__cause__ = InputError("prompt of step 'summary' does not fit")
    assert worker.safe_message(too_long) == "prompt of step 'summary' does not fit"
    assert worker.safe_message(InputError("the store is full")) == "the store is full"


def test_a_job_taken_over_has_its_effects_once(store):
    """The first worker is so slow that its lease runs out, and another one does the job."""
    clock = Clock(store)

    class Slow(ScriptedBackend):
        async def complete(self, messages, sampling):
            if not self.calls:
                asked.set()
                await let.wait()
            return await super().complete(messages, sampling)

    asked, let = asyncio.Event(), asyncio.Event()

    async def living():
        slow = memory_of(store, Slow(echoes, name="both"))
        quick = memory_of(store, ScriptedBackend(echoes, name="both"))
        await slow.add([row("ann", "tea"), row("ann", "bread")], BOTH)
        clock.later(0.01)
        first = asyncio.create_task(_until(asked, store, slow, clock))
        await asyncio.wait_for(asked.wait(), 30)
        clock.later(worker.LEASE_S + 1)
        assert await work_once(store, lambda _: quick) >= 1
        assert [version.version for version in (await quick.profile("ann")).versions] == [1]
        let.set()
        await asyncio.wait_for(first, 30)
        return quick

    memory = run(living())
    assert [version.version for version in run(memory.profile("ann")).versions] == [1]
    assert not job_rows(memory) and not faults(memory)


async def _until(asked, store, memory, clock):
    while not asked.is_set():
        await work_once(store, lambda _: memory)
        clock.later(1)


def test_whoever_works_long_holds_the_job_longer(in_sqlite, monkeypatch):
    """A job takes longer than its lease, and nobody else may take it."""

    class Slow(ScriptedBackend):
        async def complete(self, messages, sampling):
            while len(held) < 5:
                assert not jobs.claim(in_sqlite, 9, 60.0), "somebody else could take the job"
                await asyncio.sleep(0.01)
            return await super().complete(messages, sampling)

    held, hold = [], jobs.hold

    def noted(tx, job, lease_s):
        hold(tx, job, lease_s)
        held.append(tx.now_ms)

    monkeypatch.setattr(jobs, "hold", noted)
    memory = memory_of(in_sqlite, Slow(echoes, name="slow"))
    run(memory.add([row("ann", "tea"), row("ann", "bread")], BOTH))

    async def working():
        while await asyncio.to_thread(jobs.wait_s, in_sqlite) is not None:
            await work_once(in_sqlite, lambda _: memory, lease_s=1.0)

    run(asyncio.wait_for(working(), 60))
    assert held[-1] - held[0] > 1_000 and run(memory.profile("ann")).version == 1


def test_two_workers_do_each_job_once(store):
    llms = [ScriptedBackend(echoes, name="one of two") for _ in range(2)]
    memories = [memory_of(store, llm) for llm in llms]
    run(memories[0].add(with_canary(), BOTH))

    async def working():
        return await asyncio.gather(*(work_off(store, lambda _, m=memory: m) for memory in memories))

    run(working())
    memory = memories[0]
    assert not job_rows(memory) and not faults(memory)
    alone = ScriptedBackend(echoes, name="one of two")
    other = memory_of(store, alone, tenant="alone")
    run(other.add(with_canary(), BOTH))
    settle(other)
    asked = [str(messages) for llm in llms for messages, _ in llm.calls]
    assert sorted(set(asked)) == sorted({str(messages) for messages, _ in alone.calls})
    for user in ("ann", "bob", "cleo"):
        assert run(memory.profile(user)).statements == run(other.profile(user)).statements
    assert {name: len(texts) for name, texts in opened(memory).items()} == {
        name: len(texts) for name, texts in opened(other).items()
    }


def test_a_memory_builds_what_is_due_in_its_own_tenant_alone(in_sqlite):
    ours, other = (memory_of(in_sqlite, tenant=tenant) for tenant in ("ours", "other"))
    for memory in (ours, other):
        run(memory.add(town(), BOTH))
    waiting = job_rows(other)
    assert run(build_due(ours)) > 0
    assert not job_rows(ours) and run(ours.profile("ann")).statements
    assert job_rows(other) == waiting


def test_a_worker_works_until_it_is_told_to_stop(in_sqlite):
    memory = memory_of(in_sqlite)

    async def working():
        stop = asyncio.Event()
        task = asyncio.create_task(work(in_sqlite, lambda _: memory, stop))
        await memory.add(town(), BOTH)
        while await asyncio.to_thread(jobs.wait_s, in_sqlite) is not None:
            await asyncio.sleep(0.01)
        stop.set()
        await asyncio.wait_for(task, 10)

    run(working())
    assert run(memory.profile("dora")).statements


def test_a_job_of_somebody_erased_meanwhile_ends(in_sqlite):
    memory = memory_of(in_sqlite)
    run(memory.add(town(), BOTH))
    ann = number_of(memory, "ann")
    run(memory.erase("ann"))
    settle(memory)
    assert not job_rows(memory) and not made_with(memory, ann)


# When a profile is built anew ------------------------------------------------------------------------------------------


def test_jobs_wait_while_the_store_has_another_master_key(in_sqlite):
    run(memory_of(in_sqlite).add(town(), BOTH))
    rotate(in_sqlite, MasterKey(b"n" * 32))
    store = Store(in_sqlite.engine, in_sqlite.keys.master)
    clock, late = Clock(store), memory_of(store)
    clock.work(late)
    assert {(job.state, job.attempts) for job in job_rows(late)} == {("waiting", 0)}


def test_few_new_records_wait(in_sqlite):
    """A profile is built again after three new records, or an hour after the first of them."""
    clock = Clock(in_sqlite)
    memory = memory_of(in_sqlite, refresh=Refresh(debounce_s=0.0, new_records=3, age_s=3600.0))
    run(memory.add([row("ann", "tea"), row("ann", "bread")]))
    clock.work(memory)
    assert versions(memory) == [1], "the first profile is built at once"
    clock.later(1)
    run(memory.add([row("ann", "soup"), row("ann", "cake")]))
    clock.work(memory)
    assert versions(memory) == [1] and run(memory.profile("ann")).stale
    run(memory.add([row("ann", "wine", at=NOW_MS - 1)]))
    clock.work(memory)
    assert versions(memory) == [2, 1], "the third one is enough"
    clock.later(1)
    run(memory.add([row("ann", "beer", at=NOW_MS)]))
    clock.later(3590)
    clock.work(memory)
    assert versions(memory) == [2, 1]
    clock.later(10)
    clock.work(memory)
    assert versions(memory) == [3, 2, 1], "and an hour is long enough"


def versions(memory):
    with memory.tenant.read() as tx:
        return [row.version for row in profiles.versions(tx, number_of(memory, "ann"))]


def test_what_waits_long_is_not_waited_for(in_sqlite):
    memory = lived_in(in_sqlite, refresh=Refresh(debounce_s=0.0, new_records=5))
    run(memory.add([row("ann", "soup")]))
    settle(memory)
    with memory.tenant.read() as tx:
        assert tx.conn.execute(PROFILES.select()).all()
