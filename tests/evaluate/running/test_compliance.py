"""Compliance: what is wrong with a reply has a name, and a good one has no fault."""

import asyncio
from dataclasses import replace

import pytest
from tests.worlds import Listening, kit_for, world

from unlike.evaluate.running.compliance import Checked, compliance_of, material_faults, shares, text_faults
from unlike.evaluate.running.run import arun
from unlike.llm.journal import Journal
from unlike.llm.recorded import RecordedLLM
from unlike.prompts.task import open_task
from unlike.writing.expected import Expected

TASK = open_task()
TEXT = Expected("text", TASK.words, ("Again", "Pen"), "2")
SHOWN = ["I bought it in May and it still writes well, which is all I ask."]
GOOD = "I bought another one, and that one leaks on everything I own."
DESCRIPTION = "A pen of solid brass that is made by hand in a small town."


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
    assert set(faults) == set(text_faults(reply, False, TEXT, DESCRIPTION, SHOWN)) - {
        "length" if faults != ("length",) else ""
    }


def test_a_text_that_was_cut_off():
    assert text_faults(GOOD, True, TEXT, DESCRIPTION, SHOWN) == ("cut off",)


def test_faults_of_a_difference():
    material, names = Expected("material", TASK.words), ("writing", "emotional")
    assert material_faults("writing: counts.\n**Emotional:** calm.", False, material, names) == ()
    assert material_faults("writing: counts.", False, material, names) == ("dimension missing",)
    assert material_faults("writing: x.\nemotional:", False, material, names) == ("dimension missing",)


def test_the_replies_behind_a_run(tmp_path):
    crowd = [(user, item, item) for user in range(6) for item in range(5)]
    corpus = world(crowd, [crowd.index((0, 4, 4))])
    reply = "writing: counts.\nemotional: calm.\nsemantic: little."
    backend, journal = Listening(lambda messages: reply), Journal(tmp_path / "j.sqlite")
    opened = replace(kit_for(corpus, backend, n_records=2, n_peers=2), llm=RecordedLLM(backend, journal))
    asyncio.run(arun(corpus, "dpl", opened, tmp_path / "run"))
    journal.close()
    found = shares(compliance_of(tmp_path / "run", tmp_path / "j.sqlite", corpus, TASK))
    assert found["difference", "dpl"][:2] == (1.0, 2)
    assert found["summary", "dpl"][:2] == (1.0, 1)
    assert found["text", "dpl"][1] == 1


def test_shares_count_replies_without_a_fault():
    checked = [Checked("text", "rag", ()), Checked("text", "rag", ("length", "loop"))]
    assert shares(checked) == {("text", "rag"): (0.5, 2, {"length": 1, "loop": 1})}
