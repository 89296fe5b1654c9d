"""Compliance: the replies behind a run are found and counted."""

import asyncio
from dataclasses import replace

from benchmarks.replies import Checked, compliance_of, shares
from tests.worlds import Listening, kit_for, world

from unlike.evaluate.running.run_method import arun
from unlike.llm.journal import Journal
from unlike.llm.recorded import RecordedLLM
from unlike.prompts.task import open_task

TASK = open_task()


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


def test_differences_of_drp_are_checked_for_the_dimensions_that_it_found(tmp_path):
    crowd = [(user, item, item) for user in range(6) for item in range(5)]
    corpus = world(crowd, [crowd.index((0, 4, 4))])

    def reply(messages):
        asked = messages[-1]["content"]
        return (
            "- sound: how it sounds\n- look: how it looks" if "- name:" in asked.lower() else "sound: loud.\nlook: odd."
        )

    backend, journal = Listening(reply), Journal(tmp_path / "j.sqlite")
    opened = replace(kit_for(corpus, backend, n_records=2, n_peers=2), llm=RecordedLLM(backend, journal))
    asyncio.run(arun(corpus, "drp", opened, tmp_path / "run"))
    journal.close()
    found = shares(compliance_of(tmp_path / "run", tmp_path / "j.sqlite", corpus, TASK))
    assert found["difference", "drp"][:2] == (1.0, 2)


def test_shares_count_replies_without_a_fault():
    checked = [Checked("text", "rag", ()), Checked("text", "rag", ("length", "loop"))]
    assert shares(checked) == {("text", "rag"): (0.5, 2, {"length": 1, "loop": 1})}
