"""Controls of the identity measure: what other than the user could make the own text look nearer?

Each control changes one thing: whose history is compared, whose texts are the peers, which foils are allowed, or what the
vectors still hold.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unlike.embed.encoder import KnownVectors
from unlike.evaluate.identity.separation import Floats
from unlike.evaluate.identity.trials import Accepts, ComparedText, Texts, Trial, without
from unlike.language import runs_of, words
from unlike.peers.representatives import cluster, representatives
from unlike.peers.selectors import KMeansSelector

MAX_LENGTH_RATIO = 1.5
"""Maximum ratio of the longer text to the shorter one, in characters, for texts of similar length."""
PHRASE_WORDS = 5
"""Number of words of a phrase, such as a signature that a user repeats."""
MAX_APART_MS = 365 * 86_400_000
"""Maximum time between texts of about the same time: a year."""
MAX_TRIES = 1_000
"""Maximum number of random records that are tried to find another item."""


def same_rating_and_length(texts: Texts) -> Accepts:
    """Foils with the rating of the own text and a similar length."""

    def accepts(own: int, foil: int) -> bool:
        a, b = texts.records[own], texts.records[foil]
        return a.rating == b.rating and abs(math.log(len(a.text) / len(b.text))) <= math.log(MAX_LENGTH_RATIO)

    return accepts


def by_active_author(texts: Texts, min_records: int) -> Accepts:
    """Foils by authors with as many other texts as a user needs to count."""
    return lambda own, foil: len(texts.by_user[texts.author(foil)]) > min_records


def near_in_time(texts: Texts) -> Accepts:
    """Foils from about the time of the own text."""
    return lambda own, foil: abs(texts.records[own].timestamp - texts.records[foil].timestamp) <= MAX_APART_MS


def without_shared_phrases(texts: Texts, trials: Sequence[Trial]) -> list[Trial]:
    """The trials in which neither text shares a run of words with any of the user's earlier records."""

    def phrases(number: int) -> set[tuple[str, ...]]:
        return set(runs_of(words(texts.records[number].text), PHRASE_WORDS))

    def shares(trial: Trial) -> bool:
        now = phrases(trial.own) | phrases(trial.foil)
        return any(not now.isdisjoint(phrases(one.record)) for one in trial.history)

    return [trial for trial in trials if not shares(trial)]


def with_stranger(texts: Texts, trials: Sequence[Trial], number: int) -> list[Trial | None]:
    """The trials with another user's history in place of the user's: neither text should be nearer.

    The stranger is one of the users who count, has as many records before the own text, and is left out of all means too.

    Args:
        texts: The records.
        trials: Trials of all users who count.
        number: Number of the draw; each draw has other strangers.

    Returns:
        None in place of a trial for which there is no stranger.
    """
    pool = [trial.user_id for trial in trials]
    return [_stranger(texts, trial, pool, number) for trial in trials]


def _stranger(texts: Texts, trial: Trial, pool: Sequence[str], number: int) -> Trial | None:
    random = np.random.default_rng(texts.order("stranger", number, trial.user_id))
    authors = {trial.user_id, texts.author(trial.foil)}
    for place in map(int, random.permutation(len(pool))):
        stranger = pool[place]
        peers = without(ComparedText(trial.own, trial.peers), {stranger}, texts).peers
        history = texts.history(stranger, trial.own, authors)[: len(trial.history)]
        if stranger not in authors and peers and len(history) == len(trial.history):
            return replace(trial, peers=peers, history=history)
    return None


def with_peers_of_another_item(texts: Texts, trials: Sequence[Trial]) -> list[Trial | None]:
    """The trials with as many peers of another item: what a text says about its own item then stays in its difference.

    Returns:
        None in place of a trial for which there is no such item.
    """
    pool = sorted({one.record for trial in trials for one in trial.history})
    return [_elsewhere(texts, trial, pool) for trial in trials]


def _elsewhere(texts: Texts, trial: Trial, pool: Sequence[int]) -> Trial | None:
    random = np.random.default_rng(texts.order("elsewhere", trial.user_id))
    authors = {trial.user_id, texts.author(trial.foil)}

    def moved(one: ComparedText, before: int) -> ComparedText:
        """The record with peers on another item, that of a random earlier record."""
        now = texts.records[one.record]
        n_seen = bisect_left(pool, texts.n_seen(before))
        for place in map(int, random.integers(n_seen, size=MAX_TRIES) if n_seen else ()):
            item_id = texts.records[pool[place]].item_id
            if item_id != now.item_id and (found := texts.peers(item_id, before, authors)):
                return replace(one, peers=texts.shuffled(found, now.id)[: len(one.peers)])
        return replace(one, peers=())

    before = min(texts.records[number].timestamp for number in (trial.own, trial.foil))
    here = moved(ComparedText(trial.own, trial.peers), before).peers
    history = tuple(moved(one, texts.records[one.record].timestamp) for one in trial.history)
    whole = here and all(one.peers for one in history)
    return replace(trial, peers=here, history=history) if whole else None


def without_rating_length_and_date(vectors: Floats, numbers: Sequence[int], texts: Texts) -> Floats:
    """Vectors of some records minus what a linear regression on rating, length and date predicts; the mean stays.

    Each of the three enters with its square; a missing rating has an indicator. Rows of other records are zero.
    """
    records = [texts.records[number] for number in numbers]
    regressors = _regressors(
        [record.rating is not None for record in records],
        [record.rating or 0.0 for record in records],
        np.log1p([len(record.text) for record in records]),
        [record.timestamp for record in records],
    )
    weights = np.linalg.lstsq(regressors, vectors[numbers] - vectors[numbers].mean(axis=0), rcond=None)[0]
    changed = np.zeros_like(vectors)
    changed[numbers] = vectors[numbers] - regressors @ weights
    return changed


def _regressors(*columns: ArrayLike) -> NDArray[np.float64]:
    """The columns, standardised, and their squares, all with mean 0: (n, 2 * len(columns))."""
    table = np.stack([np.asarray(column, np.float64) for column in columns], axis=1)
    spread = table.std(axis=0)
    table = (table - table.mean(axis=0)) / np.where(spread > 0, spread, 1)
    table = np.concatenate([table, table**2], axis=1)
    return table - table.mean(axis=0)


class Representatives:
    """K representatives in place of all peers (DPL, equation 4).

    Own text and foil are compared with the same representatives, and neither may choose them: the peers on their item
    are clustered alone, into K groups.

    Args:
        texts: The records.
        vectors: (n_records, dim), by number of record.
        numbers: Numbers of the records that have a vector.
        k: K of the paper.
        seed: Seed of K-means.
    """

    def __init__(self, texts: Texts, vectors: Floats, numbers: Sequence[int], k: int, seed: int) -> None:
        self._texts = texts
        self._vectors = vectors
        self._k = k
        self._seed = seed
        self._selector = KMeansSelector(KnownVectors({texts.records[n].text: vectors[n] for n in numbers}), seed)

    def of(self, trial: Trial) -> Trial:
        """The trial with representatives."""
        return replace(trial, peers=self._central(trial.peers), history=tuple(map(self._chosen, trial.history)))

    def _chosen(self, one: ComparedText) -> ComparedText:
        """The most central peer of each of K + 1 groups except the record's own."""
        peers = {self._texts.records[number].id: number for number in one.peers}
        records = [self._texts.records[number] for number in one.peers]
        found = self._selector.select(self._texts.records[one.record], records, self._k)
        return replace(one, peers=tuple(peers[record.id] for record in found) or one.peers)

    def _central(self, numbers: Sequence[int]) -> tuple[int, ...]:
        """The most central text of each of K groups."""
        ordered = sorted(numbers, key=lambda number: self._texts.records[number].id)
        by_id = {self._texts.records[number].id: number for number in ordered}
        records = [self._texts.records[number] for number in ordered]
        groups = cluster(records, self._vectors[ordered], self._k, self._seed).groups
        return tuple(by_id[record_id] for record_id in representatives(groups, None, self._k))
