"""A receipt is as it was signed, or it is refused."""

import copy
import json
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from unlike.errors import InputError
from unlike.privacy.signing import Signer, verify

SIGNER = Signer.new()
BODY = {"erased": {"records": 12, "profiles": 3}, "time_ms": 1_700_000_000_000, "hashes": ["ab", "cd"], "note": "née"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_round_trip_through_json_in_any_layout(body):
    signed = SIGNER.sign(body)
    again = json.loads(json.dumps(signed, indent=3, ensure_ascii=False, sort_keys=True))
    verify(again)
    verify(again, SIGNER.public_key)
    assert {name: value for name, value in again.items() if name not in ("signature", "public_key")} == {
        name: value for name, value in body.items() if name not in ("signature", "public_key")
    }


def changed_receipts():
    signed = SIGNER.sign(BODY)
    changes = {
        "count": lambda r: r["erased"].update(records=11),
        "kind": lambda r: r["erased"].update(records=12.0),
        "time": lambda r: r.update(time_ms=1),
        "order of a list": lambda r: r["hashes"].reverse(),
        "added": lambda r: r.update(extra=None),
        "taken away": lambda r: r.pop("note"),
        "no signature": lambda r: r.pop("signature"),
        "no public key": lambda r: r.pop("public_key"),
        "other spelling": lambda r: r.update(signature=r["signature"].upper()),
        "spaces": lambda r: r.update(signature=r["signature"][:2] + " " + r["signature"][2:]),
        "no hex": lambda r: r.update(signature="z" * 128),
        "no text": lambda r: r.update(signature=7),
        "other key": lambda r: r.update(public_key=Signer.new().public_key),
        "no key at all": lambda r: r.update(public_key="ff" * 32),
        "not JSON": lambda r: r.update(time_ms=object()),
    }
    for name, change in changes.items():
        receipt = copy.deepcopy(signed)
        change(receipt)
        yield pytest.param(receipt, id=name)


@pytest.mark.parametrize("receipt", list(changed_receipts()))
def test_any_change_is_refused_in_one_line(receipt):
    with pytest.raises(InputError, match=r"^receipt is not valid: .*; ask for the original$") as caught:
        verify(receipt)
    assert "\n" not in str(caught.value)


@given(st.data())
def test_any_changed_character_of_the_file_is_noticed(data):
    text = json.dumps(SIGNER.sign(BODY))
    position = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="ascii"))
    try:
        receipt = json.loads(text[:position] + other + text[position + 1 :])
    except ValueError:
        return
    if receipt != json.loads(text):
        with pytest.raises(InputError, match="not valid"):
            verify(receipt)


def test_signing_again_leaves_the_old_signature_out():
    signed = SIGNER.sign(BODY)
    assert SIGNER.sign(signed) == signed
    other = Signer.new()
    verify(other.sign(signed), other.public_key)


def test_a_receipt_of_another_signer_is_told_apart_by_its_key():
    forged = Signer.new().sign(BODY)
    verify(forged)
    with pytest.raises(InputError, match=f"{SIGNER.public_key} must have signed it"):
        verify(forged, SIGNER.public_key)


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"bytes"])
def test_what_json_cannot_say_is_not_signed(value):
    with pytest.raises(InputError, match="only JSON values are allowed"):
        SIGNER.sign({"value": value})


def test_the_key_file_is_its_owners_alone_and_signs_the_same(tmp_path):
    path = tmp_path / "signing.pem"
    SIGNER.to_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Signer.from_file(path).public_key == SIGNER.public_key
    verify(Signer.from_file(path).sign(BODY), SIGNER.public_key)
    with pytest.raises(InputError, match="never overwritten"):
        Signer.new().to_file(path)
    assert SIGNER.private.private_bytes_raw().hex() not in repr(SIGNER)


def test_what_is_no_signing_key(tmp_path):
    path = tmp_path / "key.pem"
    with pytest.raises(InputError, match=f"{path} cannot be read: No such file"):
        Signer.from_file(path)
    elliptic = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    locked = SIGNER.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
    assert load_pem_private_key(locked, b"word")
    for content, reason in ((b"fog", "opens without"), (elliptic, "a key of another kind"), (locked, "opens without")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=reason) as caught:
            Signer.from_file(path)
        assert "\n" not in str(caught.value)
