"""Signatures of receipts, so that anyone can check one and no one can change it (``memory.erase`` writes what is in it).

A receipt is JSON. Its signature (Ed25519, RFC 8032) is over the canonical JSON of everything but the signature:
sorted keys, no spaces, ASCII. The public key is inside, so a receipt proves by itself only that it has not changed
since someone signed it; that this service signed it shows the comparison with the service's public key.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from unlike.errors import InputError
from unlike.privacy.keys import write_secret

Receipt = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Signer:
    """What signs receipts."""

    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def new(cls) -> "Signer":
        """A signer with a fresh key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_file(cls, path: Path) -> "Signer":
        """The signer whose key a PEM file holds.

        Raises:
            InputError: The file cannot be read or holds no Ed25519 key.
        """
        try:
            private = load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise InputError(f"signing key {path} cannot be read: {error.strerror}; name the key file") from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise _no_signing_key(path, "no private key that opens without a password") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise _no_signing_key(path, "a key of another kind")
        return cls(private)

    def to_file(self, path: Path) -> None:
        """Write the key as PEM (PKCS 8) to a new file that only its owner can read.

        Raises:
            InputError: The file is there already or cannot be written.
        """
        write_secret(path, self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    @property
    def public_key(self) -> str:
        """The public key as 64 hex characters."""
        return self.private.public_key().public_bytes_raw().hex()

    def sign(self, receipt: Mapping[str, Any]) -> Receipt:
        """The receipt with "public_key" and "signature", as a reader of its JSON will see it.

        Raises:
            InputError: It holds something that JSON has no word for.
        """
        try:
            body: Receipt = json.loads(json.dumps({**receipt, "public_key": self.public_key}, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise InputError(f"receipt cannot be signed: {error}; only JSON values are allowed; fix it") from error
        body.pop("signature", None)
        return {**body, "signature": self.private.sign(_canonical(body)).hex()}


def verify(receipt: Mapping[str, Any], public_key: str | None = None) -> None:
    """Check that a receipt is as it was signed.

    Args:
        receipt: As read from its JSON.
        public_key: Who must have signed it; None takes the key that the receipt itself names.

    Raises:
        InputError: It was changed, was never signed, or was signed by another.
    """
    body = {name: value for name, value in receipt.items() if name != "signature"}
    signer, signature = _from_hex(receipt, "public_key", 32), _from_hex(receipt, "signature", 64)
    if public_key is not None and signer.hex() != public_key:
        raise InputError(
            f"receipt is not valid: signed by {signer.hex()}; {public_key} must have signed it; ask that service for it"
        )
    try:
        Ed25519PublicKey.from_public_bytes(signer).verify(signature, _canonical(body))
    except (InvalidSignature, ValueError, TypeError) as error:
        raise InputError(
            "receipt is not valid: its signature does not fit its content; nothing in a receipt may be changed; "
            "ask for the original"
        ) from error


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _from_hex(receipt: Mapping[str, Any], name: str, n_bytes: int) -> bytes:
    """One spelling of each value only: lower-case hex of exactly so many bytes."""
    value = receipt.get(name)
    try:
        decoded = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        decoded = b""
    if len(decoded) != n_bytes or decoded.hex() != value:
        raise InputError(
            f"receipt is not valid: {name} {value!r} seen; it has {2 * n_bytes} hex characters; ask for the original"
        )
    return decoded


def _no_signing_key(path: Path, seen: str) -> InputError:
    return InputError(
        f"signing key {path} is not usable: {seen} seen; an Ed25519 key in PEM is needed; name another file"
    )
