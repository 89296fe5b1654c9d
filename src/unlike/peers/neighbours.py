"""The most similar user: cosine between the mean vectors of two users' texts (Persona-DB as DPL's appendix B describes it).

The papers do not name the measure; this one is ours. Under ``as_of`` a user's mean is over the texts
strictly before the request, so no user is found by texts that were not yet written.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlike.embed.encoder import Encoder, unit
from unlike.records import END_OF_TIME, Case, Record, Records, TimeRule, random_key, visible


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A similar user and the texts of that user that the request may see, oldest first."""

    user_id: str
    history: Sequence[Record]


class MeanNeighbours:
    """Finds the most similar user by the running means of all users' vectors, and an unrelated one as a control.

    Args:
        records: The users' histories.
        users: Ids of the users that may be neighbours.
        encoder: Turns texts into vectors; all texts are encoded at the first call.
    """

    def __init__(self, records: Records, users: Sequence[str], encoder: Encoder) -> None:
        self._records = records
        self._users = list(users)
        self._encoder = encoder
        self._sums: dict[str, NDArray[np.float32]] = {}
        self._lock = threading.Lock()

    def nearest(self, case: Case, rule: TimeRule) -> Neighbour | None:
        """The other user with the largest cosine; ties go to the first of ``users``.

        None where this user or all others have no text yet.
        """
        self._encode_all()
        own = len(self._records.history(case.user_id, case.moment))
        before = (case.timestamp, "") if rule == "as_of" else END_OF_TIME
        pool = visible(self._records, rule, case.split)
        seen = {user: len(pool.history(user, before)) for user in self._users if user != case.user_id}
        others = [user for user, n in seen.items() if n]
        if not own or not others:
            return None
        target = self._sums[case.user_id][own - 1]
        sums = np.stack([self._sums[user][seen[user] - 1] for user in others])  # (n_others, dim), parallel to the means
        # Rounding errors depend on a row's position in the matrix; rounded, users with equal texts are equal.
        cosines = (unit(sums) @ unit(target[np.newaxis])[0]).round(6)
        best = others[int(np.argmax(cosines))]
        return Neighbour(best, pool.history(best, before))

    def stranger(self, case: Case, n_records: int, rule: TimeRule) -> Neighbour | None:
        """A random other user who shares no item with this one, always the same for a case; for controls.

        Where every other user shares items, one who shares the fewest. Among equals, users with enough records come
        first. None where no other user has a text yet.

        Args:
            case: The request; its own item counts as the user's too.
            n_records: Records before the request that the stranger should have.
            rule: Which records of others are visible; those of the stranger are before the request under every rule.
        """
        own_items = {record.item_id for record in self._records.history(case.user_id, END_OF_TIME)} | {case.item_id}
        pool = visible(self._records, rule, case.split)
        found: list[tuple[tuple[int, int, bytes], Neighbour]] = []
        for user in self._users:
            history = pool.history(user, (case.timestamp, ""))
            if user != case.user_id and history:
                n_shared = sum(record.item_id in own_items for record in self._records.history(user, END_OF_TIME))
                lacks = max(0, n_records - len(history))
                key = (n_shared, lacks, random_key(case.id, user, between=" "))
                found.append((key, Neighbour(user, history)))
        return min(found, key=lambda one: one[0])[1] if found else None

    def _encode_all(self) -> None:
        """Store cumulative sums of each user's vectors, (n_texts, dim): row n - 1 is the sum of the first n."""
        with self._lock:
            if self._sums:
                return
            histories = {user: self._records.history(user, END_OF_TIME) for user in self._users}
            vectors = self._encoder.encode([record.text for history in histories.values() for record in history])
            start = 0
            for user, history in histories.items():
                self._sums[user] = np.cumsum(vectors[start : start + len(history)], axis=0)
                start += len(history)
