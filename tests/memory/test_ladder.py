"""Each rung of the ladder is reached by somebody, and the answer says which and why."""

import asyncio

import pytest

from tests.memory.clock import Clock
from tests.memory.town import REDACTOR, lived_in, memory_of, row, settle, town
from tests.store.rows import BOTH
from unlike.errors import CallFailed
from unlike.llm.scripted import ScriptedBackend
from unlike.memory.answers import Evidence, Request
from unlike.memory.settings import Refresh
from unlike.store import jobs
from unlike.store.users import Consent

OWN = Consent(own=True, peer=False)


def rung(memory, user_id, **request):
    answer = asyncio.run(memory.generate(Request(user_id, "tea", **request)))
    return answer.rung, answer.why, answer.profile_version


def add(memory, *rows, consent=OWN):
    asyncio.run(memory.add(rows, consent))


def test_somebody_nobody_has_seen(in_sqlite):
    memory = lived_in(in_sqlite)
    assert rung(memory, "stranger") == ("plain", "nothing is known of this user", None)


def test_somebody_who_does_not_want_it(in_sqlite):
    memory = lived_in(in_sqlite)
    asyncio.run(memory.set_consent("ann", own=False))
    assert rung(memory, "ann") == ("plain", "this user does not agree to the use of own records", None)


def test_too_few_records_for_a_profile(in_sqlite):
    memory = lived_in(in_sqlite)
    add(memory, row("eve", "tea"))
    settle(memory)
    assert rung(memory, "eve") == ("own_records", "records: 1; a profile takes 2", None)


def test_more_are_asked_for_than_are_shown(in_sqlite):
    memory = lived_in(in_sqlite, [row("eve", f"item{n}") for n in range(5)] + town(), min_records=6)
    assert rung(memory, "eve")[:2] == ("own_records", "records: 5; a profile takes 6")


def test_a_profile_on_its_way(in_sqlite):
    memory = memory_of(in_sqlite)
    add(memory, row("eve", "tea"), row("eve", "bread"))
    assert rung(memory, "eve") == ("own_records", "the profile is not built yet", None)
    settle(memory)
    assert rung(memory, "eve")[0] == "own_summary"


def test_a_profile_that_cannot_be_built(in_sqlite):
    def fails(_messages, sampling):
        if sampling.max_tokens == 256:
            raise CallFailed("no")
        return "A text."

    clock = Clock(in_sqlite)
    memory = memory_of(in_sqlite, ScriptedBackend(fails))
    add(memory, row("eve", "tea"), row("eve", "bread"))
    for _ in range(jobs.MAX_ATTEMPTS):
        clock.work(memory)
        clock.later(60)
    assert rung(memory, "eve")[:2] == ("own_records", "the profile could not be built; see the jobs")


def test_nobody_to_be_compared_with(store):
    memory = memory_of(store)
    add(memory, row("eve", "tea"), row("eve", "bread"))
    settle(memory)
    assert rung(memory, "eve") == ("own_summary", "version 1; too few others wrote about the same items", 1)


def test_others_who_do_not_agree_to_be_compared(store):
    memory = memory_of(store)
    add(memory, *(row(user, item) for user in ("eve", "ann", "bob") for item in ("tea", "bread")))
    settle(memory)
    why = "version 1; too few of those who wrote about the same items agree to be compared (consent, peer)"
    assert rung(memory, "eve") == ("own_summary", why, 1)


def test_a_profile_written_by_hand(in_sqlite):
    memory = memory_of(in_sqlite)
    add(memory, row("eve", "tea"), consent=BOTH)
    asyncio.run(memory.edit("eve", [Evidence("Never uses commas.")]))
    assert rung(memory, "eve") == ("own_summary", "version 1; it was written by hand", 1)


def test_everything(store):
    memory = lived_in(store)
    assert rung(memory, "ann") == ("full", "version 1, compared with others on the same items", 1)


def test_all_statements_held_back(in_sqlite):
    """A profile of which nothing may be kept is no profile, and an empty one is in no prompt."""
    llm = ScriptedBackend(lambda *_: "Writes as a devout Catholic who suffers from diabetes.")
    memory = lived_in(in_sqlite, llm=llm)
    assert rung(memory, "ann") == ("own_records", "the profile holds no statement", None)
    prompt = "\n".join(message["content"] for message in llm.calls[-1][0])
    assert "How you write" not in prompt and "What ann has to say of tea." in prompt


def test_a_stale_profile_is_used_until_there_is_a_better_one(in_sqlite):
    memory = lived_in(in_sqlite, refresh=Refresh(debounce_s=0.0))
    add(memory, row("ann", "soup"))
    assert asyncio.run(memory.profile("ann")).stale
    assert rung(memory, "ann")[0] == "full"


@pytest.mark.parametrize("n_shown", [0, 1, 2])
def test_the_latest_own_records_are_shown_beside_the_profile(in_sqlite, n_shown):
    llm = ScriptedBackend.echo()
    memory = lived_in(in_sqlite, [row("ann", "soup", at=1_700_000_009_000), *town()], llm, shown_records=n_shown)
    rung(memory, "ann")
    prompt = "\n".join(message["content"] for message in llm.calls[-1][0])
    assert prompt.count("What ann has to say of") == n_shown
    assert ("What ann has to say of soup" in prompt) == (n_shown > 0)
    assert not [other for other in ("bob", "cleo", "dora") if f"What {other} has" in prompt]
    assert REDACTOR.redact(prompt).text == prompt
