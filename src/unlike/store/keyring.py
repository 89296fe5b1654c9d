"""The keys of users: made with the user, wrapped by the master key, kept open in memory, gone with the user.

A text that holds words of several people is sealed under all their keys, so the end of any one of them ends the text,
also where a database keeps old pages or logs.

Each transaction has a ring of its own, which the others share when it is committed: SQLite may give the number of a user
whose transaction was rolled back to another user, and a key left over from it would seal texts that can never be opened again.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from unlike.errors import InputError
from unlike.privacy.keys import MasterKey, new_key
from unlike.privacy.seal import seal, unseal
from unlike.store.batches import batches
from unlike.store.tables import USERS

MAX_OPEN = 200_000
"""Keys kept open; some 20 MB."""
_KEYS = select(USERS.c.id, USERS.c.tenant, USERS.c.wrapped_key, USERS.c.master).where(
    USERS.c.id.in_(bindparam("users", expanding=True))
)


class Gone(KeyError):
    """Users whose keys are asked for are gone."""


class AnotherMasterKey(InputError):
    """The keys of the store are wrapped by another master key than the one it was opened with."""


class Keyring:
    """Opens and makes keys.

    Args:
        master: Wraps them.
        shared: Keys open in all transactions, by user.
        ended: Users whose keys are not to be opened again.
    """

    def __init__(
        self, master: MasterKey, shared: dict[int, bytes] | None = None, ended: set[int] | None = None
    ) -> None:
        self.master = master
        self._shared = {} if shared is None else shared
        self._ended = set[int]() if ended is None else ended
        self._own: dict[int, bytes] = {}
        self._forgotten = set[int]()

    def of_transaction(self) -> "Keyring":
        """A ring for one transaction; ``commit`` ends it."""
        return Keyring(self.master, self._shared, self._ended)

    def commit(self) -> None:
        """Keep open for all what was opened here, and end for all what was forgotten."""
        if len(self._shared) + len(self._own) > MAX_OPEN:
            self._shared.clear()
        self._ended |= self._forgotten
        self._shared |= self._own
        for user in self._ended & (self._own.keys() | self._forgotten):
            self._shared.pop(user, None)

    def new(self, about: str) -> dict[str, Any]:
        """The columns of a new key: wrapped, and by which master key."""
        return {"wrapped_key": self.master.wrap(new_key(), about.encode()), "master": self.master.id}

    def of_users(self, conn: Connection, users: Iterable[int]) -> list[bytes]:
        """Keys of users by their numbers, in their order.

        Raises:
            Gone: A user is.
            AnotherMasterKey: The keys are wrapped by another master key.
        """
        users = list(users)
        keys = [self._own.get(user) or self._shared.get(user) for user in users]
        missing = [user for user, key in zip(users, keys, strict=True) if key is None]
        loaded = self._load(conn, missing) if missing else {}
        if len(loaded) < len(set(missing)):
            raise Gone(sorted(set(missing) - loaded.keys()))
        return [key or loaded[user] for user, key in zip(users, keys, strict=True)]

    def forget(self, user: int) -> None:
        """Drop a user's key from memory."""
        self._own.pop(user, None)
        self._forgotten.add(user)

    def seal(self, conn: Connection, people: Sequence[int], content: Mapping[str, Any], about: str) -> bytes:
        """JSON-able content under the keys of all whose words are in it."""
        return seal(self.of_users(conn, people), json.dumps(content, ensure_ascii=False).encode(), about.encode())

    def unseal(self, conn: Connection, people: Sequence[int], sealed: bytes, about: str) -> dict[str, Any]:
        """What was sealed.

        Raises:
            Unreadable: The bytes are not what was sealed for these people and this place.
        """
        return json.loads(unseal(self.of_users(conn, people), sealed, about.encode()))

    def _load(self, conn: Connection, users: Sequence[int]) -> dict[int, bytes]:
        opened: dict[int, bytes] = {}
        for batch in batches(users):
            for user, tenant, wrapped, master in conn.execute(_KEYS, {"users": batch}):
                if master != self.master.id:
                    raise wrapped_by_another(master, self.master.id)
                opened[user] = self.master.unwrap(wrapped, about_user(tenant).encode())
        self._own |= opened
        return opened


def about_user(tenant: int) -> str:
    """What a user's wrapped key is bound to; a user's number is not known before the row is there."""
    return f"user of tenant {tenant}"


def about_tenant(name: str) -> str:
    """What a tenant's wrapped key is bound to."""
    return f"tenant:{name}"


def wrapped_by_another(theirs: str, ours: str) -> AnotherMasterKey:
    """The error where another master key is needed."""
    return AnotherMasterKey(
        f"the store's keys are wrapped by master key {theirs}, and this is {ours}; give that one, after unlike keys rotate "
        "the new one: --master file:PATH"
    )
