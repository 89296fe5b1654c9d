"""``unlike erase``: nobody is erased by a slip or without a receipt, nothing is left, and receipts can be checked."""

import io
import json
from pathlib import Path

import pytest
from tests.cli.shop import WITHOUT_MODELS

FULL = Path("/dev/full")
"""A disk without room."""


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self):
        return True


@pytest.fixture
def receipt(unlike, shop, tmp_path):
    """Ada's."""
    assert unlike("erase", "ada", "--store", shop, "--receipt", tmp_path / "r.json", "--yes")[0] == 0
    return tmp_path / "r.json"


def users(unlike, shop):
    return json.loads(unlike("doctor", "--store", shop, "--json")[1])[4]["seen"].partition(" user")[0]


def test_what_is_erased_is_said_and_signed(unlike, shop, tmp_path):
    status, out, err = unlike("erase", "ada", "--store", shop, "--receipt", tmp_path / "r.json", "--yes")
    assert status == 0
    assert "about to erase ada: 3 records, 3 differences, 1 profile version, and everything of others" in out
    assert "erased ada: 3 records, 3 embeddings, 3 differences, 1 profile" in out
    assert "of others: " in out
    assert "4 will be rebuilt" in out
    assert f"created signing key {shop}/receipts.pem" in err
    receipt = json.loads((tmp_path / "r.json").read_text())
    assert f"unlike erase --verify {tmp_path / 'r.json'} --public-key {receipt['public_key']}" in out
    for file in shop.iterdir():
        assert b"ada-pen" not in file.read_bytes()
    assert unlike("export", "ada", "--store", shop)[0] == 2
    status, out, _ = unlike("profile", "build", "--store", shop, *WITHOUT_MODELS)
    assert (status, out.count("│ 3 others")) == (0, 4)


def test_a_receipt_is_checked_by_anybody(unlike, shop, receipt, tmp_path):
    key = json.loads(receipt.read_text())["public_key"]
    (tmp_path / "key.hex").write_text(key + "\n")
    status, out, _ = unlike("erase", "--verify", receipt)
    assert status == 0
    assert "3 records" in out
    assert "UTC" in out
    assert out.endswith(
        "valid: nothing was changed since it was signed; give --public-key to verify that the key is the service's\n"
    )
    for given in (key, tmp_path / "key.hex", shop / "receipts.pem"):
        status, out, _ = unlike("erase", "--verify", receipt, "--public-key", given)
        assert (status, out.splitlines()[-1]) == (0, "valid: nothing was changed since it was signed")


def test_a_receipt_that_was_changed_or_is_anothers_is_not_valid(unlike, receipt, tmp_path):
    text = receipt.read_text()
    for name, changed, message in (
        ("changed", text.replace('"records": 3', '"records": 2'), "its signature does not fit its content"),
        ("none", "[]", "it is not a JSON object"),
        ("no", "{", "cannot be read"),
    ):
        (tmp_path / name).write_text(changed)
        status, out, err = unlike("erase", "--verify", tmp_path / name)
        assert (status, out) == (2, "")
        assert message in err
    for key, message in (
        ("ab" * 32, "must have signed it"),
        ("nokey", "neither 64 hex characters nor a readable file"),
    ):
        status, out, err = unlike("erase", "--verify", receipt, "--public-key", key)
        assert (status, out) == (2, "")
        assert message in err


@pytest.mark.parametrize(("answer", "status", "left"), [("y\n", 0, "4"), ("n\n", 1, "5"), ("\n", 1, "5")])
def test_a_terminal_is_asked(answer, status, left, unlike, shop, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    ended, out, _ = unlike("erase", "ada", "--store", shop, "--receipt", tmp_path / "r.json")
    assert ended == status
    assert "This cannot be undone. Erase?" in out
    assert users(unlike, shop) == left
    assert (tmp_path / "r.json").exists() == (status == 0)


def test_without_a_terminal_yes_is_needed(unlike, shop, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    status, _, err = unlike("erase", "ada", "--store", shop, "--receipt", tmp_path / "r.json")
    assert status == 2
    assert "nothing was erased: give --yes" in err
    assert users(unlike, shop) == "5"


REFUSED = {
    "no receipt": ((), "erase needs USER, --store and --receipt FILE"),
    "a receipt that is there": (("--receipt", "there.json"), "exists already; nothing was erased: name a new file"),
    "no folder for it": (
        ("--receipt", "no/r.json"),
        "cannot be written: No such file or directory; nothing was erased",
    ),
    "an adapter that is none": (("--receipt", "r.json", "--settings", "s.toml"), "no adapter in"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_nobody_is_erased_without_a_receipt(how, unlike, shop, tmp_path, monkeypatch):
    more, message = REFUSED[how]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.json").write_text("{}")
    (tmp_path / "s.toml").write_text('adapters = ["dep"]')
    status, _, err = unlike("erase", "ada", "--store", shop, "--yes", *more)
    assert status == 2
    assert message in err
    assert users(unlike, shop) == "5"
    assert not (tmp_path / "r.json").exists()


def test_wrong_settings_leave_no_signing_key(unlike, shop, tmp_path):
    (tmp_path / "s.toml").write_text("colour = 3")
    words = ("--receipt", tmp_path / "r.json", "--yes", "--settings", tmp_path / "s.toml")
    assert unlike("erase", "ada", "--store", shop, *words)[0] == 2
    assert not (shop / "receipts.pem").exists()


def test_an_unknown_user_leaves_no_receipt(unlike, shop, tmp_path):
    status, _, err = unlike("erase", "zoe", "--store", shop, "--receipt", tmp_path / "r.json", "--yes")
    assert status == 2
    assert "no user 'zoe'" in err
    assert not (tmp_path / "r.json").exists()


def test_the_receipt_of_a_user_erased_before_is_given_again(unlike, shop, receipt, tmp_path):
    status, out, _ = unlike("erase", "ada", "--store", shop, "--receipt", tmp_path / "again.json")
    assert status == 0 and out.startswith("ada was erased before, on 20") and "nothing was left to erase\n" in out
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(receipt.read_text())
    assert f"receipt: {tmp_path / 'again.json'}; verify it with" in out
    status, _, err = unlike("erase", "ada", "--store", shop, "--receipt", receipt)
    assert status == 2 and "exists already" in err
    status, _, err = unlike("erase", "adah", "--store", shop, "--receipt", tmp_path / "no.json")
    assert status == 2 and "no user 'adah'" in err and not (tmp_path / "no.json").exists()


def test_a_receipt_that_cannot_be_written_is_printed(unlike, shop, tmp_path, monkeypatch):
    monkeypatch.setattr("unlike.cli.erase._opened", lambda receipt: FULL.open("w"))
    status, out, err = unlike("erase", "ada", "--store", shop, "--receipt", tmp_path / "r.json", "--yes")
    assert status == 2
    assert "ada is erased, but" in err
    assert '"signature": "' in out


def test_adapters_that_learned_from_the_user_are_named(unlike, shop, tmp_path):
    from unlike.latent.adapter import user_hash

    (tmp_path / "dep").mkdir()
    (tmp_path / "dep" / "adapter.json").write_text(json.dumps({"salt": "s", "users": [user_hash("s", "ada")]}))
    (tmp_path / "s.toml").write_text('adapters = ["dep"]')
    words = ("erase", "ada", "--store", shop, "--receipt", tmp_path / "r.json", "--yes")
    _, _, err = unlike(*words, "--settings", tmp_path / "s.toml")
    assert "adapter dep was trained with the user's texts" in err
    assert json.loads((tmp_path / "r.json").read_text())["adapters_trained_with_the_user"] == ["dep"]


def test_files_that_were_being_read_are_told(unlike, shop, tmp_path, monkeypatch):
    monkeypatch.setattr("unlike.memory.erase.scrub", lambda store: False)
    status, _, err = unlike("erase", "ada", "--store", shop, "--receipt", tmp_path / "r.json", "--yes")
    assert status == 0
    assert f"run: unlike doctor --store {shop} --scrub" in err
