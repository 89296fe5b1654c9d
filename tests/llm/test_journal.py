"""The journal file: what is kept, found, erased, and refused."""

import asyncio
import resource
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.llm.journal_rows import keys_of_record
from unlike.errors import InputError
from unlike.llm.backend import Sampling
from unlike.llm.journal import Call, Entry, Journal, key, read_prompt
from unlike.llm.journal_file import open_journal_file
from unlike.llm.soft_prompt import SoftPrompt

CALL = Call("extract", "template", ({"role": "user", "content": "Hi"},), Sampling(), ("r1", "r2"), "tenant")
DONE = Entry("done", "text", "", "", 5, 6, "stop", 0.5)
FAILED = Entry("failed", error="why", raw="<html>")


def soft_of(n):
    return SoftPrompt(np.arange(3), np.array([1]), np.full((1, 4), n, np.float32))


CHANGES = {
    "step": st.text(),
    "template": st.text(),
    "tenant": st.text(),
    "soft": st.builds(soft_of, st.integers(0, 9)),
    "repeat": st.integers(0, 1000),
    "messages": st.lists(st.fixed_dictionaries({"role": st.text(), "content": st.text()})).map(tuple),
    "sampling": st.builds(
        Sampling, st.floats(0, 2), st.floats(0, 1), st.integers(1, 10_000), st.integers(-(2**63), 2**63), st.text()
    ),
}


@given(change=st.sampled_from(sorted(CHANGES)).flatmap(lambda name: st.tuples(st.just(name), CHANGES[name])))
def test_any_change_changes_the_key(change):
    name, value = change
    other = replace(CALL, **{name: value})
    assert (key(other, "m") == key(CALL, "m")) == (other == CALL)


@given(st.dictionaries(st.text(min_size=1), st.text(), min_size=1))
def test_the_order_of_a_messages_fields_does_not_matter(message):
    backwards = dict(reversed(message.items()))
    assert key(replace(CALL, messages=(message,)), "m") == key(replace(CALL, messages=[backwards]), "m")


def test_the_key_knows_the_model_but_not_the_records():
    assert key(CALL, "a") != key(CALL, "b")
    assert key(CALL, "a") == key(replace(CALL, record_ids=("r9",)), "a")


def test_a_whole_number_is_the_same_setting_as_its_float():
    assert key(replace(CALL, sampling=Sampling(1, 1)), "m") == key(replace(CALL, sampling=Sampling(1.0, 1.0)), "m")


def test_the_key_is_the_same_in_years_to_come():
    """Worked out once with this code; a change here makes every journal in the world worthless."""
    assert key(CALL, "scripted:echo") == "82e52f0cdef026541672a46a037c527a7b8d9d72742c48310a02e13c88eaddc8"


def test_a_logit_bias_enters_the_key_only_where_there_is_one():
    keys = [
        key(replace(CALL, sampling=Sampling(logit_bias=bias)), "m")
        for bias in ((), ((7, 1.0),), ((7, 0.5),), ((8, 0.5),), ((7, 1),))
    ]
    assert keys[0] == key(CALL, "m") and len(set(keys)) == 4 and keys[1] == keys[4]


def test_a_schema_enters_the_key_only_where_there_is_one():
    """Worked out with the code from before there were schemas."""
    sampling = Sampling(0.8, 0.95, 64, 3)
    call = Call("judge", "t", ({"role": "user", "content": "Hi"},), sampling, ("r1",), "", 1)
    assert key(call, "openai:gpt-4o-mini") == "7518794f09776b3f339c6a60b397a2dd30689cf4a8e0c554b7093f3766bc2ce0"
    bound = replace(call, sampling=replace(sampling, schema='{"type": "object"}'))
    assert key(bound, "openai:gpt-4o-mini") != key(call, "openai:gpt-4o-mini")


@given(st.text())
def test_who_shares_the_engines_cache_is_no_part_of_the_key(salt):
    assert key(replace(CALL, sampling=Sampling(cache_salt=salt)), "m") == key(CALL, "m")


def put(journal, name, entry, call=CALL):
    return asyncio.run(journal.put(name, call, "model", entry))


@pytest.mark.parametrize("entry", [DONE, FAILED])
def test_what_is_put_is_found_also_after_opening_again(tmp_path, entry):
    first = Journal(tmp_path / "new" / "j.sqlite")
    assert first.get("k") is None
    assert put(first, "k", entry) == entry
    first.close()
    second = Journal(tmp_path / "new" / "j.sqlite")
    assert second.get("k") == entry
    second.close()


def test_a_failed_call_counts_its_attempts_until_it_is_done(journal):
    put(journal, "k", FAILED)
    put(journal, "k", FAILED)
    assert journal.get("k") == replace(FAILED, attempts=2)
    put(journal, "k", DONE)
    assert journal.get("k") == replace(DONE, attempts=3)


def test_a_done_answer_stays(journal):
    put(journal, "k", DONE)
    assert put(journal, "k", replace(DONE, text="later")) == DONE
    assert put(journal, "k", FAILED) == DONE


def test_records_lead_to_the_calls_of_their_tenant(journal):
    put(journal, "k1", DONE)
    put(journal, "k2", DONE, replace(CALL, record_ids=("r2",)))
    put(journal, "k3", DONE, replace(CALL, tenant="other"))
    assert keys_of_record(journal, "r2", "tenant") == ("k1", "k2")
    assert keys_of_record(journal, "r1", "other") == ("k3",)
    assert keys_of_record(journal, "r1") == ()


def test_more_records_can_be_linked(journal):
    put(journal, "k", DONE)
    asyncio.run(journal.link("k", ["r1", "r9"]))
    assert keys_of_record(journal, "r9", "tenant") == ("k",)


def test_an_answer_is_committed_before_it_is_given_back(journal):
    async def put_and_look():
        await journal.put("k", CALL, "model", DONE)
        with sqlite3.connect(journal.path) as stranger:
            return stranger.execute("SELECT text FROM calls WHERE key = 'k'").fetchone()

    assert asyncio.run(put_and_look()) == ("text",)


def test_a_waiter_that_gives_up_does_not_stop_the_writing(journal):
    async def give_up():
        task = asyncio.create_task(journal.put("k", CALL, "model", DONE))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    put(journal, "later", DONE)
    assert journal.get("k") == DONE


def test_many_writers_at_once_in_one_file(tmp_path):
    """Eight journals on one new file, all writing the same keys: everyone sees the same answers."""
    start = threading.Barrier(8)

    def write(n):
        start.wait()
        journal = Journal(tmp_path / "j.sqlite")

        async def all_of_them():
            return await asyncio.gather(
                *(journal.put(f"k{i}", CALL, "model", replace(DONE, text=f"by {n}")) for i in range(50))
            )

        texts = [entry.text for entry in asyncio.run(all_of_them())]
        journal.close()
        return texts

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(write, range(8)))
    assert all(texts == seen[0] for texts in seen)


def test_without_a_file_it_lasts_as_long_as_the_object():
    journal = Journal.open(None)
    put(journal, "k", DONE)
    assert journal.get("k") == DONE
    folder = journal.path.parent
    journal.close()
    assert not folder.exists()


def test_no_database_is_told(tmp_path):
    file = tmp_path / "j.sqlite"
    file.write_text("this is a diary, and no database at all. " * 100)
    with pytest.raises(InputError, match="not a database"):
        Journal(file)


def test_somebody_elses_database_is_told(tmp_path):
    with sqlite3.connect(tmp_path / "j.sqlite") as other:
        other.execute("CREATE TABLE recipes (name)")
    with pytest.raises(InputError, match="something else"):
        Journal(tmp_path / "j.sqlite")


def test_a_journal_from_the_future_is_told(tmp_path):
    Journal(tmp_path / "j.sqlite").close()
    with sqlite3.connect(tmp_path / "j.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="schema 99"):
        Journal(tmp_path / "j.sqlite")


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another folder"):
        Journal(tmp_path / "file" / "j.sqlite")


def test_a_journal_damaged_while_open_is_told(journal):
    put(journal, "k", DONE)
    with sqlite3.connect(journal.path) as vandal:
        vandal.execute("DROP TABLE call_records")
        vandal.execute("DROP TABLE calls")
    with pytest.raises(InputError, match="no such table"):
        journal.get("k")
    with pytest.raises(InputError, match="no such table"):
        put(journal, "k", DONE)


def test_what_cannot_be_stored_fails_its_caller_not_the_writer(journal):
    with pytest.raises(UnicodeEncodeError):
        put(journal, "k", replace(DONE, text="\ud83d"))
    assert put(journal, "k", DONE) == DONE


FILL = """
import asyncio, sys
from unlike.errors import InputError
from unlike.llm.journal import Call, Entry, Journal
journal = Journal(sys.argv[1])
try:
    for n in range(1000):
        asyncio.run(journal.put(f"k{n}", Call("s", "t", ()), "m", Entry("done", text="x" * 100_000)))
except InputError as error:
    print(n, error)
"""


def test_no_space_left_is_told_and_what_was_written_stays(tmp_path):
    """The limit on the size of a file stands in for a full disk."""
    limit = 2_000_000
    told = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path / "j.sqlite")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    n_written = int(told.split()[0])
    assert "journal: cannot use" in told
    assert "free the place" in told
    journal = Journal(tmp_path / "j.sqlite")
    assert n_written > 0
    assert all(journal.get(f"k{n}") for n in range(n_written))
    journal.close()


def test_the_prompt_is_kept_beside_its_answer_unless_that_is_not_wanted(tmp_path):
    messages = ({"role": "user", "content": "Was steht – 你好 – darin? \ud800"},)
    for keep, kept in ((True, [{"role": "user", "content": "Was steht – 你好 – darin? ?"}]), (False, None)):
        path = tmp_path / f"{keep}.sqlite"
        journal = Journal(path, keep)
        asyncio.run(journal.put("k", replace(CALL, messages=messages), "m", DONE))
        journal.close()
        with sqlite3.connect(path) as db:
            ((packed,),) = db.execute("SELECT prompt FROM calls")
        assert read_prompt(packed) == kept


def test_a_file_of_the_first_schema_is_brought_to_the_newest(tmp_path):
    path = tmp_path / "j.sqlite"
    db = open_journal_file(path)
    for column in ("prompt", "score"):
        db.execute(f"ALTER TABLE calls DROP COLUMN {column}")
    db.execute("PRAGMA user_version = 1")
    db.close()
    journal = Journal(path)
    asyncio.run(journal.put("k", CALL, "m", replace(DONE, score=-1.5)))
    assert journal.get("k").score == -1.5
    journal.close()
