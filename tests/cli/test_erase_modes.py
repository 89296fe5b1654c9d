"""``unlike erase`` beside one user: again after a restore, one record, refusals, a whole tenant."""

import json

import pytest


def erase(unlike, *args):
    status, out, err = unlike("erase", *args)
    return status, out + err


def test_after_a_restore_receipts_erase_again(unlike, shop, tmp_path):
    unlike("backup", "--store", shop, "--out", tmp_path / "monday")
    (tmp_path / "receipts").mkdir()
    receipt = tmp_path / "receipts" / "ada.json"
    assert erase(unlike, "ada", "--store", shop, "--receipt", receipt, "--yes")[0] == 0
    at = (
        "--store",
        tmp_path / "monday",
        "--master",
        f"file:{shop / 'master.key'}",
        "--signing-key",
        shop / "receipts.pem",
    )
    status, said = erase(unlike, "--replay", tmp_path / "receipts", *at[:4])
    assert status == 2 and "has no receipts.pem, which says whose receipts are valid: copy that of the store" in said
    assert not (tmp_path / "monday" / "receipts.pem").exists()
    status, said = erase(unlike, "--replay", tmp_path / "receipts", *at)
    assert status == 0 and "1 receipt: 1 user erased again" in said
    assert unlike("export", "ada", *at[:4])[0] == 2
    assert "1 receipt: 0 users erased again; 1 not in this store\n" in erase(unlike, "--replay", receipt, *at)[1]


def test_a_receipt_that_somebody_changed_erases_nobody(unlike, shop, tmp_path):
    receipt = tmp_path / "ada.json"
    erase(unlike, "ada", "--store", shop, "--receipt", receipt, "--yes")
    receipt.write_text(json.dumps(json.loads(receipt.read_text()) | {"who_hmac_sha256": "0" * 64}))
    assert erase(unlike, "--replay", receipt, "--store", shop)[0] == 2


def test_who_was_erased_is_refused_until_readmitted(unlike, shop, lines, tmp_path):
    erase(unlike, "ada", "--store", shop, "--receipt", tmp_path / "r.json", "--yes")
    _, _, err = unlike("ingest", lines, "--store", shop)
    assert "refused: deleted before, or of erased users" in err
    assert "are accepted from now on" in erase(unlike, "ada", "--readmit", "--store", shop)[1]
    status, said = erase(unlike, "ada", "--readmit", "--store", shop)
    assert status == 2 and "records of ada are not refused" in said
    assert "3 new records" in unlike("ingest", lines, "--store", shop)[1]


def test_somebody_may_refuse_before_anything_came(unlike, shop):
    assert "records of zoe are refused" in erase(unlike, "zoe", "--refuse", "--store", shop)[1]
    assert erase(unlike, "ada", "--refuse", "--store", shop)[0] == 2


def test_one_record_goes(unlike, shop):
    one = ("--record", "ada-pen", "--store", shop)
    status, said = erase(unlike, "bob", *one, "--yes")
    assert status == 2 and "record 'ada-pen' belongs to 'ada', not to 'bob'; nothing was erased" in said
    status, said = erase(unlike, *one)
    assert status == 2 and "nothing was deleted: give --yes" in said
    status, said = erase(unlike, "ada", *one, "--yes")
    assert status == 0 and "record ada-pen of ada is deleted; 5 profiles will be rebuilt without it" in said
    assert "no record 'ada-pen'" in erase(unlike, *one, "--yes")[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("bob", "--whole-tenant"), "--whole-tenant is not about one user: USER 'bob' seen"),
        (("bob", "--replay", "receipts"), "--replay is not about one user: USER 'bob' seen"),
        (("--record", "ada-pen", "--whole-tenant"), "one thing at a time: --record, --whole-tenant seen"),
        (("ada", "--refuse", "--readmit"), "one thing at a time: --refuse, --readmit seen"),
    ],
)
def test_no_argument_is_ignored(words, message, unlike, shop):
    status, said = erase(unlike, *words, "--store", shop, "--yes")
    assert status == 2 and message in said
    assert unlike("export", "ada", "--store", shop)[0] == 0


def test_a_whole_tenant_goes_when_that_is_meant(unlike, shop):
    status, said = erase(unlike, "--whole-tenant", "--store", shop)
    assert status == 2 and "give --yes" in said
    assert erase(unlike, "--whole-tenant", "--store", shop, "--yes")[0] == 0
    assert "no tenant 'default'" in unlike("keys", "list", "--store", shop)[2]


@pytest.mark.parametrize("days", ["0", "-1"])
def test_a_key_that_has_ended_is_not_made(unlike, shop, days):
    assert unlike("keys", "new", "web", "--days", days, "--store", shop)[0] == 2


def test_a_key_has_scopes_and_an_end(unlike, shop):
    assert unlike("keys", "new", "web", "--scope", "read", "--days", "3", "--store", shop)[0] == 0
    (key,) = json.loads(unlike("keys", "list", "--json", "--store", shop)[1])["keys"]
    assert key["scopes"] == ["read"] and key["expires_ms"] - key["created_ms"] == 3 * 86_400_000
    assert unlike("keys", "new", "app", "--scope", "all", "--store", shop)[0] == 2
