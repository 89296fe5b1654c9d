"""A backup is of one moment, whatever goes on, and opens as a store."""

import threading

import pytest

from tests.store.rows import MASTER, lived_in, put, row
from unlike.errors import InputError
from unlike.store import check, records
from unlike.store.backup import backup
from unlike.store.database import open_store
from unlike.store.records import StoredRecords


def test_a_backup_opens_as_a_store(in_sqlite, tmp_path):
    lived_in(in_sqlite.tenant())
    file = backup(in_sqlite, tmp_path / "new" / "copy")
    assert [path.name for path in file.parent.iterdir()] == ["store.sqlite"]
    put(in_sqlite.tenant(), row("late"))
    restored = open_store(file.parent, MASTER)
    with restored.tenant().read() as tx:
        assert check.faults(tx) == []
        assert records.count(tx) == 4
    assert [record.text for record in StoredRecords(restored.tenant()).history("ann", (9999, ""))] == ["words of ann"]
    restored.close()


def test_it_is_of_one_moment_while_writing_goes_on(in_sqlite, tmp_path):
    """Each transaction writes five records, so a backup that cuts one in two is seen."""
    tenant, stop = in_sqlite.tenant(), threading.Event()

    def write():
        n = 0
        while not stop.is_set():
            put(tenant, *(row(f"u{n}", f"i{i}", "text " * 200) for i in range(5)))
            n += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        files = [backup(in_sqlite, tmp_path / f"copy{n}") for n in range(5)]
    finally:
        stop.set()
        writer.join(240)
    counts = [state_of(file.parent) for file in files]
    assert counts == sorted(counts) and all(count % 5 == 0 for count in counts)
    assert state_of(tmp_path / "store") > counts[0]


def test_a_backup_replaces_nothing(in_sqlite, tmp_path):
    backup(in_sqlite, tmp_path / "copy")
    with pytest.raises(InputError, match="copy holds a store; name a folder without one"):
        backup(in_sqlite, tmp_path / "copy")


def test_where_it_cannot_be_written(in_sqlite, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="backup cannot be written"):
        backup(in_sqlite, tmp_path / "file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "store.sqlite.part").mkdir()
    with pytest.raises(InputError, match="backup cannot be written"):
        backup(in_sqlite, tmp_path / "full")


def test_a_backup_that_was_cut_off_is_made_anew(in_sqlite, tmp_path):
    lived_in(in_sqlite.tenant())
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "store.sqlite.part").write_text("half of a backup")
    assert state_of(backup(in_sqlite, tmp_path / "copy").parent) == 4


def test_postgresql_has_its_own_way(in_postgres, tmp_path):
    with pytest.raises(InputError, match="back it up with: pg_dump"):
        backup(in_postgres, tmp_path)


def state_of(folder):
    """How many records a store holds, all sound."""
    opened = open_store(folder, MASTER)
    with opened.tenant().read() as tx:
        assert check.faults(tx) == []
        n = records.count(tx)
    opened.close()
    return n
