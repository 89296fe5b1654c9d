"""The vectors of a user's records and of how they differ from others' (DEP, section 3.2.1, equations 2 to 4).

Everything is joined by record id: text, vector and difference always belong to the same record.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlike.embed.encoder import Encoder
from unlike.latent.settings import Weighting
from unlike.records import END_OF_TIME, Case, Record, Records, SplitRecords, TimeRule, others_on, visible

Floats = NDArray[np.float32]
Select = Callable[[Record, Sequence[Record]], Sequence[Record]]
"""Selects the peers that a record is compared with, among all who wrote about its item."""
_SPLIT = "test"
"""The split whose profiles the released code compares with, in training too."""


@dataclass(frozen=True, slots=True, eq=False)
class PastVectors:
    """The vectors of n records of one user.

    Attributes:
        record_ids: The records, in the order of the rows.
        his: (n, d) float32 e_his of equation 2.
        diff: (n, d) float32 e_diff of equation 4; zeros where ``n_peers`` is 0.
        n_peers: (n,) int64, peers that the difference is made from; 0 where there is no difference.
        peer_ids: For each record, ids of the peers' records that it is compared with.
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
    """e_diff of DEP's released code: sum_j w_j * (e_his - e_uj), (d,).

    w is the softmax over ||own_mean - other_mean_j||, these divided by their sum, so that it is nearly uniform.

    Args:
        own: (d,) e_his.
        others: (m, d) e_uj, m > 0.
        own_mean: (d,) mean vector of the user's texts.
        other_means: (m, d) mean vectors of the peers' texts.
    """
    distance = np.linalg.norm(own_mean - other_means, axis=1)
    share = distance / max(float(distance.sum()), 1e-12)
    weight = np.exp(share - share.max())
    return ((weight / weight.sum())[:, None] * (own - others)).sum(axis=0)


class Differences:
    """Equations 2 to 4 over records.

    Args:
        records: Histories and peers.
        encoder: f_emb, with a cache, since the same texts are encoded repeatedly.
        weighting: How peers are weighted.
        time_rule: Which texts of others are used.
        min_peers: Minimum number of peers for a difference.
        select: Which of them a record is compared with; None for all, as in equation 4.
    """

    def __init__(
        self,
        records: Records,
        encoder: Encoder,
        weighting: Weighting = "mean",
        time_rule: TimeRule = "as_of",
        min_peers: int = 1,
        select: Select | None = None,
    ) -> None:
        self._records, self._encoder, self._select = records, encoder, select
        # A store has neither splits nor texts from after a request, so there "released" means all texts of others.
        has_splits = isinstance(records, SplitRecords)
        self._time_rule: TimeRule = "paper" if time_rule == "released" and not has_splits else time_rule
        self._weighting, self._min_peers = weighting, max(1, min_peers)

    def of(self, case: Case, past: Sequence[Record], left_out: str = "") -> PastVectors:
        """The vectors of records of the case's user, in their order; the user ``left_out`` is nobody's peer."""
        own = self._encode(past)
        peers = [self._peers(case, record, left_out) for record in past]
        rows = [
            self._difference(case, vector, others) if others else np.zeros_like(vector)
            for vector, others in zip(own, peers, strict=True)
        ]
        return PastVectors(
            record_ids=tuple(record.id for record in past),
            his=own,
            diff=np.asarray(rows, np.float32).reshape(own.shape),
            n_peers=np.asarray([len(others) for others in peers], np.int64),
            peer_ids=tuple(tuple(other.id for other in others) for others in peers),
        )

    def _peers(self, case: Case, record: Record, left_out: str) -> list[Record]:
        """The latest visible record of each other user on the item, or those of them that ``select`` chooses.

        Empty where there are fewer than ``min_peers``: with one peer, a difference would reveal that peer's vector.
        """
        pool = visible(self._records, self._time_rule, _SPLIT, without_last=2)
        found = others_on(pool, record.item_id, case.user_id, case.peers_before(self._time_rule))
        found = [other for other in found if other.user_id != left_out]
        if self._select and found:
            found = list(self._select(record, found))
        return found if len(found) >= self._min_peers else []

    def _encode(self, records: Sequence[Record]) -> Floats:
        return np.asarray(self._encoder.encode([record.text for record in records]), np.float32)

    def _difference(self, case: Case, own: Floats, others: Sequence[Record]) -> Floats:
        if self._weighting == "mean":
            return difference(own, self._encode(others))
        means = np.stack([self._peer_mean(other.user_id, case) for other in others])
        return profile_weighted(own, self._encode(others), self._own_mean(case), means)

    def _own_mean(self, case: Case) -> Floats:
        """The mean vector of the user's texts before the request.

        Under ``paper`` and ``released`` it includes a training case's own target, as in the released code, but never the
        real text of a test case.
        """
        if self._time_rule == "released" and (profile := self._released_texts(case.user_id)):
            return self._encode(profile).mean(axis=0)
        timestamp, record_id = case.moment
        with_target = self._time_rule == "paper" and case.split == "train"
        until = (timestamp, f"{record_id}\0") if with_target else case.moment
        return self._encode(self._records.history(case.user_id, until)).mean(axis=0)

    def _peer_mean(self, user_id: str, case: Case) -> Floats:
        """The mean vector of a peer's texts that the time rule allows."""
        if self._time_rule == "released":
            return self._encode(self._released_texts(user_id)).mean(axis=0)
        until = (case.timestamp, "") if self._time_rule == "as_of" else END_OF_TIME
        return self._encode(self._records.history(user_id, until)).mean(axis=0)

    def _released_texts(self, user_id: str) -> Sequence[Record]:
        """The texts of a user's mean in the released code: one more than those that peers are compared with."""
        return visible(self._records, "released", _SPLIT, without_last=1).history(user_id, END_OF_TIME)
