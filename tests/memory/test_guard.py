"""Texts of others are never given out, however a stream is cut into pieces, and nothing else is held back."""

import asyncio
import re
import time
from contextlib import aclosing
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.memory.town import lived_in, memory_of, row
from tests.store.rows import BOTH
from unlike.errors import CallFailed
from unlike.llm.backend import Completion
from unlike.llm.scripted import ScriptedBackend
from unlike.memory.answers import Request, Written
from unlike.privacy.repeats import Others, repeats
from unlike.writing.repeat_guard import Repeated, guarded

N = 4
PEER = "My aunt’s tea-pot leaks; don't pour — it drips, drips and drips on 雨の中で歌 all day long."
WORDS = [
    *PEER.split(),
    "my",
    "aunt's",
    "don",
    "'t",
    "drip",
    "tea",
    "pot",
    "café",
    "e\u0301",
    "-",
    "…",
    "\n",
    "’",
    "雨の中",
    "oh",
]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=24).flatmap(
    lambda words: st.lists(st.sampled_from([" ", " ", " ", "", "\n\n"]), min_size=len(words), max_size=len(words)).map(
        lambda blanks: "".join(word + blank for word, blank in zip(words, blanks, strict=True))
    )
)
CUTS = st.lists(st.integers(0, 200), max_size=30)


def pieces_of(text, cuts):
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    return [text[first:last] for first, last in zip(places, places[1:], strict=False)]


def read(text, cuts, others=(PEER,), n_words=N):
    """What a stream gave out, and whether it was refused."""

    async def stream():
        for piece in pieces_of(text, cuts):
            yield piece
        yield Completion(text)

    async def reading():
        given_out = list[str]()
        try:
            async for piece in guarded(stream(), Others(others, n_words)):
                given_out.append(piece if isinstance(piece, str) else "")
        except Repeated:
            return given_out, True
        return given_out, False

    return asyncio.run(reading())


@given(TEXTS, CUTS)
@example("so it drips, drips and drips", [20, 25])
@example("My aunt’s tea-pot leaks", [5, 6, 7])
def test_just_what_repeats_is_refused_however_it_is_cut(text, cuts):
    found = repeats(text, [PEER], N)
    given_out, refused = read(text, cuts)
    assert refused == bool(found)
    if not refused:
        assert "".join(given_out) == text


@given(TEXTS, CUTS, st.integers(1, 6))
def test_what_is_given_out_before_a_refusal_is_the_text_up_to_the_run(text, cuts, n_words):
    given_out, refused = read(text, cuts, n_words=n_words)
    said = "".join(given_out)
    assert text.startswith(said)
    if refused:
        assert not repeats(said, [PEER], n_words)
        runs = repeats(text, [PEER], n_words)
        first = min(_start_of(run, text) for run in runs)
        assert len(said) <= first


def _start_of(run, text):
    """Where a run begins: as words of its own, where it stands so."""
    found = re.search(rf"(?<!\w){re.escape(run)}(?!\w)", text)
    return found.start() if found else text.find(run)


def test_a_word_that_grows_out_of_the_run_is_no_repeat():
    given_out, refused = read("we hear that it drips, drips and dripsomaniacs", [40], n_words=5)
    assert not refused and "".join(given_out).endswith("dripsomaniacs")


def test_seven_words_late_and_no_later():
    given_out, _ = read("one two three four five six seven", [4, 8, 14, 19, 24, 28])
    assert given_out[:3] == ["one ", "two ", "three "]


def test_without_others_nothing_is_held_back():
    given_out, _ = read("one two", [1, 2, 3], others=())
    assert given_out == ["o", "n", "e", " two", ""]


def test_long_texts_of_many_others_hold_up_no_stream():
    others = [" ".join(f"w{n}{word}" for word in range(500)) for n in range(32)]
    text = " ".join(f"own{word}" for word in range(2_000))
    started = time.process_time()
    given_out, refused = read(text, range(0, len(text), 5), others, 8)
    assert not refused and "".join(given_out) == text
    assert time.process_time() - started < 2


# Through the memory ---------------------------------------------------------------------------------------------------

SECRET = "the lighthouse keeper kept nine cats and none of them could swim"
ROWS = [
    row("ann", "tea", "Strong and plain, as I like it."),
    row("ann", "bread", "A good crust."),
    *(
        row(user, item, f"As {user} I say of {item} that {SECRET}.")
        for user in ("bob", "cleo")
        for item in ("tea", "bread")
    ),
]


class Parrot(ScriptedBackend):
    """Says a peer's words in the texts of requests, up to the one before ``clean_from``."""

    def __init__(self, said=SECRET, clean_from=99):
        super().__init__(self.say, name="parrot")
        self.said, self.clean_from, self.n_written = said, clean_from, 0
        self.closed = False

    def say(self, messages, sampling):
        if sampling.max_tokens != REQUEST.max_tokens:
            return "Writes briefly and to the point."
        self.n_written += 1
        return "Nothing of theirs." if self.n_written >= self.clean_from else f"Well, {self.said}, and so on it goes."

    async def stream(self, messages, sampling):
        try:
            async for piece in super().stream(messages, sampling):
                yield piece
        finally:
            self.closed = True


REQUEST = Request("ann", "tea", max_tokens=64)


def written(memory, request=REQUEST):
    return asyncio.run(memory.generate(request))


def streamed(memory, request=REQUEST):
    async def reading():
        async with aclosing(memory.stream(request)) as pieces:
            return [piece async for piece in pieces]

    return asyncio.run(reading())


def spent(memory):
    memory.close()
    from sqlalchemy import func, select

    from unlike.store.tables import SPEND

    with memory.tenant.read() as tx:
        return tx.conn.scalar(select(func.coalesce(func.sum(SPEND.c.tokens), 0)).where(SPEND.c.tenant == tx.tenant))


def test_a_repeated_text_is_asked_for_once_more(in_sqlite):
    llm = Parrot(clean_from=2)
    memory = lived_in(in_sqlite, ROWS, llm)
    built = spent(memory)
    answer = written(memory)
    assert answer.text == "Nothing of theirs." and answer.rung == "full" and not answer.repeats
    assert [sampling.seed for _, sampling in llm.calls[-2:]] == [0, 1]
    assert spent(memory) - built == answer.prompt_tokens + answer.completion_tokens


@pytest.mark.parametrize(("on_repeat", "n_calls"), [("block", 1), ("retry", 2)])
def test_what_repeats_is_not_given_out_but_paid_for(in_sqlite, on_repeat, n_calls):
    llm = Parrot()
    memory = lived_in(in_sqlite, ROWS, llm, on_repeat=on_repeat)
    built = spent(memory)
    with pytest.raises(Repeated, match="8 or more words") as refusal:
        written(memory)
    assert "cats" not in str(refusal.value)
    assert llm.n_written == n_calls
    one_prompt = llm.count_tokens(llm.calls[-1][0])
    assert spent(memory) - built > one_prompt * n_calls


def test_the_titles_of_others_are_guarded_as_their_texts_are(in_sqlite):
    rows = [one if one.record.user_id == "ann" else retitled(one) for one in ROWS]
    memory = lived_in(in_sqlite, rows, Parrot())
    with pytest.raises(Repeated):
        written(memory)


def retitled(one):
    return replace(one, record=replace(one.record, text="Good.", title=SECRET))


def test_what_repeats_is_marked_where_that_is_wanted(in_sqlite):
    memory = lived_in(in_sqlite, ROWS, Parrot(), on_repeat="mark")
    assert SECRET in written(memory).repeats[0]
    *pieces, whole = streamed(memory)
    assert isinstance(whole, Written) and "".join(pieces) == whole.text and SECRET in whole.repeats[0]


@pytest.mark.parametrize("on_repeat", ["block", "retry"])
def test_a_stream_stops_in_front_of_the_run_and_is_paid_for(in_sqlite, on_repeat):
    llm = Parrot()
    memory = lived_in(in_sqlite, ROWS, llm, on_repeat=on_repeat)
    built = spent(memory)
    given_out = list[str]()

    async def reading():
        async for piece in memory.stream(REQUEST):
            given_out.append(piece)

    with pytest.raises(Repeated):
        asyncio.run(reading())
    assert "lighthouse" not in "".join(given_out)
    assert llm.closed and spent(memory) - built >= llm.count_tokens(llm.calls[-1][0])


def test_seven_words_of_a_peer_are_nobodys(in_sqlite):
    memory = lived_in(in_sqlite, ROWS, Parrot("the lighthouse keeper kept nine cats and"))
    assert "lighthouse" in written(memory).text
    assert "lighthouse" in streamed(memory)[-1].text


def test_own_words_may_be_repeated(in_sqlite):
    own = "I have been drinking this very tea since the spring of that year"
    memory = lived_in(in_sqlite, [row("ann", "soup", own), *ROWS], Parrot(own))
    assert own in written(memory).text


def test_whoever_leaves_early_stops_the_engine_and_pays_for_what_was_written(in_sqlite):
    llm = Parrot("of all the things that one could say of tea " * 20)
    memory = lived_in(in_sqlite, ROWS, llm)
    built = spent(memory)

    async def leaving():
        async with aclosing(memory.stream(REQUEST)) as pieces:
            async for _ in pieces:
                break
        assert llm.closed, "the engine's stream was left open"

    asyncio.run(leaving())
    prompt = llm.count_tokens(llm.calls[-1][0])
    assert prompt < spent(memory) - built < prompt + 50


def test_a_stream_that_never_began_costs_nothing(in_sqlite):
    def fails(_messages, _sampling):
        raise CallFailed("no")

    memory = memory_of(in_sqlite, ScriptedBackend(fails))
    asyncio.run(memory.add([row()], BOTH))
    with pytest.raises(CallFailed):
        streamed(memory)
    assert spent(memory) == 0
