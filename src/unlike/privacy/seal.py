"""Sealing: words at rest that open only with the keys of everyone whose words they are.

The invariant: a value sealed under several keys opens with all of them or not at all. So destroying the one key of a
user makes unreadable whatever touched that user, also in write-ahead logs and backups that no delete reaches.
A sealed value is 12 random bytes, then the AES-256-GCM ciphertext with its tag (NIST SP 800-38D). Random nonces allow
2**32 values a key before a repeat becomes likelier than 2**-32: more than one user writes.
"""

import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from unlike.errors import InputError

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
_SEVERAL = b"unlike: the words of several people"


class Unreadable(InputError):
    """A sealed value does not open: another key, another place, or changed bytes."""


def seal(keys: Sequence[bytes], plain: bytes, about: bytes) -> bytes:
    """Encrypt a value under all the keys together.

    Args:
        keys: One key of 32 bytes for each person whose words these are; order and repeats do not matter.
        plain: What is kept.
        about: Where it is kept (b"records:17:text"). Authenticated, not stored: a sealed value that is moved to
            another row or column does not open.

    Returns:
        28 bytes more than ``plain``.

    Raises:
        InputError: There is no key, or one is not 32 bytes.
    """
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(_joint(keys)).encrypt(nonce, plain, about)


def unseal(keys: Sequence[bytes], sealed: bytes, about: bytes) -> bytes:
    """Decrypt what :func:`seal` made of the same keys and the same place.

    Raises:
        Unreadable: It does not open with these keys at this place.
        InputError: There is no key, or one is not 32 bytes.
    """
    if len(sealed) < NONCE_BYTES + TAG_BYTES:
        raise Unreadable(
            f"{_place(about)} cannot be read: {len(sealed)} bytes seen; a sealed value has at least "
            f"{NONCE_BYTES + TAG_BYTES}; it was cut short or never sealed, so restore it from a backup"
        )
    cipher = AESGCM(_joint(keys))
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
    except InvalidTag as error:
        raise Unreadable(
            f"{_place(about)} cannot be read: it does not open with the {len(keys)} key(s) given; it was sealed under "
            "other keys or for another place, or its bytes have changed; a destroyed key cannot be had back"
        ) from error


def _joint(keys: Sequence[bytes]) -> bytes:
    """The one key that stands for all: HKDF-SHA256 (RFC 5869) of them in sorted order, or the only one itself."""
    distinct = sorted(set(keys))
    if not distinct or any(len(key) != KEY_BYTES for key in distinct):
        raise InputError(
            f"sealing failed: keys of {[len(key) for key in distinct]} bytes seen; "
            f"at least one key is needed and each has {KEY_BYTES} bytes; make one with new_key()"
        )
    if len(distinct) == 1:
        return distinct[0]
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=_SEVERAL).derive(b"".join(distinct))


def _place(about: bytes) -> str:
    return f"the sealed value {about.decode(errors='replace')!r}"
