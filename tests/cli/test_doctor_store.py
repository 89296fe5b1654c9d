"""``unlike doctor --store``: what a store holds, and whether it is what it should be."""

import json
import sqlite3

import pytest


def findings(unlike, store, *more):
    status, out, _ = unlike("doctor", "--store", store, "--json", *more)
    return status, {finding["part"]: finding for finding in json.loads(out)}


def test_all_is_well(unlike, shop):
    status, found = findings(unlike, shop)
    assert status == 0
    assert found["tables"]["seen"].startswith("version 0")
    assert not found["master key"]["works"]
    assert f"{shop}/master.key is beside the data" in found["master key"]["seen"]
    assert "one is created for the first receipt" in found["signing key"]["seen"]
    assert found["tenant default"]["seen"].startswith(
        "5 users, 5 of them can be compared; 15 records on 3 items; 5 profiles"
    )
    assert found["jobs of default"] == {
        "part": "jobs of default", "works": True, "seen": "none", "needed_for": "", "fault": False
    }  # fmt: skip
    assert found["faults of default"]["seen"] == "none"
    status, out, _ = unlike("doctor", "--store", shop)
    assert status == 0
    assert "embedded LLM" not in out
    assert "needed for" not in out


def test_keys_that_lie_elsewhere_and_the_key_of_receipts(unlike, shop, tmp_path):
    unlike("erase", "ada", "--store", shop, "--receipt", tmp_path / "r.json", "--yes")
    (shop / "master.key").rename(tmp_path / "safe.key")
    _, found = findings(unlike, shop, "--master", f"file:{tmp_path / 'safe.key'}")
    assert found["master key"]["works"]
    assert json.loads((tmp_path / "r.json").read_text())["public_key"] in found["signing key"]["seen"]


def test_faults_are_told_and_exit_1(unlike, shop):
    with sqlite3.connect(shop / "store.sqlite") as file:
        file.execute("update records set sealed = zeroblob(64) where record_id = 'ada-pen'")
    status, found = findings(unlike, shop)
    assert status == 1
    assert found["faults of default"]["fault"]
    assert found["faults of default"]["seen"] == "1 records that cannot be opened with the keys that are there"
    status, out, _ = unlike("doctor", "--store", shop)
    assert status == 1
    assert "fault" in out


def test_a_store_without_tables_is_migrated_here_and_refused_elsewhere(unlike, tmp_path):
    (tmp_path / "old").mkdir()
    sqlite3.connect(tmp_path / "old" / "store.sqlite").close()
    unlike("keys", "master", tmp_path / "old" / "master.key")
    status, _, err = unlike("keys", "list", "--store", tmp_path / "old")
    assert status == 2
    assert "migrate it with: unlike doctor --store" in err
    assert unlike("doctor", "--store", tmp_path / "old")[0] == 0
    status, _, err = unlike("keys", "list", "--store", tmp_path / "old")
    assert "no tenant 'default' in this store; there is none yet" in err


def test_scrub_leaves_nothing_deleted_in_the_files(unlike, shop):
    with sqlite3.connect(shop / "store.sqlite") as file:
        file.execute("create table t (word)")
        file.execute("insert into t values ('canary-in-the-log')")
        file.execute("pragma secure_delete = off")
        file.execute("delete from t")
    file.close()
    assert any(b"canary-in-the-log" in path.read_bytes() for path in shop.iterdir())
    assert unlike("doctor", "--store", shop, "--scrub")[0] == 0
    assert not any(b"canary-in-the-log" in path.read_bytes() for path in shop.iterdir())


@pytest.mark.parametrize("where", ["nowhere", "."])
def test_where_there_is_no_store_none_is_made(where, unlike, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = unlike("doctor", "--store", where)
    assert (status, out) == (2, "")
    assert f"no store in {where}; create one with: unlike ingest" in err
    assert not list(tmp_path.iterdir())
