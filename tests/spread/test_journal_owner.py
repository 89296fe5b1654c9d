"""A journal in parts is the journal: nothing of it is lost, and nothing is asked twice."""

import asyncio
from contextlib import closing

import pytest

from tests.llm.journal_rows import keys_of_record
from unlike.errors import InputError
from unlike.llm.journal import Call, Entry, Journal, key
from unlike.spread.journal_owner import JournalOwner, merge_parts, part_path

CALLS = [Call("s", "t", ({"role": "user", "content": f"{n}"},), record_ids=(f"r{n}",)) for n in range(4)]
KEYS = [key(call, "m") for call in CALLS]


def kept(journal, part, *answers):
    """Open an owner, give it answers by number of the call, and let it go."""

    async def keep():
        owner = JournalOwner(str(journal), part)
        found = [await owner.put(KEYS[n], CALLS[n], "m", entry) for n, entry in answers]
        await owner.close()
        return found

    return asyncio.run(keep())


def entries(journal):
    with closing(Journal(journal)) as opened:
        return [opened.get(name) for name in KEYS]


def test_parts_become_the_journal_and_go(tmp_path):
    whole = tmp_path / "journal.sqlite"
    kept(whole, 0, (0, Entry("done", "a")), (1, Entry("failed", error="busy")))
    kept(whole, 1, (2, Entry("done", "c")))
    assert merge_parts(whole) == 2
    assert [entry and (entry.state, entry.text) for entry in entries(whole)] == [
        ("done", "a"),
        ("failed", ""),
        ("done", "c"),
        None,
    ]
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []
    assert merge_parts(whole) == 0
    with closing(Journal(whole)) as opened:
        assert keys_of_record(opened, "r2") == (KEYS[2],)


@pytest.mark.parametrize("name", ["calls.sqlite", "calls", "calls[1].sqlite"])
def test_journals_of_other_runs_are_no_parts(tmp_path, name):
    whole = tmp_path / name
    others = [tmp_path / other for other in ("calls-2.sqlite", "calls-2024-old.sqlite", "calls-2", "calls1-2.sqlite")]
    for other in others:
        Journal(other).close()
    kept(whole, 7, (0, Entry("done", "a")))
    assert merge_parts(whole) == 1
    assert sorted(tmp_path.iterdir()) == sorted([whole, *others])
    assert entries(whole)[0].text == "a"


def test_a_done_answer_stays_and_a_failed_one_gives_way(tmp_path):
    whole = tmp_path / "journal.sqlite"
    with closing(Journal(whole)) as opened:
        asyncio.run(opened.put(KEYS[0], CALLS[0], "m", Entry("done", "first")))
        asyncio.run(opened.put(KEYS[1], CALLS[1], "m", Entry("failed", error="busy", attempts=2)))
    kept(whole, 0, (0, Entry("done", "second")), (1, Entry("done", "now", attempts=3)))
    merge_parts(whole)
    first, second, *_ = entries(whole)
    assert first.text == "first"
    assert (second.state, second.text, second.error, second.attempts) == ("done", "now", "", 5)


def test_a_part_merged_twice_is_merged_once(tmp_path):
    whole, copy = tmp_path / "journal.sqlite", tmp_path / "copy"
    kept(whole, 0, (0, Entry("done", "a")))
    copy.write_bytes(part_path(whole, 0).read_bytes())
    merge_parts(whole)
    copy.rename(part_path(whole, 0))
    merge_parts(whole)
    assert [entry and entry.text for entry in entries(whole)] == ["a", None, None, None]


def test_an_owner_answers_from_the_journal_and_from_its_part_and_goes_on_where_it_was(tmp_path):
    whole = tmp_path / "journal.sqlite"
    with closing(Journal(whole)) as opened:
        asyncio.run(opened.put(KEYS[0], CALLS[0], "m", Entry("done", "earlier")))
        asyncio.run(opened.put(KEYS[1], CALLS[1], "m", Entry("failed", error="busy")))
    kept(whole, 0, (1, Entry("done", "again")))

    async def asked():
        owner = JournalOwner(str(whole), 0)
        found = [await owner.get(name) for name in KEYS[:3]]
        for name in KEYS[:2]:
            await owner.link(name, ["another"])
        await owner.close()
        return [entry and entry.text for entry in found]

    assert asyncio.run(asked()) == ["earlier", "again", None]
    merge_parts(whole)
    with closing(Journal(whole)) as opened:
        assert keys_of_record(opened, "another") == tuple(sorted(KEYS[:2]))


def test_what_is_no_journal_is_one_line_and_stays(tmp_path):
    whole = tmp_path / "journal.sqlite"
    part_path(whole, 0).write_text("not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(InputError, match="[.]journal[.]sqlite[.]part-0"):
        merge_parts(whole)
    assert part_path(whole, 0).exists()
