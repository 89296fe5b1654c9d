"""A peer's words leave by no door: not in a profile or an export either, and not with characters that nobody sees."""

import asyncio
import json

import pytest

from tests.memory.town import lived_in, row, town
from tests.store.conftest import empty_file, in_sqlite  # noqa: F401 - fixtures
from unlike.inspector.store.inspection import Inspection
from unlike.llm.scripted import ScriptedBackend
from unlike.privacy.repeats import Others, repeats

SAID = "quokkas hum beneath turquoise umbrellas on every second Thursday of the month"
HIDES = {
    "as it is": SAID,
    "soft hyphens": SAID.replace("u", "u\u00ad"),
    "no width in words": "\u200b".join(SAID),
    "no width between words": SAID.replace(" ", "\u200b"),
    "both": SAID.replace(" ", " \u200b "),
    "joiners and marks": SAID.replace("e", "e\u200d").replace("o", "o\ufe0f"),
    "wide letters": "".join(chr(ord(one) + 0xFEE0) if one.isalpha() else one for one in SAID),
    "punctuation": SAID.replace(" ", ", "),
}


@pytest.mark.parametrize("hidden", HIDES.values(), ids=HIDES)
def test_hidden_words_are_seen(hidden):
    assert repeats(f"So: {hidden}!", [SAID])
    assert repeats(SAID, [hidden])


@pytest.mark.parametrize("hidden", HIDES.values(), ids=HIDES)
def test_a_stream_gives_out_nothing_of_them(hidden):
    others = Others([SAID])
    for end in range(len(hidden)):
        first, whole = others.cut(f"So: {hidden[:end]}")
        assert first <= 4 or others.runs_in(f"So: {hidden[:end]}"[:whole])


PEERS = {"text": row("peer", "tea", f"{SAID}."), "title": row("peer", "tea", "Good tea.", title=SAID)}


@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
@pytest.mark.parametrize("hidden", HIDES.values(), ids=HIDES)
def test_they_are_in_no_profile_and_no_export(in_sqlite, hidden, peer):  # noqa: F811 - a fixture
    """Before, thirteen words in a row came out of both."""

    def tells(messages, _sampling):
        told = any("quokkas" in message["content"].lower() for message in messages)
        return f"Others say: {hidden}. This person never does so." if told else f"This person is brief. Not: {hidden}."

    memory = lived_in(in_sqlite, [*town(), peer], ScriptedBackend(tells))
    for user in ("ann", "bob", "cleo", "dora"):
        profile = asyncio.run(memory.profile(user))
        export = asyncio.run(memory.export(user))
        assert profile.statements, "what is the person's own stays"
        assert not any(repeats(statement.text, [SAID]) for statement in profile.statements)
        assert export["differences"]
        for text in texts(export):
            assert not repeats(text, [SAID]), json.dumps(export)


@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
def test_they_are_in_no_difference_on_demand(in_sqlite, peer):  # noqa: F811 - a fixture
    repeating = ScriptedBackend(lambda *_: f"writing: others say {SAID}, this person never.")
    memory = lived_in(in_sqlite, [*town(), peer], repeating)
    found = asyncio.run(Inspection(memory).compare("ann", "tea", 4, "kmeans"))
    (aspect,) = found.aspects
    assert aspect.text == "others say [...], this person never."


def texts(part):
    if isinstance(part, dict | list):
        for below in part.values() if isinstance(part, dict) else part:
            yield from texts(below)
    elif isinstance(part, str):
        yield part
