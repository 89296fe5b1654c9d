"""The table of replies through every path by which a model's words come back: all of them keep the same words."""

import asyncio
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.memory.clock import Clock
from tests.memory.town import job_rows, lived_in, memory_of, town
from tests.serve.conftest import calling, record
from tests.store.rows import BOTH
from tests.worlds import kit_for
from tests.writing.replies import ANSWERS, CUT, EMPTY, FINDING, GOOD, MATERIAL, REFUSED, REPLIES
from unlike.data.corpus import Corpus
from unlike.errors import CallFailed
from unlike.evaluate.running.run_method import Job, generation
from unlike.inspector.store.inspection import Inspection
from unlike.llm.journal import Call, Journal, key
from unlike.llm.recorded import RecordedLLM
from unlike.llm.scripted import ScriptedBackend
from unlike.methods.steps import ask
from unlike.methods.table import METHODS
from unlike.prompts.prompt import Ask
from unlike.records import Case, Item, Record

PEN = Item("pen", "Brass Pen", "A pen of solid brass.")
CASE = Case("c", "ada", "pen", 10**13, "Admissible", 4.0, "It is heavy.")
ABOUT = {"title": PEN.title, "description": PEN.description}
ASKED = {"user_id": "ada", "item_id": "pen", "item": ABOUT, "title": "Admissible", "rating": 4}


@pytest.fixture
def model():
    """A model that sends what it is told to."""
    told = SimpleNamespace(sends="")
    told.backend = ScriptedBackend(lambda messages, sampling: told.sends, name="told")
    return told


@pytest.fixture
def client(make_house, model):
    """The service over that model; two users wrote about the pen."""
    house = make_house(llm=model.backend)
    rows = [record(user, "pen", f"{user} has one.") | {"item": ABOUT} for user in ("ada", "bob")]
    with calling(house) as client:
        client.post("/v1/records", json={"records": rows, "consent": {"own": True, "peer": True}}).raise_for_status()
        yield client


def kit(backend, journal=None):
    corpus = Corpus([Record("r", "ada", "pen", "It has weight.", timestamp=1)], [PEN], [CASE])
    made = kit_for(corpus, backend)
    return made if journal is None else replace(made, llm=RecordedLLM(backend, journal))


def wanted(table):
    """What comes of each reply: its words, or why there are none."""
    return {reply.name: reply.left or reply.fails for reply in table}


def reason(text):
    """The failure that a message tells of."""
    return next((known for known in (CUT, EMPTY, REFUSED) if known in text), text)


def events_of(answer):
    blocks = [block.split("\n") for block in answer.text.strip().split("\n\n")]
    return [json.loads(lines[-1].removeprefix("data: ")) for lines in blocks if "[DONE]" not in lines[-1]]


def each(model, table, asked):
    """What a question comes to for each reply; a seed of its own makes it a call of its own."""
    made = kit(model.backend)

    async def all_of_them():
        came = {}
        for seed, reply in enumerate(table):
            model.sends = reply.sent
            came[reply] = await asked(replace(made, settings=made.settings.but(seed=seed)))
        return came

    return asyncio.run(all_of_them())


def test_a_run(model):
    came = each(model, REPLIES, lambda kit: generation(Job("non_perso", METHODS["non_perso"], (), kit), CASE))
    assert {reply.name: row.text or reason(row.error) for reply, row in came.items()} == wanted(REPLIES)
    for reply, failed in came.items():
        if reply.fails:
            assert (failed.status, failed.text) == ("failed", None)
            assert failed.error.endswith(f"engine sent: {reply.sent}")


def test_the_journal_keeps_replies_as_they_came(model, tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    question = Ask("generate", (), PEN, CASE)
    model.sends = f"<think>Hm.</think>Review: {GOOD}<|im_end|>"
    reply = asyncio.run(ask(question, kit(model.backend, journal)))
    assert reply.text == GOOD
    assert journal.get(reply.call["key"]).text == model.sends
    model.sends = "another"
    again = asyncio.run(ask(question, kit(model.backend, journal)))
    assert (again, model.backend.n_calls) == (reply, 1)
    journal.close()


def test_the_key_of_a_call_does_not_depend_on_cleaning():
    call = Call("generate", "template", [{"role": "user", "content": "Write."}])
    assert key(call, "m") == "a97639404576261798f343089804474b24cc5e327060961898c31ceee60acf35"


async def summary(kit):
    try:
        return (await ask(Ask("summary"), kit)).text
    except CallFailed as failure:
        return reason(str(failure))


def test_material(model):
    assert {reply.name: text for reply, text in each(model, MATERIAL, summary).items()} == wanted(MATERIAL)


def test_generate(client, model):
    came = {}
    for reply in REPLIES:
        model.sends = reply.sent
        answer = client.post("/v1/generate", json=ASKED)
        came[reply.name] = reply.fails if answer.status_code == 502 else answer.json().get("text")
    assert came == wanted(REPLIES)


def test_generate_as_a_stream(client, model):
    for reply in REPLIES:
        model.sends = reply.sent
        answer = client.post("/v1/generate", json=ASKED | {"stream": True})
        assert (answer.status_code == 502) == bool(reply.fails), reply.name
        if reply.fails:
            continue
        *pieces, done = events_of(answer)
        assert "".join(piece["text"] for piece in pieces) == done["text"] == reply.left, reply.name


def test_a_chat(client, model):
    body = {"model": "m", "messages": [{"role": "user", "content": "Write."}], "user": "ada"}
    for reply in ANSWERS:
        model.sends = reply.sent
        answer = client.post("/v1/chat/completions", json=body)
        assert (answer.status_code == 502) == bool(reply.fails), reply.name
        if not reply.fails:
            assert answer.json()["choices"][0]["message"]["content"] == reply.left, reply.name


def test_a_chat_as_a_stream(client, model):
    body = {"model": "m", "messages": [{"role": "user", "content": "Write."}], "stream": True}
    for reply in ANSWERS:
        model.sends = reply.sent
        answer = client.post("/v1/chat/completions", json=body)
        if reply.fails:
            assert answer.status_code == 502, reply.name
            continue
        events = events_of(answer)
        said = [choice["delta"].get("content") or "" for event in events for choice in event["choices"]]
        assert "".join(said) == reply.left, reply.name


@pytest.mark.parametrize("stream", [False, True])
def test_the_playground(client, model, stream):
    asked = {name: value for name, value in ASKED.items() if name != "item"} | {"method": "non_perso", "stream": stream}
    for reply in REPLIES[::3] if stream else REPLIES[1::3]:
        model.sends = reply.sent
        answer = client.post("/v1/playground", json=asked)
        last = (
            events_of(answer)[-1] if answer.headers["content-type"].startswith("text/event-stream") else answer.json()
        )
        if reply.fails:
            assert last["error"]["type"] == "llm_failed", reply.name
            continue
        assert last["text"] == reply.left, reply.name
        if stream:
            pieces = [event["text"] for event in events_of(answer)[:-1] if "step" not in event]
            assert "".join(pieces) == reply.left, reply.name


# What it costs, and what comes of a profile ---------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/generate", "/v1/chat/completions"])
def test_a_reply_without_words_is_paid_for(make_house, model, path, stream):
    house = make_house(llm=model.backend)
    model.sends = "<think>" + "so it goes " * 40
    chat = {"model": "m", "messages": [{"role": "user", "content": "Write."}]}
    body = (ASKED if path == "/v1/generate" else chat) | {"stream": stream}
    with calling(house) as client:
        house.leave_for_one(client, path, body)
        assert [client.post(path, json=body).status_code for _ in range(2)] == [502, 429]


def writer(difference, summary):
    """Answers a comparison and a summary, whose prompt shows what the comparison found."""

    def answer(messages, sampling):
        return summary if FINDING.splitlines()[-1] in messages[-1]["content"] else difference

    return ScriptedBackend(answer, name="writer")


SUMMARY = "The person writes short sentences. The person never exclaims."


def test_profiles_are_made_of_cleaned_words(in_sqlite):
    llm = writer(
        f"<think>Compare.</think>\n{FINDING}<|im_end|>", f"<think>Sum up.</think>Here is the profile:\n\n{SUMMARY}"
    )
    memory = lived_in(in_sqlite, town(), llm)
    statements = asyncio.run(memory.profile("ann")).statements
    assert {one.text for one in statements} == {"The person writes short sentences.", "The person never exclaims."}
    found = asyncio.run(Inspection(memory).differences("ann", "tea"))
    assert all("think" not in aspect.text and "|" not in aspect.text for one in found for aspect in one.aspects)
    assert any(one.aspects for one in found)


@pytest.mark.parametrize(
    ("difference", "summary"),
    [
        ("I'm sorry, but I can't assist with that.", SUMMARY),
        (FINDING, "As an AI language model, I cannot judge people."),
    ],
)
def test_a_refusal_never_stands_in_a_profile(in_sqlite, difference, summary):
    clock, memory = Clock(in_sqlite), memory_of(in_sqlite, writer(difference, summary))
    asyncio.run(memory.add(town(), BOTH))
    clock.work(memory)
    assert not any(user.profile_version for user in asyncio.run(memory.users()).rows)
    assert {bool(job.error) for job in job_rows(memory) if job.kind == "build"} == {True}
