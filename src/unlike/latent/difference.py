"""The vectors of a user's records and of how they differ from others' (DEP, section 3.1; equations 2 to 4).

Everything is joined by record id: the text, the vector and the difference of a record can never be those of another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlike.embed.encoder import Encoder
from unlike.latent.settings import Weighting
from unlike.records import Case, Record, Records, TimeRule

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PastVectors:
    """The vectors of some records of one user.

    Attributes:
        record_ids: The records, in the order of the rows.
        his: (n, d) e_his of equation 2.
        diff: (n, d) e_diff of equation 4; zeros where ``n_peers`` is 0, which never stand for a difference.
        n_peers: (n,) others who wrote about the record's item.
        peer_ids: Records of those others, for each record: whose words a difference holds.
    """

    record_ids: tuple[str, ...]
    his: Floats
    diff: Floats
    n_peers: NDArray[np.int64]
    peer_ids: tuple[tuple[str, ...], ...]


def difference(own: Floats, others: Floats) -> Floats:
    """e_diff = (1/m) * sum_j (e_his - e_uj): own (d,), others (m, d), m > 0 (DEP, equation 4)."""
    return (own - others).mean(axis=0)


def profile_weighted(own: Floats, others: Floats, own_mean: Floats, other_means: Floats) -> Floats:
    """e_diff as the released code has it: sum_j w_j * (e_his - e_uj).

    w is the softmax over the distances of the users' mean vectors, these divided by their sum: own_mean (d,),
    other_means (m, d). The weights come out nearly equal.
    """
    distance = np.linalg.norm(own_mean - other_means, axis=1)
    share = distance / max(float(distance.sum()), 1e-12)
    weight = np.exp(share - share.max())
    return ((weight / weight.sum())[:, None] * (own - others)).sum(axis=0)


class Differences:
    """Equations 2 to 4 over records.

    Args:
        records: Histories and peers.
        encoder: f_emb; behind a cache, since every text is asked for again and again.
        weighting: How peers count.
        time_rule: Which texts of others are seen.
    """

    def __init__(
        self, records: Records, encoder: Encoder, weighting: Weighting = "mean", time_rule: TimeRule = "as_of"
    ) -> None:
        self._records = records
        self._encoder = encoder
        self._time_rule: TimeRule = time_rule
        self._compare: Callable[[Case, Floats, Sequence[Record]], Floats] = {
            "mean": self._mean,
            "profile_weighted": self._profile_weighted,
        }[weighting]

    def of(self, case: Case, past: Sequence[Record]) -> PastVectors:
        """The vectors of records of the case's user, in their order."""
        own = self._encode(past)
        peers = [self._peers(case, record) for record in past]
        rows = [
            self._compare(case, vector, others) if others else np.zeros_like(vector)
            for vector, others in zip(own, peers, strict=True)
        ]
        return PastVectors(
            record_ids=tuple(record.id for record in past),
            his=own,
            diff=np.asarray(rows, np.float32).reshape(own.shape),
            n_peers=np.asarray([len(others) for others in peers], np.int64),
            peer_ids=tuple(tuple(other.id for other in others) for others in peers),
        )

    def _peers(self, case: Case, record: Record) -> list[Record]:
        """One record of each other user on the item, the latest that may be seen; u' is left out."""
        visible = self._records.peers(record.item_id, case.peers_before(self._time_rule))
        latest = {other.user_id: other for other in visible if other.user_id != case.user_id}
        return list(latest.values())

    def _encode(self, records: Sequence[Record]) -> Floats:
        return np.asarray(self._encoder.encode([record.text for record in records]), np.float32)

    def _mean(self, case: Case, own: Floats, others: Sequence[Record]) -> Floats:
        return difference(own, self._encode(others))

    def _profile_weighted(self, case: Case, own: Floats, others: Sequence[Record]) -> Floats:
        means = [self._user_mean(case, user_id) for user_id in (case.user_id, *(other.user_id for other in others))]
        return profile_weighted(own, self._encode(others), means[0], np.stack(means[1:]))

    def _user_mean(self, case: Case, user_id: str) -> Floats:
        """Mean vector of what a user wrote before the request; of a peer there is at least the text compared."""
        history = self._records.history(user_id, case.moment)
        return self._encode(history).mean(axis=0)
