"""The LLM whose answers are written beforehand."""

import asyncio
import json
import time
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlike.errors import CallFailed, EngineError, InputError
from unlike.llm.backend import Sampling
from unlike.llm.scripted import ScriptedBackend

RULES = """
default = ["first", "second", "third"]
context_tokens = 4096

[[rules]]
contains = "flaky"
fail = "overloaded"
times = 2

[[rules]]
regex = "(?i)summari[sz]e"
answer = "Short."

[[rules]]
contains = "broke"
stop = "no credit left"
"""


def ask(backend, text, sampling=Sampling()):  # noqa: B008 - frozen
    return asyncio.run(backend.complete([{"role": "user", "content": text}], sampling)).text


@pytest.fixture
def rules(tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text(RULES)
    return file


def test_the_first_rule_that_matches_wins(rules):
    assert ask(ScriptedBackend.from_file(rules), "please SUMMARISE this, or you are broke") == "Short."


def test_a_rule_may_fail_a_number_of_times(rules):
    backend = ScriptedBackend.from_file(rules)
    for _ in range(2):
        with pytest.raises(CallFailed, match="overloaded"):
            ask(backend, "flaky")
    assert ask(backend, "flaky") in ("first", "second", "third")
    assert backend.n_calls == 3


def test_a_rule_may_stop_the_run(rules):
    with pytest.raises(EngineError, match="no credit left"):
        ask(ScriptedBackend.from_file(rules), "broke")


def test_defaults_are_stable_and_differ(rules):
    texts = [[ask(ScriptedBackend.from_file(rules), f"case {n}") for n in range(20)] for _ in range(2)]
    assert texts[0] == texts[1]
    assert set(texts[0]) == {"first", "second", "third"}


def test_json_says_the_same_and_a_changed_file_is_another_model(tmp_path, rules):
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"rules": [{"contains": "a", "answer": "b"}]}))
    before = ScriptedBackend.from_file(file)
    file.write_text(json.dumps({"rules": [{"contains": "a", "answer": "c"}]}))
    after = ScriptedBackend.from_file(file)
    assert (ask(before, "a"), ask(after, "a")) == ("b", "c")
    assert before.model != after.model
    assert ScriptedBackend.from_file(rules).context_tokens == 4096


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rules = 3", "rules"),
        ("ruels = []", "ruels is unknown; did you mean rules\\? allowed are rules, default"),
        ("[[rules]]\ncontains='a'\nregex='b'\nanswer='c'", "exactly one of: contains, regex"),
        ("[[rules]]\ncontains='a'", "exactly one of: answer, fail, stop"),
        ("[[rules]]\nregex='('\nanswer='c'", "rules.0.regex"),
        ("= what", "not TOML or JSON"),
        ("latency_s = -1\ndefault = []", "default.*latency_s"),
    ],
)
def test_a_file_that_is_no_script_is_told_in_one_line(tmp_path, text, told):
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=told) as error:
        ScriptedBackend.from_file(file)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        ScriptedBackend.from_file(tmp_path / "none.toml")


def test_echo_gives_words_of_the_prompt_that_differ_by_case():
    backend = ScriptedBackend.echo()
    prompt = " ".join(f"w{n}" for n in range(200))
    text = ask(backend, prompt)
    assert text == ask(backend, prompt)
    assert text != ask(backend, f"{prompt} more")
    assert set(text.split()) <= set(prompt.split())
    assert len(text.split()) == 60
    assert ask(backend, "") == "nothing"


def test_echo_differs_by_seed_unless_greedy():
    backend = ScriptedBackend.echo()
    prompt = " ".join(f"w{n}" for n in range(200))
    texts = [ask(backend, prompt, Sampling(temperature, seed=seed)) for temperature in (0.8, 0.0) for seed in (1, 2)]
    assert texts[0] != texts[1]
    assert texts[2] == texts[3]


def test_it_claims_to_know_schemas_only_when_told_to(rules):
    assert not ScriptedBackend.echo().offers_schema
    assert not ScriptedBackend.from_file(rules).offers_schema
    assert ScriptedBackend(lambda messages, sampling: "ok", offers_schema=True).offers_schema


def test_it_remembers_what_it_was_asked():
    backend = ScriptedBackend(lambda messages, sampling: "ok", name="mine")
    ask(backend, "this")
    assert backend.model == "scripted:mine"
    assert backend.calls == [([{"role": "user", "content": "this"}], Sampling())]


@given(st.text(" \n\u3000ab😀", max_size=20))
def test_words_joined_are_the_answer_to_the_letter(text):
    backend = ScriptedBackend(lambda messages, sampling: text)

    async def streamed():
        return [piece async for piece in backend.stream([], Sampling())]

    *words, last = asyncio.run(streamed())
    assert "".join(words) == last.text == text
    assert len(words) == max(len(text.split()), 1 if text else 0) + (1 if text.strip() and text[-1].isspace() else 0)


def test_a_stream_takes_as_long_as_an_answer_and_stops_when_it_is_closed():
    backend = ScriptedBackend(lambda messages, sampling: "word " * 1000, latency_s=100.0)

    async def leave():
        started = time.monotonic()
        async with aclosing(backend.stream([], Sampling())) as pieces:
            assert await anext(pieces) == "word"
        return time.monotonic() - started

    assert 0.09 < asyncio.run(leave()) < 50
    assert backend.n_calls == 1


def test_what_a_script_fails_fails_before_the_first_word(rules):
    backend = ScriptedBackend.from_file(rules)
    with pytest.raises(CallFailed, match="overloaded"):
        asyncio.run(anext(backend.stream([{"role": "user", "content": "flaky"}], Sampling())))
    assert backend.n_calls == 1
