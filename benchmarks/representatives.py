"""Representatives of all (user, item) pairs against scikit-learn's K-means for every pair, as DPL's released code does.

Both sides get the vectors from memory. Time rule ``paper``: every pair sees all texts on the item. ``as_of``: a request
is made at each user's newest record, and every earlier record of the user is compared with what others wrote before it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.music import EVERYTHING, music
from benchmarks.row import Row
from unlike.records import Record, TimeRule

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.embed.encoder import Vectors

K = 4
N_STARTS = 10
WITHIN = 1.01
REACH: dict[TimeRule, float] = {"paper": 20.0, "as_of": 5.0}

Pairs = Sequence[tuple[Record, list[Record]]]
"""(the user's own record, one record of each other user on the item)"""


@dataclass(frozen=True)
class Known:
    """An encoder that only looks up what was encoded before the clock started."""

    name: str
    vectors: "dict[str, Vectors]"

    def encode(self, texts: Sequence[str]) -> "Vectors":
        """Vectors from memory, (len(texts), dim)."""
        import numpy as np

        return np.stack([self.vectors[text] for text in texts])


def main(quick: bool = False) -> list[Row]:
    """A row a time rule."""
    where, corpus = music(EVERYTHING)
    known = _encoded(corpus)
    return [_row(rule, where, pairs_of(corpus, rule)[:: 20 if quick else 1], known) for rule in REACH]


def pairs_of(corpus: "Corpus", rule: TimeRule) -> Pairs:
    """All pairs that have somebody to compare with."""
    newest = {record.user_id: record for record in corpus.records()}
    pairs: list[tuple[Record, list[Record]]] = []
    for record in corpus.records():
        request = newest[record.user_id]
        before = request.timestamp if rule == "as_of" else None
        peers = [other for other in corpus.peers(record.item_id, before) if other.user_id != record.user_id]
        if peers and (rule == "paper" or record is not request):
            pairs.append((record, peers))
    return pairs


def _row(rule: TimeRule, where: str, pairs: Pairs, known: Known) -> Row:
    our_s, ours = _ours(pairs, known)
    their_s, theirs = _theirs(pairs, known)
    assert ours <= WITHIN * theirs, f"{rule}: mean inertia {ours} is not within 1 % of {theirs}"
    return Row(
        what=f"representatives of {len(pairs):,} pairs, time rule {rule}",
        against=f"scikit-learn's K-means a pair, starts: {N_STARTS}",
        value=their_s / our_s,
        reach=REACH[rule],
        facts={
            "corpus": where,
            "vectors": known.name,
            "ms_a_pair": round(our_s / len(pairs) * 1e3, 3),
            "their_ms": round(their_s / len(pairs) * 1e3, 2),
            "mean_inertia_of_theirs": round(ours / theirs, 4),
        },
    )


def _ours(pairs: Pairs, known: Known) -> tuple[float, float]:
    """Seconds, and the mean inertia."""
    import numpy as np

    from unlike.peers.selectors import KMeansSelector

    selector = KMeansSelector(known)
    started = time.perf_counter()
    chosen = [selector.select(record, peers, K) for record, peers in pairs]
    seconds = time.perf_counter() - started
    inertias = list[float]()
    for (record, peers), representatives in zip(pairs, chosen, strict=True):
        group_of = selector.clustering([record, *peers], K + 1).group_of
        assert group_of[record.id] not in {group_of[other.id] for other in representatives}, "of other groups only"
        everyone = [record, *peers]
        inertias.append(inertia(known.encode([one.text for one in everyone]), [group_of[one.id] for one in everyone]))
    return seconds, float(np.mean(inertias))


def _theirs(pairs: Pairs, known: Known) -> tuple[float, float]:
    """Seconds, and the mean inertia."""
    import numpy as np
    from sklearn.cluster import KMeans

    seconds, inertias = 0.0, list[float]()
    for record, peers in pairs:
        started = time.perf_counter()
        vectors = known.encode([record.text, *(peer.text for peer in peers)])
        n_groups = min(K + 1, len({row.tobytes() for row in vectors}))
        found = KMeans(n_groups, n_init=N_STARTS, random_state=0).fit(vectors)
        distances = np.linalg.norm(vectors - found.cluster_centers_[found.labels_], axis=1)
        for group in set(range(n_groups)) - {int(found.labels_[0])}:
            own = np.flatnonzero(found.labels_ == group)
            assert len(own[distances[own].argsort()][:1]), "the nearest of every other group"
        seconds += time.perf_counter() - started
        inertias.append(inertia(vectors, found.labels_))
    return seconds, float(np.mean(inertias))


def inertia(vectors: "Vectors", groups: Sequence[int]) -> float:
    """Squared distances of vectors to the means of their groups, summed."""
    import numpy as np

    belongs = np.asarray(groups)
    own = (vectors[belongs == group] for group in set(belongs.tolist()))
    return float(sum(((rows - rows.mean(axis=0)) ** 2).sum() for rows in own))


def _encoded(corpus: "Corpus") -> Known:
    from unlike.embed.open import open_encoder

    encoder = open_encoder("hashing:384")
    return Known(encoder.name, dict(zip(corpus.texts(), encoder.encode(corpus.texts()), strict=True)))
