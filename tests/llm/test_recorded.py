"""The LLM that remembers: what is asked, what is not, and what is counted."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from tests.llm.journal_rows import keys_of_record
from unlike.errors import CallFailed, EngineError, InputError
from unlike.llm.backend import Sampling
from unlike.llm.journal import Call, Journal, key
from unlike.llm.recorded import EngineTime, RecordedLLM
from unlike.llm.scripted import ScriptedBackend
from unlike.llm.usage import Meter, Usage


def call(text="Hi", **more):
    return Call("generate", "template", ({"role": "user", "content": text},), Sampling(), **more)


def echoing(**options):
    return ScriptedBackend(lambda messages, sampling: f"re: {messages[-1]['content']}", **options)


def outage(messages, sampling):
    raise EngineError("wrong key")


def overload(messages, sampling):
    raise CallFailed("overloaded", raw="<html>")


def test_a_new_call_is_asked_and_a_known_one_is_not(journal):
    backend = echoing()
    llm = RecordedLLM(backend, journal)
    first, second = asyncio.run(llm.call(call())), asyncio.run(llm.call(call()))
    assert (first.cached, second.cached) == (False, True)
    assert replace(first, cached=True) == second
    assert first.text == "re: Hi"
    assert first.key == key(call(), backend.model)
    assert backend.n_calls == 1


def test_another_start_knows_what_this_one_asked(tmp_path):
    for expected in (1, 0):
        journal, backend = Journal(tmp_path / "j"), echoing()
        asyncio.run(RecordedLLM(backend, journal).call(call()))
        journal.close()
        assert backend.n_calls == expected


def test_two_identical_calls_in_flight_are_one(journal):
    backend = echoing()
    llm = RecordedLLM(backend, journal)

    async def both():
        return await asyncio.gather(llm.call(call(record_ids=("r1",))), llm.call(call(record_ids=("r2",))))

    first, second = asyncio.run(both())
    assert backend.n_calls == 1
    assert (first.text, first.cached, second.cached) == (second.text, False, True)
    assert keys_of_record(journal, "r1") == keys_of_record(journal, "r2") == (first.key,)


def test_two_identical_calls_that_fail_fail_both_and_cost_one(journal):
    backend = ScriptedBackend(overload)
    llm = RecordedLLM(backend, journal)

    async def both():
        return await asyncio.gather(llm.call(call()), llm.call(call()), return_exceptions=True)

    assert [str(failure) for failure in asyncio.run(both())] == ["overloaded", "overloaded"]
    assert llm.usage == Usage(n_calls=1, n_calls_failed=1)


def test_a_repetition_is_another_call_with_another_seed(journal):
    backend = echoing()
    llm = RecordedLLM(backend, journal)
    for repeat in range(3):
        asyncio.run(llm.call(call(repeat=repeat)))
    assert [sampling.seed for _, sampling in backend.calls] == [0, 1, 2]


def test_a_failure_is_kept_raised_and_asked_again_by_the_next_start_only(journal):
    failing, mended = ScriptedBackend(overload, name="m"), echoing(name="m")
    llm = RecordedLLM(failing, journal)
    for _ in range(2):
        with pytest.raises(CallFailed, match="overloaded") as failure:
            asyncio.run(llm.call(call()))
        assert failure.value.raw == "<html>"
    assert failing.n_calls == 1
    kept = journal.get(key(call(), "scripted:m"))
    assert (kept.state, kept.error, kept.raw, kept.attempts) == ("failed", "overloaded", "<html>", 1)
    answer = asyncio.run(RecordedLLM(mended, journal).call(call()))
    assert (answer.text, answer.cached) == ("re: Hi", False)
    assert journal.get(answer.key).attempts == 2


def test_after_an_engine_error_nothing_more_is_asked_but_what_is_known_is_answered(journal):
    asyncio.run(RecordedLLM(echoing(name="m"), journal).call(call("known")))
    backend = ScriptedBackend(outage, name="m")
    llm = RecordedLLM(backend, journal, concurrency=2)

    async def many():
        return await asyncio.gather(*(llm.call(call(f"{n}")) for n in range(20)), return_exceptions=True)

    outcomes = asyncio.run(many())
    assert {(type(outcome), str(outcome)) for outcome in outcomes} == {(EngineError, "wrong key")}
    assert backend.n_calls <= 2
    assert journal.get(key(call("0"), "scripted:m")) is None
    assert asyncio.run(llm.call(call("known"))).text == "re: known"


def test_no_more_calls_at_once_than_allowed(journal):
    now, most = 0, 0

    class Counting(ScriptedBackend):
        async def complete(self, messages, sampling):
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1
            return await super().complete(messages, sampling)

    llm = RecordedLLM(Counting(lambda messages, sampling: "ok"), journal, concurrency=3)

    async def many():
        await asyncio.gather(*(llm.call(call(f"{n}")) for n in range(20)))

    asyncio.run(many())
    assert most == 3


def test_a_waiter_that_gives_up_does_not_cancel_a_paid_call(journal):
    backend = echoing(latency_s=0.05)
    llm = RecordedLLM(backend, journal)

    async def give_up():
        impatient, patient = asyncio.create_task(llm.call(call())), asyncio.create_task(llm.call(call()))
        await asyncio.sleep(0.01)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        return await patient

    assert asyncio.run(give_up()).text == "re: Hi"
    assert backend.n_calls == 1


def test_usage_counts_what_was_really_asked(journal):
    llm = RecordedLLM(ScriptedBackend(lambda messages, sampling: "x" * 30), journal)
    assert llm.usage == Usage()
    for text in ("a", "a", "b"):
        asyncio.run(llm.call(call(text)))
    assert llm.usage == Usage(n_calls=2, n_cached=1, n_calls_failed=0, prompt_tokens=18, completion_tokens=20)


def test_a_journal_that_cannot_be_written_is_no_failed_call(journal):
    llm = RecordedLLM(echoing(), journal)
    asyncio.run(llm.call(call()))
    journal.path.with_name("journal.sqlite-wal").unlink()
    journal._writes.execute("DROP TABLE call_records")
    with pytest.raises(InputError, match="journal"):
        asyncio.run(llm.call(call("other", record_ids=("r",))))


def test_a_part_counts_for_itself_and_for_the_whole(journal):
    llm = RecordedLLM(echoing(), journal)
    seen = []
    first, second = llm.part(seen.append), llm.part()
    asyncio.run(first.call(call("a")))
    asyncio.run(second.call(call("a")))
    asyncio.run(second.call(call("b")))
    assert [one.messages[0]["content"] for one in seen] == ["a"]
    assert (first.usage.n_calls, first.usage.n_cached) == (1, 0)
    assert (second.usage.n_calls, second.usage.n_cached) == (1, 1)
    assert llm.usage == first.usage.plus(second.usage)


def test_without_a_journal_every_call_is_made_and_counted_by_a_meter_of_all():
    backend, meter = echoing(), Meter()
    for _ in range(2):
        asyncio.run(RecordedLLM(backend, meter=meter).call(call()))
    assert backend.n_calls == meter.usage.n_calls == 2
    with pytest.raises(CallFailed):
        asyncio.run(RecordedLLM(ScriptedBackend(overload), meter=meter).call(call()))
    with pytest.raises(EngineError):
        asyncio.run(RecordedLLM(ScriptedBackend(outage), meter=meter).call(call()))
    assert (meter.usage.n_calls, meter.usage.n_calls_failed) == (3, 1)
    assert (meter.failed, str(meter.unusable)) == ("overloaded", "wrong key")


def streamed(llm, n_pieces=None):
    async def reading():
        async with aclosing(llm.stream(call("one two three"))) as pieces:
            read = list[object]()
            async for piece in pieces:
                read.append(piece)
                if len(read) == n_pieces:
                    break
            return read

    return asyncio.run(reading())


def test_a_stream_is_counted_and_not_kept(journal):
    llm = RecordedLLM(echoing(), journal)
    *pieces, whole = streamed(llm)
    assert "".join(pieces) == whole.text == "re: one two three"
    assert llm.usage == Usage(1, 0, 0, whole.prompt_tokens, whole.completion_tokens)
    assert journal.get(key(call("one two three"), llm.backend.model)) is None


def test_a_stream_that_is_left_counts_as_far_as_it_was_written():
    llm = RecordedLLM(echoing())
    streamed(llm, n_pieces=2)
    prompt = llm.backend.count_tokens(call("one two three").messages)
    assert llm.usage == Usage(1, 0, 0, prompt, (len("re: one") + 2) // 3)


def test_a_stream_that_breaks_counts_as_a_failed_call_as_far_as_it_was_written():
    class Breaking(ScriptedBackend):
        async def stream(self, messages, sampling):
            yield "re: one"
            raise CallFailed("the connection broke")

    llm = RecordedLLM(Breaking(lambda messages, sampling: ""))
    with pytest.raises(CallFailed):
        streamed(llm)
    prompt = llm.backend.count_tokens(call("one two three").messages)
    assert llm.usage == Usage(1, 0, 1, prompt, (len("re: one") + 2) // 3)


def test_a_stream_that_never_began_costs_nothing():
    for failing, n_failed in ((overload, 1), (outage, 0)):
        llm = RecordedLLM(ScriptedBackend(failing))
        with pytest.raises((CallFailed, EngineError)):
            streamed(llm)
        assert llm.usage == Usage(n_failed, 0, n_failed)


def test_seconds_are_divided_among_the_calls_under_way_so_that_they_add_up_to_the_engine_s(journal):
    clock, waiting = [100.0], []

    class OneAtATime(ScriptedBackend):
        async def complete(self, messages, sampling):
            """Says that it took from sending to the answer, as an engine does that makes calls wait for each other."""
            turn = asyncio.Event()
            waiting.append(turn)
            await turn.wait()
            clock[0] += 10
            return replace(await super().complete(messages, sampling), wall_s=clock[0] - 100)

    async def main():
        llm = RecordedLLM(OneAtATime(lambda messages, sampling: "re"), journal, 3, time=EngineTime(lambda: clock[0]))
        tasks = [asyncio.create_task(llm.call(call(text))) for text in "abc"]
        for task in tasks:
            while not waiting:
                await asyncio.sleep(0)
            waiting.pop().set()
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            tasks = [task for task in tasks if not task.done()]
        return [(await llm.call(call(text))).wall_s for text in "abc"]

    seconds = asyncio.run(main())
    assert sum(seconds) == pytest.approx(30.0)
    assert all(3 < one < 20 for one in seconds)
