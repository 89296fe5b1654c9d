"""Keys: one per user, kept wrapped by a master key that never enters the database.

The invariant: no key, wrapped or not, and no text a key was read from ever appears in a message, a ``repr`` or a log.
Rotation is unwrap with the old master key, wrap with the new; ``MasterKey.id``, stored beside each wrapped key,
names the one that wrapped it.
"""

import base64
import hashlib
import os
import shlex
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from unlike.errors import InputError
from unlike.privacy.seal import KEY_BYTES, seal, unseal

COMMAND_LIMIT_S = 10
_FORM = f"{2 * KEY_BYTES} hex characters or base64 of {KEY_BYTES} bytes"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The key that wraps the users' keys.

    Args:
        secret: 32 random bytes.

    Raises:
        InputError: The secret has another length.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise InputError(
                f"master key is not usable: {len(self.secret)} bytes seen; {KEY_BYTES} are needed; make one with new_key()"
            )

    @property
    def id(self) -> str:
        """8 hex characters that name this key and do not help to find it."""
        return hashlib.sha256(b"unlike: master key id" + self.secret).hexdigest()[:8]

    def wrap(self, key: bytes, about: bytes) -> bytes:
        """Seal a user's key; ``about`` says whose it is, and only there it opens."""
        return seal([self.secret], key, about)

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes:
        """The user's key again.

        Raises:
            Unreadable: Another master key wrapped it, or it is another's, or it has changed.
        """
        return unseal([self.secret], wrapped, about)


def new_key() -> bytes:
    """A fresh key from the operating system's randomness."""
    return os.urandom(KEY_BYTES)


def new_master_file(path: Path) -> MasterKey:
    """Write a fresh master key, as hex, to a file that only its owner can read.

    Raises:
        InputError: The file is there already (a master key is never overwritten) or cannot be written.
    """
    master = MasterKey(new_key())
    write_secret(path, f"{master.secret.hex()}\n".encode())
    return master


def write_secret(path: Path, content: bytes) -> None:
    """Create a file with mode 0600 and never replace one.

    Raises:
        InputError: The file is there already or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise InputError(
            f"key file cannot be made: {path} exists; a key is never overwritten; use it or name another file"
        ) from error
    except OSError as error:
        raise InputError(
            f"key file {path} cannot be written: {error.strerror}; name a file in a writable folder"
        ) from error


def open_master(source: str) -> MasterKey:
    """The master key from where it is kept.

    Args:
        source: "file:PATH", "env:NAME" or "command:CMD". A command is run without a shell, for 10 s at most, and
            prints the key. Whichever it is, the key is 64 hex characters or base64 of 32 bytes.

    Raises:
        InputError: There is no such source, or what it holds is no key; one line says which.
    """
    kind, _, rest = source.partition(":")
    if kind not in _READERS or not rest.strip():
        raise InputError(  # without the value seen: it may be the key itself
            "master key cannot be opened: it is named in another form; allowed are file:PATH, env:NAME and command:CMD; "
            "say where the key is kept"
        )
    origin = f"command:{rest.split()[0]} ..." if kind == "command" else f"{kind}:{rest}"  # arguments may be secret
    return MasterKey(_parsed(_READERS[kind](rest, origin), origin))


def _parsed(content: bytes, origin: str) -> bytes:
    compact = b"".join(content.split())
    try:
        secret = bytes.fromhex(compact.decode("ascii")) if len(compact) == 2 * KEY_BYTES else _from_base64(compact)
    except ValueError as error:
        raise _no_key(origin, f"{len(compact)} bytes that are neither hex nor base64") from error
    if len(secret) != KEY_BYTES:
        raise _no_key(origin, f"a key of {len(secret)} bytes")
    return secret


def _from_base64(compact: bytes) -> bytes:
    return base64.b64decode(compact, validate=True)


def _from_file(path: str, origin: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise InputError(f"master key {origin} cannot be read: {error.strerror}; name the file with the key") from error


def _from_environment(name: str, origin: str) -> bytes:
    if name not in os.environ:
        raise InputError(f"master key {origin} cannot be read: the variable is not set; set it to {_FORM}")
    return os.fsencode(os.environ[name])


def _from_command(command: str, origin: str) -> bytes:
    try:
        return _output(shlex.split(command))
    except subprocess.TimeoutExpired as error:
        raise _failed(origin, f"no end after {COMMAND_LIMIT_S} s") from error
    except subprocess.CalledProcessError as error:
        raise _failed(origin, f"exit status {error.returncode}") from error
    except OSError as error:
        raise _failed(origin, error.strerror or "it cannot be run") from error
    except ValueError as error:
        raise _failed(origin, f"{error} in it") from error


def _output(arguments: list[str]) -> bytes:
    """Standard output of a command in a session of its own, so that at the limit its children end with it."""
    with subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=COMMAND_LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, arguments[0])
        return output


def _no_key(origin: str, seen: str) -> InputError:
    return InputError(f"master key {origin} is not usable: {seen} seen; needed are {_FORM}; fix it there")


def _failed(origin: str, reason: str) -> InputError:
    return InputError(f"master key {origin} failed: {reason}; it must print the key and exit 0; run it by hand")


_READERS: dict[str, Callable[[str, str], bytes]] = {
    "file": _from_file,
    "env": _from_environment,
    "command": _from_command,
}
