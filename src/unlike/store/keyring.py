"""The keys of users: made with the user, wrapped by the master key, kept open in memory, gone with the user.

A text that holds words of several people is sealed under all their keys, so the end of any one of them ends the text,
also where a database keeps old pages or logs.
"""

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from unlike.privacy.keys import MasterKey, new_key
from unlike.privacy.seal import seal, unseal
from unlike.store.tables import USERS

MOST_OPEN = 200_000
"""Keys kept open; some 20 MB."""


class Keyring:
    """Opens and makes keys.

    Args:
        master: Wraps them.
    """

    def __init__(self, master: MasterKey) -> None:
        self.master = master
        self._open: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def new(self, about: str) -> dict[str, Any]:
        """The columns of a new key: wrapped, and by which master key."""
        return {"wrapped_key": self.master.wrap(new_key(), about.encode()), "master": self.master.id}

    def of_users(self, conn: Connection, users: Iterable[int]) -> list[bytes]:
        """Keys of users by their numbers, in their order.

        Raises:
            KeyError: A user is gone.
        """
        users = list(users)
        missing = [user for user in users if user not in self._open]
        for first in range(0, len(missing), 500):
            self._load(conn, missing[first : first + 500])
        return [self._open[user] for user in users]

    def forget(self, user: int) -> None:
        """Drop a user's key from memory."""
        with self._lock:
            self._open.pop(user, None)

    def seal(self, conn: Connection, people: Sequence[int], content: Mapping[str, Any], about: str) -> bytes:
        """JSON-able content under the keys of all whose words are in it."""
        return seal(self.of_users(conn, people), json.dumps(content, ensure_ascii=False).encode(), about.encode())

    def unseal(self, conn: Connection, people: Sequence[int], sealed: bytes, about: str) -> dict[str, Any]:
        """What was sealed.

        Raises:
            Unreadable: The bytes are not what was sealed for these people and this place.
        """
        return json.loads(unseal(self.of_users(conn, people), sealed, about.encode()))

    def _load(self, conn: Connection, users: Sequence[int]) -> None:
        rows = conn.execute(select(USERS.c.id, USERS.c.tenant, USERS.c.wrapped_key).where(USERS.c.id.in_(users)))
        opened = {number: self.master.unwrap(key, about_user(tenant).encode()) for number, tenant, key in rows}
        with self._lock:
            if len(self._open) + len(opened) > MOST_OPEN:
                self._open.clear()
            self._open |= opened


def about_user(tenant: int) -> str:
    """What a user's wrapped key is bound to; a user's number is not known before the row is there."""
    return f"user of tenant {tenant}"
