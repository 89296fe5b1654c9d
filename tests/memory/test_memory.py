"""The memory as a whole: tenants that must not meet, budgets, pages, and callers who ask for the impossible."""

import asyncio
import json
import threading
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.memory.clock import NOW_MS, Clock, once
from tests.memory.town import (
    DAY_MS,
    PEOPLE,
    faults,
    is_in,
    job_rows,
    kept,
    lived_in,
    memory_of,
    on_disk,
    opened,
    row,
    settle,
    town,
)
from tests.store.rows import BOTH, MASTER
from unlike.errors import CallFailed, InputError
from unlike.llm.backend import Sampling
from unlike.llm.recorded import RecordedLLM
from unlike.llm.scripted import ScriptedBackend
from unlike.memory import spending
from unlike.memory.answers import Changed, Evidence, NoConsent, Request
from unlike.memory.open import open_memory
from unlike.settings import MethodSettings
from unlike.store import daily_budget, jobs
from unlike.store.daily_budget import BudgetSpent
from unlike.store.database import open_store
from unlike.store.records import Unknown
from unlike.writing.repeat_guard import Repeated

TENANTS = ("acme", "other")
HELLO = [{"role": "user", "content": "Hello"}]


def run(work):
    return asyncio.run(work)


def says_again(messages, _sampling):
    """Which tenants' words are in the prompt."""
    prompt = " ".join(message["content"] for message in messages)
    return f"It is of {' and '.join(tenant for tenant in TENANTS if f'{tenant}-words' in prompt) or 'nobody'}-words."


def rows_of(tenant, people=PEOPLE):
    return [
        replace(new, record=replace(new.record, text=f"{tenant}-words: {new.record.text}", title=f"{tenant}-words"))
        for new in town(people)
    ]


def everything(memory):
    """All that a tenant can be told."""
    users = [user.user_id for user in run(memory.users()).rows]
    told = [run(memory.export(user)) for user in users]
    told += [run(memory.generate(Request(user, "tea"))).text for user in users]
    told += [run(memory.prepare_chat(HELLO, Sampling(), user)).draft.call.messages for user in users]
    return json.dumps(told)


# Tenants -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def two(store):
    """Two tenants with the same users, items and record ids, and one LLM that both use."""
    llm = ScriptedBackend(says_again, name="says-again")
    memories = [memory_of(store, llm, tenant) for tenant in TENANTS]
    for memory in memories:
        run(memory.add(rows_of(memory.tenant.name), BOTH))
    settle(*memories)
    return memories


def test_nothing_crosses(two):
    for memory, other in (two, two[::-1]):
        mine, theirs = f"{memory.tenant.name}-words", f"{other.tenant.name}-words"
        assert mine in everything(memory) and theirs not in everything(memory)
        texts = [text for table in opened(memory).values() for text in table]
        assert texts and not [text for text in texts if theirs in text]
        assert all(mine in record.text for record in kept(memory).values())
        assert not faults(memory)
    assert {says_again(*call) for call in two[0].backend.calls} == {"It is of acme-words.", "It is of other-words."}


def test_erased_in_one_is_there_in_the_other(two):
    acme, other = two
    before = everything(other), opened(other)
    receipt = run(acme.erase("ann"))
    run(acme.set_consent("bob", own=False, peer=False))
    settle(acme, other)
    assert (everything(other), opened(other)) == before and not job_rows(other)
    assert "ann" not in {user.user_id for user in run(acme.users()).rows}
    assert receipt["who_hmac_sha256"] != run(other.erase("ann"))["who_hmac_sha256"], "receipts are of a tenant"
    settle(acme, other)
    assert not faults(acme) and not faults(other)
    assert not is_in("ann", on_disk(acme.tenant.store))


def test_a_job_is_not_done_with_the_memory_of_another_tenant(in_sqlite):
    acme, other = (memory_of(in_sqlite, tenant=tenant) for tenant in TENANTS)
    run(other.add([row()]))
    run(other.build(["ann"]))
    job, *_ = jobs.claim(in_sqlite, 9, 60.0)
    with pytest.raises(InputError, match="tenant 'other'"):
        run(acme.do(job))


def test_who_is_only_in_the_other_is_unknown(store):
    acme, other = (memory_of(store, tenant=tenant) for tenant in TENANTS)
    run(acme.add([row("ann", "tea")]))
    run(other.add([row("eve", "cake")]))
    for asked in (acme.profile, acme.records, acme.export, acme.erase, acme.consent, acme.set_consent):
        with pytest.raises(Unknown):
            run(asked("eve"))
    with pytest.raises(Unknown):
        run(acme.item("cake"))
    with pytest.raises(Unknown):
        run(acme.build(["eve"]))
    assert run(acme.generate(Request("eve", "tea"))).rung == "plain"


OPERATIONS = {
    "add": lambda memory, user: memory.add(rows_of(memory.tenant.name, (user,)), BOTH),
    "say": lambda memory, user: memory.feedback(user, "tea", f"{memory.tenant.name}-words again."),
    "edit": lambda memory, user: memory.edit(user, [Evidence(f"{memory.tenant.name}-words.", pinned=True)]),
    "build": lambda memory, user: memory.build([user]),
    "back": lambda memory, user: memory.go_back(user, 1),
    "erase": lambda memory, user: memory.erase(user),
    "hide": lambda memory, user: memory.set_consent(user, peer=False),
    "stop": lambda memory, user: memory.set_consent(user, own=False),
    "agree": lambda memory, user: memory.set_consent(user, own=True, peer=True),
}


@pytest.fixture(scope="module")
def one_store(tmp_path_factory):
    opened_store = open_store(tmp_path_factory.mktemp("one"), MASTER)
    yield opened_store
    opened_store.close()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(TENANTS), st.sampled_from(sorted(OPERATIONS)), st.sampled_from(PEOPLE[:3])),
        min_size=4,
        max_size=16,
    )
)
def test_whatever_two_tenants_do_nothing_crosses_and_nothing_breaks(one_store, done):
    llm = ScriptedBackend(says_again, name="says-again")
    memories = {tenant: memory_of(one_store, llm, tenant) for tenant in TENANTS}
    for tenant, operation, user in done:
        try:
            run(OPERATIONS[operation](memories[tenant], user))
        except (Unknown, NoConsent):
            continue
    settle(*memories.values())
    for tenant, other in (TENANTS, TENANTS[::-1]):
        assert not faults(memories[tenant])
        assert not [text for table in opened(memories[tenant]).values() for text in table if f"{other}-words" in text]
        assert f"{other}-words" not in everything(memories[tenant])


# Budgets -------------------------------------------------------------------------------------------------------------------


def test_a_budget_is_spent_and_renewed_the_next_day(store):
    clock = Clock(store)
    acme, other = (memory_of(store, ScriptedBackend(says_again), tenant) for tenant in TENANTS)
    for memory in (acme, other):
        run(memory.add(rows_of(memory.tenant.name), BOTH))
    request = Request("ann", "tea", max_tokens=50)
    one = run(other.generate(request))  # another prompt of the same length
    cost, may_use = one.prompt_tokens + one.completion_tokens, one.prompt_tokens + 50
    set_budget(acme, cost + may_use)
    for _ in range(2):
        run(acme.generate(request))
    for refused in (acme.generate(request), pieces(acme, request)):
        with pytest.raises(BudgetSpent, match=r"has \d\d left, and this may use \d{3}; it is renewed at midnight UTC$"):
            run(refused)
    with acme.tenant.read() as tx:
        used = daily_budget.used_today(tx)
    set_budget(acme, used)
    for refused in (
        acme.generate(request),
        pieces(acme, request),
        acme.prepare_chat([], Sampling(), "ann"),
        acme.prepare_chat([], Sampling()),
    ):
        with pytest.raises(BudgetSpent, match="is used up .*renewed at midnight UTC$"):
            run(refused)
    set_budget(acme, cost + may_use)
    run(other.generate(request))
    run(acme.add([row("eve")], BOTH))
    clock.ms = NOW_MS - NOW_MS % DAY_MS + DAY_MS - 1
    with pytest.raises(BudgetSpent):
        run(acme.generate(request))
    clock.later(0.001)
    assert run(acme.generate(request)).text
    set_budget(acme, None)
    acme.spending.check()


def test_builds_are_paid_for_and_wait_until_there_is_a_budget_again(store):
    clock, memory = Clock(store), memory_of(store)
    run(memory.add(town(), BOTH))
    set_budget(memory, 0)
    clock.work(memory)
    midnight = clock.ms - clock.ms % DAY_MS + DAY_MS
    put_off = job_rows(memory)
    assert {(job.kind, job.state, job.attempts, job.run_at_ms) for job in put_off} == {
        ("build", "waiting", 0, midnight)
    }
    assert all("renewed at midnight UTC" in job.error for job in put_off)
    clock.ms = midnight - 1
    assert once(memory) == 0
    set_budget(memory, 10**6)  # a larger one is tried at once
    once(memory)
    assert not job_rows(memory) and run(memory.profile("ann")).statements
    set_budget(memory, 1)
    with pytest.raises(BudgetSpent, match="used up"):
        run(memory.generate(Request("ann", "tea")))
    assert spend(memory)[0][0] > 0, "builds are paid for"
    run(memory.build(["ann"]))
    assert once(memory) == 1 and not job_rows(memory) and not faults(memory), "answers that are known cost nothing"


def test_calls_made_at_once_do_not_share_what_is_left(store):
    """Before, 32 at once spent 3,520 tokens of a budget of 200."""
    memory = memory_of(store)
    run(memory.add(town(), BOTH))
    set_budget(memory, 1_000)

    async def at_once():
        asked = (memory.generate(Request("ann", "tea", seed=n)) for n in range(32))
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = run(at_once())
    refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert all(isinstance(answer, BudgetSpent) for answer in refused)
    costs = [one.prompt_tokens + one.completion_tokens for one in answers if one not in refused]
    assert 0 < sum(costs) <= 1_000
    with memory.tenant.read() as tx:
        kept = tx.conn.exec_driver_sql("select tokens, reserved, calls from spend").one()
    assert tuple(kept) == (sum(costs), 0, len(costs))


@pytest.mark.parametrize(("temperature", "streamed", "n_calls"), [(0.8, False, 6), (0.0, False, 2), (0.8, True, 1)])
def test_what_is_reserved_is_enough_for_all_attempts(in_sqlite, monkeypatch, temperature, streamed, n_calls):
    """Each answer is far too short and repeats bob, so it is asked for again for both reasons."""
    method = MethodSettings(n_records=4, max_tokens=256, rewrites=2)
    rows = [row("ann", item, f"All that ann has to say of {item}. " * 30) for item in ("tea", "bread")] + town()[2:]
    memory = lived_in(in_sqlite, rows, method=method, repeat_words=4)
    llm, reserved = memory.backend, list[int]()
    reserve = memory.spending.reserve
    monkeypatch.setattr(memory.spending, "reserve", lambda n, llm: (reserved.append(n), reserve(n, llm))[1])
    llm._answer, before = lambda *_: "What bob has to say of tea.", llm.n_calls
    request = Request("ann", "tea", max_tokens=100, temperature=temperature)
    with pytest.raises(Repeated):
        run(pieces(memory, request) if streamed else memory.generate(request))
    asked = [messages for messages, _ in llm.calls[before:]]
    assert (len(asked), reserved) == (n_calls, [n_calls * (llm.count_tokens(asked[0]) + 100)])


def test_each_call_of_a_build_reserves_what_it_may_use(in_sqlite, monkeypatch):
    memory, reserved = memory_of(in_sqlite, method=MethodSettings(max_tokens=256)), list[int]()
    reserve = daily_budget.reserve
    monkeypatch.setattr(daily_budget, "reserve", lambda tx, n: (reserved.append(n), reserve(tx, n))[1])
    set_budget(memory, 10**6)
    run(memory.add(town(), BOTH))
    settle(memory)
    llm = memory.backend
    assert sorted(reserved) == sorted(llm.count_tokens(messages) + 256 for messages, _ in llm.calls)


def test_a_budget_that_no_call_of_a_build_fits_into_is_not_touched_and_the_job_says_so(in_sqlite):
    clock, memory = Clock(in_sqlite), memory_of(in_sqlite)
    run(memory.add(town(), BOTH))
    set_budget(memory, 100)
    clock.work(memory)
    assert not memory.backend.n_calls and spend(memory) in ([], [(0, 0)])
    assert {job.state for job in job_rows(memory)} == {"waiting"}
    assert all("is less than this may use" in job.error and "a larger budget" in job.error for job in job_rows(memory))


def test_a_build_that_the_budget_stops_keeps_the_answers_that_were_paid_for(in_sqlite):
    clock, memory = Clock(in_sqlite), memory_of(in_sqlite)
    run(memory.add(town(), BOTH))
    set_budget(memory, 2_000)
    clock.work(memory)
    paid = memory.backend.n_calls
    assert paid and job_rows(memory) and spend(memory)[0][0] <= 2_000
    set_budget(memory, 10**6)
    once(memory)
    asked = [str(messages) for messages, _ in memory.backend.calls]
    assert not job_rows(memory) and len(asked) == len(set(asked)) > paid


def test_an_answer_that_was_paid_for_is_given_out_whatever_the_database_does(in_sqlite, monkeypatch):
    memory = memory_of(in_sqlite)
    run(memory.add(town(), BOTH))
    set_budget(memory, 10**6)
    run(memory.generate(Request("ann", "tea")))
    monkeypatch.setattr(spending, "_written", full_disk)
    assert run(memory.generate(Request("ann", "tea"))).text and memory.owes_writing
    monkeypatch.undo()
    memory.close()
    with memory.tenant.read() as tx:
        assert tuple(tx.conn.exec_driver_sql("select reserved, calls from spend").one()) == (0, 2)
    assert not memory.owes_writing


def test_what_was_reserved_for_a_caller_who_left_meanwhile_is_released(in_sqlite, monkeypatch):
    memory = memory_of(in_sqlite)
    set_budget(memory, 1_000)
    reserve, begun, may_end = daily_budget.reserve, threading.Event(), threading.Event()

    def slow(tx, tokens):
        begun.set()
        assert may_end.wait(60)
        return reserve(tx, tokens)

    monkeypatch.setattr(daily_budget, "reserve", slow)

    async def leaving():
        request = asyncio.create_task(reserved(memory.spending))
        await asyncio.to_thread(begun.wait, 60)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        may_end.set()
        await asyncio.gather(*memory.spending._releasing)

    run(leaving())
    assert spend(memory) == [(0, 0)]


async def reserved(of):
    async with of.reserve(200, RecordedLLM(ScriptedBackend.echo())):
        raise AssertionError("the caller left before")


def test_a_reservation_of_yesterday_is_released_on_its_day(in_sqlite):
    """Before, today's reservations were negative, so that more than the budget was given out."""
    clock, memory = Clock(in_sqlite), memory_of(in_sqlite)
    set_budget(memory, 1_000)

    async def over_midnight():
        async with memory.spending.reserve(600, RecordedLLM(ScriptedBackend.echo())):
            assert spend(memory) == [(0, 600)]
            clock.later(DAY_MS / 1000)

    run(over_midnight())
    assert spend(memory) == [(0, 0), (0, 0)]


def spend(memory):
    """Tokens used and reserved, by day."""
    with memory.tenant.read() as tx:
        return [tuple(row) for row in tx.conn.exec_driver_sql("select tokens, reserved from spend order by day")]


def test_an_opened_memory_stores_its_usage_and_closes_its_llm(tmp_path, monkeypatch):
    closed = list[str]()

    async def close(llm):
        closed.append(llm.model)

    monkeypatch.setattr(ScriptedBackend, "aclose", close)
    opening = partial(open_memory, tmp_path / "store", "scripted:echo", "hashing:16")
    with opening(new=True) as memory:
        run(memory.add([row()], BOTH))
        for _ in range(2):
            run(memory.generate(Request("ann", "tea")))
    assert closed == ["scripted:echo"]
    with opening() as memory, memory.tenant.read() as tx:
        assert tx.conn.exec_driver_sql("select calls from spend").scalar_one() == 2


def full_disk(*_):
    raise InputError("the disk is full")


def test_what_fails_is_not_charged(in_sqlite):
    def fails(_messages, _sampling):
        raise CallFailed("no")

    memory = memory_of(in_sqlite, ScriptedBackend(fails))
    run(memory.add([row()], BOTH))
    set_budget(memory, 1_000)
    for _ in range(3):
        with pytest.raises(CallFailed):
            run(memory.generate(Request("ann", "tea")))


def test_streams_count_too(in_sqlite):
    memory = memory_of(in_sqlite)
    run(memory.add([row()], BOTH))
    set_budget(memory, 900)
    run(pieces(memory, Request("ann", "tea")))
    with pytest.raises(BudgetSpent):
        run(pieces(memory, Request("ann", "tea")))


async def pieces(memory, request):
    return [piece async for piece in memory.stream(request)]


def set_budget(memory, tokens):
    with memory.tenant.write() as tx:
        daily_budget.set_budget(tx, tokens)


# Pages, profiles and export ------------------------------------------------------------------------------------------------


def test_pages(store):
    memory = lived_in(store, [row("ann", "soup", at=1_700_000_009_000), *town()])
    assert [user.user_id for user in run(memory.users(offset=1, limit=2)).rows] == ["bob", "cleo"]
    assert run(memory.users(offset=1, limit=2)).total == 4
    assert [user.user_id for user in run(memory.users(sort="records")).rows][0] == "ann"
    assert [record.item_id for record in run(memory.records("ann", limit=1)).rows] == ["soup"]
    run(memory.build())
    assert [job.kind for job in run(memory.jobs(limit=3)).rows] == ["build"] * 3
    assert run(memory.jobs("waiting", limit=3)).total == 4 and run(memory.jobs("failed")).total == 0


def test_pages_that_are_none(store):
    memory = memory_of(store)
    run(memory.add([row()]))
    for page in ({"offset": -1}, {"limit": 0}, {"limit": -1}, {"limit": 10**30}, {"offset": 10**30}):
        for asked in (memory.users(**page), memory.jobs(**page), memory.records("ann", **page)):
            with pytest.raises(InputError, match="no page"):
                run(asked)


def test_orders_and_states_that_are_none(in_sqlite):
    memory = memory_of(in_sqlite)
    with pytest.raises(InputError, match="unknown sort: 'age'; allowed are"):
        run(memory.users(sort="age"))
    with pytest.raises(InputError, match="unknown state of jobs: 'done'; allowed are"):
        run(memory.jobs("done"))


def test_a_profile_edited_pinned_built_anew_and_gone_back_to(store):
    llm = ScriptedBackend(
        lambda messages, _: f"Writes of {messages[-1]['content'].count('What ann')} things. Is brief."
    )
    memory = lived_in(store, llm=llm)
    built = [statement.text for statement in run(memory.profile("ann")).statements]
    assert run(memory.edit("ann", [Evidence("Is brief."), Evidence("Never uses commas.", pinned=True)])) == 2
    edited = run(memory.profile("ann"))
    assert [(one.text, one.origin, one.pinned) for one in edited.statements] == [
        ("Is brief.", "built", False),
        ("Never uses commas.", "edited", True),
    ]
    assert edited.statements[0].record_ids and not edited.statements[1].record_ids
    run(memory.add([row("ann", "soup", at=1_700_000_009_000)]))
    settle(memory)
    renewed = run(memory.profile("ann"))
    assert renewed.version == 3 and "Never uses commas." in [one.text for one in renewed.statements]
    run(memory.go_back("ann", 1))
    assert [one.text for one in run(memory.profile("ann")).statements] == built
    assert [version.current for version in run(memory.profile("ann")).versions] == [False, False, True]
    run(memory.build(["ann"]))
    settle(memory)
    assert "Never uses commas." not in [one.text for one in run(memory.profile("ann")).statements]
    run(memory.go_back("ann", 3))
    run(memory.build(["ann"]))
    settle(memory)
    assert "Never uses commas." in [one.text for one in run(memory.profile("ann")).statements if one.pinned]
    with pytest.raises(Unknown, match="no version 9"):
        run(memory.go_back("ann", 9))
    assert not faults(memory)


@pytest.mark.parametrize("text", ["", " \n", "x" * 10_001])
def test_statements_that_are_none(in_sqlite, text):
    memory = memory_of(in_sqlite)
    run(memory.add([row()]))
    with pytest.raises(InputError, match="a statement has"):
        run(memory.edit("ann", [Evidence("Fine."), Evidence(text)]))
    with pytest.raises(Unknown):
        run(memory.profile("ann"))


def test_a_profile_that_is_not_what_was_read_is_not_written_over(store):
    """What a peer who left had a part in cannot come back as a person's own words."""
    memory = lived_in(store)
    read = run(memory.profile("ann"))
    run(memory.erase("bob"))
    for _ in range(2):  # while there is no profile, and when there is another
        with pytest.raises(Changed, match="read it and edit it again"):
            run(memory.edit("ann", read.statements, read.created_ms))
        settle(memory)
    now = run(memory.profile("ann"))
    assert run(memory.edit("ann", now.statements, now.created_ms)) == now.version + 1


def test_odd_statements_are_kept(store):
    memory = memory_of(store)
    run(memory.add([row()]))
    run(memory.edit("ann", [Evidence("NUL \0 and \ud800, ann@example.org, 👍")]))
    assert run(memory.profile("ann")).statements[0].text == "NUL \ufffd and \ufffd, [email], 👍"


def test_the_export_is_all_there_is(in_sqlite):
    memory = lived_in(in_sqlite)
    run(memory.edit("ann", [Evidence("Never uses commas.", pinned=True)]))
    told = run(memory.export("ann"))
    assert {record["record_id"] for record in told["records"]} == {"ann-tea", "ann-bread"}
    assert len(told["profiles"]) == 2 and told["pins"] == ["Never uses commas."]
    assert told["consent"] == {"own": True, "peer": True} and told["n_llm_calls"] > 2
    assert json.loads(json.dumps(told)) == told


NOBODY = ["", "nobody", "a\0b", "a" * 5_000, "%", "'; drop table users; --", "\u202e"]


def test_whoever_is_asked_for_and_not_there(store):
    memory = memory_of(store)
    run(memory.add([row()]))
    asked = [
        memory.profile,
        memory.records,
        memory.export,
        memory.erase,
        memory.consent,
        memory.set_consent,
        memory.item,
    ]
    asked += [lambda one: memory.edit(one, []), lambda one: memory.go_back(one, 1), lambda one: memory.build([one])]
    for user_id in NOBODY:
        for one in asked:
            with pytest.raises(InputError):
                run(one(user_id))
    assert run(memory.users()).total == 1 and len(kept(memory)) == 1


# Side by side --------------------------------------------------------------------------------------------------------------


def test_all_at_once(store):
    """Records, requests, work, changes of mind and erasures side by side; each is done or says that it was outrun."""
    memory = lived_in(store)
    newcomers = [f"new-{n}" for n in range(6)]

    async def living():
        work = [memory.add([row(user, item) for item in ("tea", "bread")], BOTH) for user in newcomers]
        work += [memory.generate(Request(user, "tea")) for user in PEOPLE * 2]
        work += [memory.set_consent("bob", peer=False), memory.erase("ann"), memory.build(["cleo"])]
        work += [memory.edit("dora", [Evidence("Is brief.", pinned=True)]), memory.feedback("dora", "soup", "Hot.")]
        return await asyncio.gather(*work)

    run(living())
    settle(memory)
    assert {user.user_id for user in run(memory.users()).rows} == {*newcomers, *PEOPLE} - {"ann"}
    assert not faults(memory) and not job_rows(memory)
    assert run(memory.generate(Request("new-3", "tea"))).rung == "full"
