"""A method over many cases: every case is a row, failed ones say why, and running again pays for nothing twice."""

import asyncio
import json

import pytest
from tests.worlds import Listening, kit_for, world

from unlike.api import open_kit
from unlike.errors import CallFailed, CustomCodeFailed, EngineError, InputError
from unlike.evaluate.running.run_method import Job, arun, generation, pick_cases, read_run, run_jobs, write_run
from unlike.experiments.run import run
from unlike.methods.table import METHODS
from unlike.settings import MethodSettings

CROWD = [(user, item, item) for user in range(5) for item in range(4)]
LAST = [i for i, (_, item, _) in enumerate(CROWD) if item == 3]


@pytest.fixture
def crowd():
    return world(CROWD, LAST)


def test_rows_come_in_the_order_of_the_cases_and_hold_everything(crowd, tmp_path):
    seen = []
    kit = kit_for(crowd, Listening())
    rows = asyncio.run(arun(crowd, "rag", kit, tmp_path, on_progress=seen.append))
    assert [row.case_id for row in rows] == [case.id for case in crowd.cases("test")]
    assert all(row.status == "done" and row.reference for row in rows)
    assert (seen[-1].n_cases, seen[-1].n_done, seen[-1].n_failed) == (5, 5, 0)
    again, facts = read_run(tmp_path)
    assert again == rows
    assert facts["n_calls"] == facts["n_done"] == 5
    assert facts["prompt_tokens"] == 50
    without = [case for case in crowd.cases("test") if not crowd.has_peers(case, "as_of")]
    assert (facts["n_cases"], facts["n_without_peers"]) == (5, len(without))
    assert facts["corpus_hash"] == crowd.hash


def test_a_failed_call_is_a_row_with_a_reason_and_the_next_start_completes_it(crowd, tmp_path):
    def answer(messages):
        return CallFailed("overloaded", "503 busy") if "item 0" in str(messages).lower() and broken else "fine"

    broken = True
    kit = open_kit(crowd, Listening(answer), "hashing:64", journal=tmp_path / "j.sqlite")
    rows = asyncio.run(arun(crowd, "rag", kit, tmp_path / "a"))
    assert {row.status for row in rows} == {"failed"}
    assert all(row.text is None and "overloaded" in row.error and "503 busy" in row.error for row in rows)
    broken = False
    kit = open_kit(crowd, Listening(answer), "hashing:64", journal=tmp_path / "j.sqlite")
    rows = asyncio.run(arun(crowd, "rag", kit, tmp_path / "a"))
    assert {row.text for row in rows} == {"fine"}


def test_running_again_asks_nothing_and_writes_the_same_rows(crowd, tmp_path):
    first, second = Listening(), Listening()
    for backend in (first, second):
        kit = open_kit(crowd, backend, "hashing:64", journal=tmp_path / "j.sqlite")
        asyncio.run(arun(crowd, "dpl", kit, tmp_path / str(id(backend))))
    assert len(first.asked) > 0
    assert second.asked == []
    rows = [(tmp_path / str(id(backend)) / "generations.jsonl").read_bytes() for backend in (first, second)]
    assert rows[0] == rows[1]


def test_an_engine_that_cannot_work_stops_the_run(crowd, tmp_path):
    kit = kit_for(crowd, Listening(lambda messages: EngineError("no such model")))
    with pytest.raises(EngineError, match="no such model"):
        asyncio.run(arun(crowd, "rag", kit, tmp_path))
    with pytest.raises(InputError, match="no finished run"):
        read_run(tmp_path)


def test_a_folder_that_is_no_run_names_the_runs_there(crowd, tmp_path):
    run = tmp_path / "mine" / "runs" / "rag_t0.8_s0"
    asyncio.run(arun(crowd, "rag", kit_for(crowd, Listening()), run))
    for folder in (tmp_path / "mine", run.with_name("rag")):
        with pytest.raises(InputError) as told:
            read_run(folder)
        assert str(told.value) == f"{folder} is no run; the runs there are {run}"


def test_at_most_window_cases_are_under_way(crowd):
    under_way, most = 0, 0

    async def method(case, kit):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return await METHODS["non_perso"](case, kit)

    asyncio.run(run_jobs([Job("m", method, crowd.cases("test"), kit_for(crowd))], generation, window=2))
    assert most == 2


def test_no_cases_in_a_split_says_what_to_do(crowd):
    with pytest.raises(InputError, match="unlike corpus DIR"):
        pick_cases(crowd, "train", None)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_run(tmp_path / "file" / "run", [], {})


def test_a_damaged_run_is_one_line(tmp_path, crowd):
    asyncio.run(arun(crowd, "non_perso", kit_for(crowd), tmp_path))
    (tmp_path / "generations.jsonl").write_text('{"half": ')
    with pytest.raises(InputError, match="cannot be read"):
        read_run(tmp_path)


def test_the_synchronous_door(crowd, tmp_path):
    rows = run(crowd, "rag", "scripted:echo", tmp_path, embedder="hashing:64", limit=2)
    assert len(rows) == 2
    assert json.loads((tmp_path / "run.json").read_text())["llm"] == "scripted:echo"


def test_bm25_of_the_whole_run_reads_settings(crowd, tmp_path):
    kit = open_kit(crowd, Listening(), "hashing:64", MethodSettings(n_records=1))
    rows = asyncio.run(arun(crowd, "rag", kit, tmp_path))
    assert {len(row.trace["past"]) for row in rows} == {1}


def test_an_error_in_a_method_of_ones_own_names_method_and_case_and_keeps_its_cause(crowd, tmp_path, monkeypatch):
    async def mine(case, kit):
        if case is crowd.cases("test")[1]:
            return {}["nothing"]
        return await METHODS["non_perso"](case, kit)

    monkeypatch.setitem(METHODS, "mine", mine)
    case = crowd.cases("test")[1].id
    with pytest.raises(
        CustomCodeFailed, match=f"method 'mine' on case '{case}' failed: KeyError: 'nothing'; correct"
    ) as seen:
        asyncio.run(arun(crowd, "mine", kit_for(crowd, Listening()), tmp_path))
    assert isinstance(seen.value.__cause__, KeyError)
