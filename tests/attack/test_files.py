"""What lies on the disk: modes, what survives a crash, what a killed erasure leaves, and lines without end."""

import asyncio
import gzip
import stat

import pytest

from tests.memory.town import lived_in, memory_of, run_in_child, town
from tests.store.conftest import empty_file, in_sqlite  # noqa: F401 - fixtures
from tests.store.rows import BOTH, MASTER
from unlike.data.tables.fields import Reading
from unlike.errors import InputError
from unlike.memory import consent, erase, ingest
from unlike.memory.record_rows import read_records
from unlike.store import backup, scrubs
from unlike.store.database import open_store


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_their_owner_s_alone(tmp_path):
    store = open_store(tmp_path / "a" / "store", MASTER)
    lived_in(store)
    backup.backup(store, tmp_path / "b")
    for folder in (tmp_path / "a" / "store", tmp_path / "b"):
        assert mode(folder) == 0o700
        assert {mode(file) for file in folder.iterdir()} == {0o600}
    store.close()


@pytest.fixture
def synchronous(in_sqlite, monkeypatch):  # noqa: F811 - a fixture
    """What each transaction that writes asks of the disk: 2 waits for it."""
    found = []

    def spied(module, name, tx_at=0):
        work = getattr(module, name)

        def spy(*args, **more):
            found.append(args[tx_at].conn.exec_driver_sql("pragma synchronous").scalar())
            return work(*args, **more)

        monkeypatch.setattr(module, name, spy)

    spied(ingest, "_put")
    spied(consent, "_change")
    spied(erase, "_take_out")
    return found


@pytest.mark.parametrize("durable", [True, False])
def test_what_is_acknowledged_is_on_the_disk(in_sqlite, synchronous, durable):  # noqa: F811
    """Before, nothing was; now consent and erasure always are, and records by a setting."""
    memory = memory_of(in_sqlite, durable=durable)
    asyncio.run(memory.add(town(), BOTH))
    asyncio.run(memory.set_consent("ann", peer=False))
    asyncio.run(memory.erase("ann"))
    assert synchronous == [2 if durable else 1, 2, 2]


def test_what_a_killed_erasure_owes_is_done_at_the_next_start(tmp_path):
    """Before, what was killed between the commit and the cleaning was never cleaned."""
    store = open_store(tmp_path / "store", MASTER)
    memory = lived_in(store)
    store.close()
    run_in_child(
        f"""
        import asyncio, os
        from tests.memory.town import memory_of
        from tests.store.rows import MASTER
        from unlike.memory import erase
        from unlike.store.database import open_store
        erase.scrub = lambda store: os.kill(os.getpid(), 9)
        asyncio.run(memory_of(open_store({str(tmp_path / "store")!r}, MASTER)).erase("ann"))
        """
    )
    store = open_store(tmp_path / "store", MASTER)
    memory = memory_of(store)
    assert scrubs.n_pending(store) == 1
    assert asyncio.run(memory.erase("ann"))["files_scrubbed"] is True, "asked again, it gives the receipt"
    assert scrubs.n_pending(store) == 0
    assert b"ann" not in b"".join(file.read_bytes() for file in (tmp_path / "store").iterdir())
    store.close()


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_a_line_without_end_is_one_clear_error(tmp_path, suffix, monkeypatch):
    """A small file may hold a line of gigabytes; no more of it is read than a line may have."""
    monkeypatch.setattr("unlike.data.tables.jsonl.CHUNK_BYTES", 1000)
    monkeypatch.setattr("unlike.data.tables.jsonl.MAX_LINE_BYTES", 2000)
    file = tmp_path / f"records{suffix}"
    with (gzip.open if suffix.endswith("gz") else open)(file, "wb") as out:
        out.write(b'{"user_id": "a", "item_id": "b", "text": "c"}\n{"user_id": "' + b"x" * 1_000_000)
    with pytest.raises(InputError, match="has a line of more than 2,000 bytes"):
        list(read_records(file, {}, Reading()))


@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_an_array_on_one_line_has_a_limit_of_its_own(tmp_path, suffix, monkeypatch):
    """Longer than a line may be, as pandas writes it, it is read; without an end it is one clear error."""
    monkeypatch.setattr("unlike.data.tables.jsonl.CHUNK_BYTES", 1000)
    monkeypatch.setattr("unlike.data.tables.jsonl.MAX_LINE_BYTES", 2000)
    monkeypatch.setattr("unlike.data.tables.jsonl.MAX_ARRAY_BYTES", 50_000)
    file = tmp_path / f"records{suffix}"
    row = b'{"user_id": "a", "item_id": "b", "text": "caf\xc3\xa9"}'
    opened = gzip.open if suffix.endswith("gz") else open
    with opened(file, "wb") as out:
        out.write(b"\xef\xbb\xbf[" + b",".join([row] * 500) + b"]")
    read = [one.record.text for part in read_records(file, {}, Reading()) for one in part.rows]
    assert read == ["caf\u00e9"] * 500
    with opened(file, "wb") as out:
        out.write(b"[" + b",".join([row] * 5000))
    with pytest.raises(InputError, match="is a JSON array of more than 50,000 bytes.*one object per line"):
        list(read_records(file, {}, Reading()))


def test_lines_that_open_a_list_are_no_array_however_many(tmp_path, monkeypatch):
    monkeypatch.setattr("unlike.data.tables.jsonl.MAX_ARRAY_BYTES", 50_000)
    row = b'{"user_id": "a", "tags": [{"a": 1}], "item_id": "b", "text": "c"}\n'
    (tmp_path / "records.jsonl").write_bytes(row * 5000)
    assert sum(len(part.rows) for part in read_records(tmp_path / "records.jsonl", {}, Reading())) == 5000
