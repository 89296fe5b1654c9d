"""A forecast asks nobody and writes nothing."""

import asyncio

from unlike.llm.backend import Sampling, estimate_tokens
from unlike.llm.forecast import ForecastLLM
from unlike.llm.journal import Call
from unlike.llm.recorded import RecordedLLM
from unlike.llm.scripted import ScriptedBackend
from unlike.llm.usage import Usage


def call(text, max_tokens=2048):
    return Call("generate", "t", ({"role": "user", "content": text},), Sampling(max_tokens=max_tokens))


def walk(llm, *calls):
    return [asyncio.run(llm.call(one)) for one in calls]


def test_it_counts_prompts_and_assumes_answers():
    backend = ScriptedBackend.echo()
    llm = ForecastLLM(backend, otherwise=100)
    long, short = walk(llm, call("a" * 300), call("b" * 300, max_tokens=40))
    assert llm.usage == Usage(n_calls=2, prompt_tokens=2 * 108, completion_tokens=140)
    assert backend.n_calls == 0
    # The placeholder is as long as assumed, so that prompts made of it are counted rightly.
    assert estimate_tokens([{"content": long.text}]) - 8 == long.completion_tokens == 100
    assert short.completion_tokens == 40


def test_an_assumption_is_never_above_the_limit():
    llm = ForecastLLM(ScriptedBackend.echo(), completion_tokens={"generate": 593})
    walk(llm, call("a", max_tokens=96), call("b", max_tokens=40))
    assert llm.lengths == {"generate": 96}


def test_the_estimate_is_cautious_in_any_script():
    assert estimate_tokens([{"content": "好书" * 1500}]) == 3008
    assert estimate_tokens([{"content": "good" * 3}]) == 12
    assert estimate_tokens([{"content": "\ud83d"}]) == 9, "half a pair counts too"


def test_it_counts_the_same_call_once():
    llm = ForecastLLM(ScriptedBackend.echo())
    assert [answer.cached for answer in walk(llm, call("a"), call("a"))] == [False, True]
    assert (llm.usage.n_calls, llm.usage.n_cached) == (1, 1)


def test_it_answers_from_a_journal_and_leaves_it_as_it_is(journal):
    backend = ScriptedBackend(lambda messages, sampling: "known text")
    walk(RecordedLLM(backend, journal), call("a"))
    llm = ForecastLLM(backend, journal)
    known, unknown = walk(llm, call("a"), call("b"))
    assert (known.text, known.cached, unknown.cached) == ("known text", True, False)
    assert journal.get(unknown.key) is None
    assert backend.n_calls == 1


def test_it_foretells_the_calls_a_run_then_makes(journal):
    calls = [call(f"{n % 5}") for n in range(12)]
    forecast, run = ForecastLLM(ScriptedBackend.echo()), RecordedLLM(ScriptedBackend.echo(), journal)
    walk(forecast, *calls)
    walk(run, *calls)
    assert (forecast.usage.n_calls, forecast.usage.prompt_tokens) == (run.usage.n_calls, run.usage.prompt_tokens)
