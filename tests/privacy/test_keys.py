"""Master keys: from where they are kept, never shown, and turned without touching what the users' keys have sealed."""

import base64
import os
import shlex
import stat
import sys

import pytest

from unlike.errors import InputError
from unlike.privacy import keys
from unlike.privacy.keys import MasterKey, new_key, new_master_file, open_master
from unlike.privacy.seal import Unreadable, seal, unseal

SECRET = bytes(range(32))
HEX = SECRET.hex()
MASTER = MasterKey(SECRET)


def printing(text, exit_status=0):
    """The command that prints a text and ends."""
    program = f"import sys; sys.stdout.write({text!r}); sys.exit({exit_status})"
    return f"command:{shlex.join([sys.executable, '-c', program])}"


@pytest.mark.parametrize(
    "text",
    [HEX, HEX.upper(), f"  {HEX}\n", base64.b64encode(SECRET).decode(), f"{base64.b64encode(SECRET).decode()}\r\n"],
)
def test_every_source_and_form_gives_the_same_key(text, tmp_path, monkeypatch):
    (tmp_path / "master").write_text(text)
    monkeypatch.setenv("UNLIKE_TEST_MASTER", text)
    for source in (f"file:{tmp_path / 'master'}", "env:UNLIKE_TEST_MASTER", printing(text)):
        assert open_master(source) == MASTER


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "a key of 0 bytes"),
        (HEX[:-4], "a key of 45 bytes"),
        (HEX + "00", "neither hex nor base64"),
        ("g" + HEX[1:], "neither hex nor base64"),
        ("päss", "neither hex nor base64"),
        (base64.b64encode(SECRET[:31]).decode(), "a key of 31 bytes"),
    ],
)
def test_what_is_no_key_is_said_without_showing_it(text, seen, tmp_path):
    (tmp_path / "master").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=f"{seen} seen; needed are 64 hex characters or base64 of 32 bytes") as caught:
        open_master(f"file:{tmp_path / 'master'}")
    assert one_line(caught)
    assert not text or text not in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path):
    for path, reason in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(InputError, match=f"file:{path} cannot be read: {reason}") as caught:
            open_master(f"file:{path}")
        assert one_line(caught)


def test_a_missing_variable(monkeypatch):
    monkeypatch.delenv("UNLIKE_TEST_MASTER", raising=False)
    with pytest.raises(InputError, match="env:UNLIKE_TEST_MASTER cannot be read: the variable is not set"):
        open_master("env:UNLIKE_TEST_MASTER")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (printing("half a key", 3), "exit status 3"),
        ("command:/no/such/program --token hush", "No such file or directory"),
        ("command:cat 'hush", "No closing quotation in it"),
    ],
)
def test_a_command_that_fails(command, reason):
    with pytest.raises(InputError, match=f"failed: {reason}; it must print the key and exit 0") as caught:
        open_master(command)
    assert one_line(caught)
    assert "half a key" not in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_command_knows_no_shell(tmp_path):
    with pytest.raises(InputError, match="not usable"):
        open_master(f"command:echo {HEX} > {tmp_path / 'leak'}")
    assert not (tmp_path / "leak").exists()


def test_a_command_that_does_not_end_is_ended_with_its_children(monkeypatch):
    monkeypatch.setattr(keys, "COMMAND_LIMIT_S", 0.2)
    with pytest.raises(InputError, match=r"command:sh \.\.\. failed: no end after 0.2 s"):
        open_master("command:sh -c 'sleep 600; true'")


@pytest.mark.parametrize("source", ["", HEX, "file:", "env: ", "vault:secret", f"key:{HEX}"])
def test_another_source_is_refused_and_not_repeated(source):
    with pytest.raises(InputError, match="allowed are file:PATH, env:NAME and command:CMD") as caught:
        open_master(source)
    assert HEX not in str(caught.value)


def test_a_new_master_file_is_its_owners_alone_and_is_never_overwritten(tmp_path):
    path = tmp_path / "master.key"
    old = os.umask(0)
    try:
        master = new_master_file(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_master(f"file:{path}") == master
    with pytest.raises(InputError, match="exists; a key is never overwritten"):
        new_master_file(path)
    assert open_master(f"file:{path}") == master
    with pytest.raises(InputError, match="cannot be written: No such file"):
        new_master_file(tmp_path / "none" / "master.key")


def test_rotation():
    """Unwrapped with the old and wrapped with the new, a user's key still opens what it sealed before."""
    old, new = MasterKey(new_key()), MasterKey(new_key())
    user_key, about = new_key(), b"users:tamsin"
    words = seal([user_key], b"fog", b"records:1:text")
    wrapped = old.wrap(user_key, about)
    rewrapped = new.wrap(old.unwrap(wrapped, about), about)
    assert unseal([new.unwrap(rewrapped, about)], words, b"records:1:text") == b"fog"
    with pytest.raises(Unreadable):
        old.unwrap(rewrapped, about)
    with pytest.raises(Unreadable, match="users:wendell"):
        new.unwrap(rewrapped, b"users:wendell")


def test_an_id_names_a_key_and_nothing_shows_it():
    assert MASTER.id == MasterKey(SECRET).id == "664ee0d2"
    assert MASTER.id != MasterKey(new_key()).id
    assert repr(MASTER) == "MasterKey()"
    assert len({new_key() for _ in range(100)}) == 100


def test_a_master_key_of_another_length():
    with pytest.raises(InputError, match="31 bytes seen; 32 are needed"):
        MasterKey(SECRET[:31])


def one_line(caught):
    return "\n" not in str(caught.value)
