"""Faults of replies: each has a name, a good reply has none, and a reply with faults is written again where that is set."""

import asyncio

import pytest

from tests.writing.expected import WORDS
from unlike.errors import CallFailed, EmptyAnswer
from unlike.llm.backend import Sampling
from unlike.llm.forecast import ForecastLLM
from unlike.llm.journal import Call, Journal
from unlike.llm.recorded import RecordedLLM
from unlike.llm.scripted import ScriptedBackend
from unlike.prompts.prompt import Ask, Passage
from unlike.records import Case
from unlike.writing.draft import Draft
from unlike.writing.expected import Expected, expected_of
from unlike.writing.faults import faults as faults_of
from unlike.writing.write import write

PAST = ("I bought it in May and it still writes well, which is all I ask.",)
GOOD = "I bought another one, and that one leaks on everything I own."
DESCRIPTION = "A pen of solid brass that is made by hand in a small town."
TEXT = Expected("text", WORDS, ("Again", "Pen"), "2", PAST, DESCRIPTION)


@pytest.mark.parametrize(
    ("reply", "faults"),
    [
        (GOOD, ()),
        (f"Sure! Here is the review:\n\n{GOOD}", ("framing",)),
        (f"```\n{GOOD}\n```", ("framing",)),
        (GOOD + " It is a pen of solid brass that is made by hand.", ("description retold",)),
        ("No.", ("length",)),
        (" ".join(f"{GOOD} That was in {year}." for year in range(2001, 2005)), ("length",)),
        ("<think>Hm.</think>", ("no text",)),
        ("Я купил ещё одну, и она течёт на всё подряд, вот беда.", ("language",)),
        ("The socks came off. " * 6, ("loop",)),
    ],
)
def test_faults_of_a_text(reply, faults):
    assert faults_of(reply, False, TEXT) == faults


CHINESE = Expected(
    "text",
    WORDS,
    past=("这支钢笔我用了很多年，写起来一直很顺手。",),
    description="这支黄铜钢笔由小镇上的工匠手工打造。",
)


@pytest.mark.parametrize(
    ("reply", "faults"),
    [
        ("我又买了一支，可是它到处漏墨，真让人失望。", ()),
        ("这支黄铜钢笔由小镇上的人卖给我，到处漏墨。", ()),  # eleven characters in a row are five words
        ("我喜欢：这支黄铜钢笔由小镇上的工匠手工打造。", ("description retold",)),
        ("真的很好用，" * 8, ("loop",)),
        ("真好，真好，真好，真好，真好，我很喜欢它。", ()),
        ("I bought another one, and that one leaks.", ("language",)),
        ("もう一本買いましたが、どこでもインクが漏れます。", ()),  # Japanese has Chinese characters too
    ],
)
def test_in_scripts_without_spaces_two_characters_count_as_a_word(reply, faults):
    assert faults_of(reply, False, CHINESE) == faults


@pytest.mark.parametrize(
    ("past", "reply", "faults"),
    [
        ("Ｔｈｅ ｂｅｓｔ ｐｅｎ", "Another best pen", ()),  # full width is Latin
        ("Η πένα είναι καλή", "Η πένα χάλασε", ()),
        ("Η πένα είναι καλή", "The pen is good.", ("language",)),
        ("Café très bon", "Un autre café", ()),
        ("펜이 좋아요", "펜이 좋아요 정말", ()),
        ("12345 !!!", "12345 ???", ()),
    ],
)
def test_the_language_is_told_by_the_script_of_the_letters(past, reply, faults):
    assert faults_of(reply, False, Expected("text", WORDS, past=(past,))) == faults


def test_a_loop_in_the_thoughts_is_none_of_the_text():
    assert faults_of(f"<think>{'The socks came off. ' * 9}</think>{GOOD}", False, TEXT) == ("framing",)


def test_blank_past_texts_say_nothing_of_the_length():
    past = [Passage("past", text) for text in ("", " ", PAST[0])]
    expected = expected_of(Ask("generate", tuple(past), request=Case("c", "u", "i", 1, "Hello")), WORDS)
    assert expected.past == PAST


def test_a_text_that_was_cut_off():
    assert faults_of(GOOD, True, TEXT) == ("cut off",)


def test_faults_of_a_difference():
    asked = Expected("material", WORDS, dimensions=("writing", "emotional"))
    assert faults_of("writing: counts.\n**Emotional:** calm.", False, asked) == ()
    assert faults_of("writing: counts.", False, asked) == ("dimension missing",)
    assert faults_of("writing: x.\nemotional:", False, asked) == ("dimension missing",)


def draft(rewrites, temperature=0.8):
    call = Call("generate", "", [{"role": "user", "content": "Write."}], Sampling(temperature, seed=3), ("r1",))
    return Draft(call, TEXT, rewrites=rewrites)


def written(replies, rewrites):
    left = iter(replies)
    backend = ScriptedBackend(lambda messages, sampling: next(left))
    reply = asyncio.run(write(draft(rewrites), RecordedLLM(backend)))
    return reply, [sampling.seed for _, sampling in backend.calls]


def test_a_reply_is_kept_as_it_came_where_nothing_is_written_again():
    reply, seeds = written(["No."], 0)
    assert (reply.text, seeds) == ("No.", [3])
    assert "faults" not in reply.call


def test_a_reply_with_a_fault_is_written_again_with_other_random_numbers_until_one_has_none():
    reply, seeds = written(["No.", f"{GOOD} It is a pen of solid brass that is made by hand.", GOOD, "never asked"], 5)
    assert (reply.text, seeds) == (GOOD, [3, 1003, 2003])
    assert (reply.call["rewrites"], reply.call["faults"]) == (2, [])


def test_the_reply_with_the_fewest_faults_is_kept_and_all_attempts_are_counted():
    long = "It is a pen of solid brass that is made by hand. " * 6
    reply, seeds = written([long, "No.", "<think>Hm.</think>"], 2)
    assert (reply.text, seeds) == ("No.", [3, 1003, 2003])
    assert (reply.call["rewrites"], reply.call["faults"]) == (2, ["length"])
    one, _ = written(["No."], 0)
    assert reply.call["prompt_tokens"] == 3 * one.call["prompt_tokens"]


def test_a_later_attempt_that_fails_loses_nothing():
    def answer(messages, sampling):
        if sampling.seed > 3:
            raise CallFailed("overloaded")
        return "No."

    reply = asyncio.run(write(draft(3), RecordedLLM(ScriptedBackend(answer))))
    assert (reply.text, reply.call["rewrites"], reply.call["faults"]) == ("No.", 1, ["length"])


def test_attempts_that_came_to_nothing_are_counted_with_their_tokens():
    def answer(messages, sampling):
        if sampling.seed < 2000:
            raise EmptyAnswer("the answer is empty", tokens=7)
        return GOOD

    llm = RecordedLLM(ScriptedBackend(answer))
    reply = asyncio.run(write(draft(3), llm))
    assert (reply.call["rewrites"], llm.usage.n_calls) == (2, 3)
    used = (reply.call["prompt_tokens"], reply.call["completion_tokens"])
    assert used == (llm.usage.prompt_tokens, llm.usage.completion_tokens)


def empty_at(*seeds):
    def answer(messages, sampling):
        if sampling.seed in seeds:
            raise EmptyAnswer("the answer is empty")
        return GOOD

    return ScriptedBackend(answer)


@pytest.mark.parametrize("journal", [None, Journal.open(None)])
def test_an_empty_answer_is_asked_for_again(journal):
    llm = RecordedLLM(empty_at(3, 1003), journal)
    for _ in range(2):  # the second time from what is known
        reply = asyncio.run(write(draft(2), llm))
        assert (reply.text, reply.call["rewrites"], reply.call["faults"]) == (GOOD, 2, [])
    with pytest.raises(EmptyAnswer):
        asyncio.run(write(draft(1), llm))
    with pytest.raises(EmptyAnswer):
        asyncio.run(write(draft(3, temperature=0.0), RecordedLLM(empty_at(3))))


def test_at_temperature_zero_the_same_answer_is_not_asked_for_again():
    backend = ScriptedBackend(lambda messages, sampling: "No.")
    assert asyncio.run(write(draft(3, temperature=0.0), RecordedLLM(backend))).text == "No."
    assert backend.n_calls == 1


def test_a_forecast_assumes_no_faults():
    llm = ForecastLLM(ScriptedBackend.echo())
    asyncio.run(write(draft(3), llm))
    assert llm.usage.n_calls == 1


def test_framing_is_cleaned_and_not_written_again():
    reply, seeds = written([f"Sure! Here is the review:\n\n{GOOD}"], 3)
    assert (reply.text, seeds) == (GOOD, [3])


def test_attempts_without_any_text_are_a_failure():
    with pytest.raises(CallFailed, match="no text is left"):
        written(["<think>Hm.</think>"] * 2, 1)
