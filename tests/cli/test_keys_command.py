"""``unlike keys``: keys of the API, the budget, the master key."""

import json
import stat

import pytest

from unlike.privacy.keys import open_master
from unlike.store import api_keys
from unlike.store.database import open_store


def tenant_of(store, key):
    opened = open_store(store, open_master(f"file:{store}/master.key"))
    found = api_keys.find(opened, key)
    opened.close()
    return found.tenant.name if found else None


def test_a_key_is_made_listed_and_revoked(unlike, shop):
    status, key, err = unlike("keys", "new", "web", "--store", shop, "--tenant", "acme")
    assert status == 0
    assert "created tenant 'acme'" in err
    assert "it is not shown again" in err
    assert key.strip() not in err
    assert tenant_of(shop, key.strip()) == "acme"
    status, out, _ = unlike("keys", "list", "--store", shop, "--tenant", "acme")
    assert "│ web │" in out
    assert "valid" in out
    assert "budget: no limit; 0 tokens used today" in out
    assert unlike("keys", "revoke", "web", "--store", shop, "--tenant", "acme")[0] == 0
    assert tenant_of(shop, key.strip()) is None
    listed = json.loads(unlike("keys", "list", "--store", shop, "--tenant", "acme", "--json")[1])
    assert listed["keys"][0]["revoked_ms"]


def test_a_misspelt_store_gets_no_key(unlike, tmp_path):
    wrong = tmp_path / "memroy"
    status, out, err = unlike("keys", "new", "web", "--store", wrong)
    assert (status, out) == (2, "")
    assert f"no store in {wrong}; create one with: unlike ingest FILE.jsonl --store {wrong}" in err
    assert not wrong.exists()
    assert unlike("keys", "new", "web", "--store", wrong, "--new-store")[0] == 0
    assert "0 users" in unlike("doctor", "--store", wrong)[1]


def test_no_key_yet(unlike, shop):
    status, out, _ = unlike("keys", "list", "--store", shop)
    assert status == 0
    assert out.startswith(f"tenant 'default' has no API key; create one with: unlike keys new NAME --store {shop}\n")


def test_a_budget_is_set_and_taken_away(unlike, shop):
    assert "10,000 tokens per day" in unlike("keys", "budget", "10_000", "--store", shop)[1]
    assert json.loads(unlike("keys", "list", "--store", shop, "--json")[1])["tokens_a_day"] == 10_000
    used = json.loads(unlike("keys", "list", "--store", shop, "--json")[1])["tokens_today"]
    shown = unlike("keys", "budget", "--store", shop)[1]
    assert shown == f"tenant 'default': budget: 10,000 tokens per day; {used:,} tokens used today (UTC)\n"
    assert "no limit" in unlike("keys", "budget", "none", "--store", shop)[1]
    assert json.loads(unlike("keys", "list", "--store", shop, "--json")[1])["tokens_a_day"] is None


def test_another_master_key_opens_the_store_and_the_old_one_does_not(unlike, shop, tmp_path):
    new = tmp_path / "new.key"
    status, out, _ = unlike("keys", "master", new)
    assert status == 0
    assert f"--master file:{new}" in out
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    status, out, _ = unlike("keys", "rotate", "--store", shop, "--new-master", f"file:{new}")
    assert status == 0
    assert "the keys of 1 tenant and 5 users are encrypted with it" in out
    assert f"{shop}/master.key is the old key: destroy it" in out
    status, _, err = unlike("export", "ada", "--store", shop)
    assert status == 2
    assert "after unlike keys rotate the new one: --master file:PATH" in err
    assert unlike("doctor", "--store", shop)[::2] == (2, err), "doctor says the same"
    status, out, _ = unlike("export", "ada", "--store", shop, "--master", f"file:{new}")
    assert status == 0
    assert len(json.loads(out)["records"]) == 3
    assert unlike("doctor", "--store", shop, "--master", f"file:{new}")[0] == 0


CANNOT = {
    "a name that is taken": (("new", "web"), "there is already a key 'web'"),
    "no such key": (("revoke", "app"), "no key 'app'; see: unlike keys list"),
    "no such tenant": (("list", "--tenant", "acme"), "no tenant 'acme' in this store; there is default"),
    "no tokens": (("budget", "few"), "budget is 'few'; give a number of tokens, or none"),
    "nothing": (("budget", ""), "budget is ''; give a number of tokens, or none"),
    "a number below 0": (("budget", "-1"), "budget is '-1'; give a number of tokens, or none"),
    "a number with _ at its start": (("budget", "_5"), "budget is '_5'; give a number of tokens, or none"),
    "a number with two _": (("budget", "1__000"), "budget is '1__000'; give a number of tokens, or none"),
    "the key it has": (("rotate", "--new-master", "file:shop/master.key"), "is the store's current master key"),
    "no key": (("rotate", "--new-master", "file:no.key"), "master key file:no.key cannot be read"),
}


@pytest.mark.parametrize("how", CANNOT)
def test_what_cannot_be_is_one_line_and_exit_2(how, unlike, shop, tmp_path, monkeypatch):
    words, message = CANNOT[how]
    monkeypatch.chdir(tmp_path)
    unlike("keys", "new", "web", "--store", "shop")
    status, _, err = unlike("keys", *words, "--store", "shop")
    assert status == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_a_master_key_is_never_overwritten(unlike, shop):
    before = (shop / "master.key").read_bytes()
    status, _, err = unlike("keys", "master", shop / "master.key")
    assert status == 2
    assert "a key is never overwritten" in err
    assert (shop / "master.key").read_bytes() == before
