"""Trials of the identity measure: a user's next text, another user's text on the same item, and the texts that are averaged.

Both authors of a trial stay out of every mean of others, and both texts of a trial are compared with the same mean. Under
``as_of`` a mean of others holds only texts strictly before each text that it is compared with. A text that repeats an
earlier one takes no part at all.
"""

import hashlib
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from unlike.errors import InputError
from unlike.evaluate.statistics.significance import MIN_USERS
from unlike.language import first_words, words
from unlike.records import Record, TimeRule, latest_per_user

RUN_WORDS = 8
"""Words of a run; two texts rarely share one by chance."""
REPEATED_SHARE = 0.5
"""A text repeats others when at least this share of its runs of words is in earlier texts."""


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """What is measured.

    Attributes:
        time_rule: Which texts of others are seen.
        n_records: N, the maximum number of a user's earlier records that are compared, the most recent ones.
        n_peers: K, the maximum number of peers of a record, drawn at random; None for all (DEP, equation 4).
        min_records: Minimum number of a user's earlier records on items that others wrote about.
        n_foils: Texts of others that a user's next text is compared with, each in its own trial.
        seed: Seed of foils, strangers, peers and the bootstrap.
        n_words: Words of each text, from its beginning, that encoders read; None for all.
        n_users: Maximum number of users, drawn at random, MIN_USERS or more; None for all.
    """

    time_rule: TimeRule = "as_of"
    n_records: int = 8
    n_peers: int | None = None
    min_records: int = 5
    n_foils: int = 5
    seed: int = 0
    n_words: int | None = None
    n_users: int | None = None

    def __post_init__(self) -> None:
        names = ("n_records", "n_peers", "min_records", "n_foils", "n_words", "n_users")
        numbers = {name: getattr(self, name) for name in names}
        if wrong := [f"{name} is {number}" for name, number in numbers.items() if number is not None and number < 1]:
            raise InputError(f"identity cannot be measured: {', '.join(wrong)}; give 1 or more")
        if self.n_users is not None and self.n_users < MIN_USERS:
            raise InputError(f"identity cannot be measured: n_users is {self.n_users}; give {MIN_USERS} or more")
        if self.time_rule == "released":
            raise InputError("identity cannot be measured by time rule 'released'; give as_of or paper")


ONLY_REPEATS = "no text but those that repeat an earlier one"
TOO_SHORT = "too few texts"
NOT_COMPARED = "too few earlier texts on items that others wrote about before"
NO_FOIL = "no text on an item with a text by another user and one by a third user before both"
NOT_ACCEPTED = "no such text by a user who writes as much"
NOT_DRAWN = "no turn, since as many users count as were asked for"
REASONS = (ONLY_REPEATS, TOO_SHORT, NOT_COMPARED, NO_FOIL, NOT_ACCEPTED, NOT_DRAWN)
"""Why a user does not count, the first obstacle first."""


@dataclass(frozen=True, slots=True)
class ComparedText:
    """A record and its peers, all as numbers of records; the peers in random order."""

    record: int
    peers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """Which of two texts on one item did the user write?

    Attributes:
        user_id: Whose trial it is: the unit of resampling.
        own: The user's text.
        foil: Another user's text on the same item.
        peers: Texts by third persons on that item, in random order.
        history: Earlier records of the user, or of a stranger in the user's place, most recent first.
    """

    user_id: str
    own: int
    foil: int
    peers: tuple[int, ...]
    history: tuple[ComparedText, ...]

    def numbers(self) -> Iterator[int]:
        """Numbers of all records in it."""
        yield from (self.own, self.foil, *self.peers)
        for one in self.history:
            yield from (one.record, *one.peers)

    def cut(self, n_records: int | None, n_peers: int | None) -> "Trial":
        """The trial with at most this many earlier records, and peers of each; None for all."""
        history = tuple(ComparedText(one.record, one.peers[:n_peers]) for one in self.history[:n_records])
        return replace(self, history=history, peers=self.peers[:n_peers])


Accepts = Callable[[int, int], bool]
"""(own, foil) to whether this foil may be compared with the user's text."""


class Texts:
    """The records that take part, by number, and what may be seen of them.

    Args:
        records: All records, oldest first.
        settings: Time rule and seed.

    Attributes:
        records: All records, oldest first.
        repeated: Numbers of the records that repeat an earlier text.
        by_user: Numbers of all other records by user, oldest first.
        by_item: These numbers by item, oldest first.
    """

    def __init__(self, records: Sequence[Record], settings: IdentitySettings) -> None:
        self.records = records
        self.repeated = repeated([record.text for record in records])
        self.by_user: dict[str, list[int]] = {}
        self.by_item: dict[str, list[int]] = {}
        for number, record in enumerate(records):
            if number not in self.repeated:
                self.by_user.setdefault(record.user_id, []).append(number)
                self.by_item.setdefault(record.item_id, []).append(number)
        self._times = [record.timestamp for record in records]
        self._time_rule = settings.time_rule
        self._seed = settings.seed
        self._n_words = settings.n_words
        self.compared = cache(self._compared)

    def author(self, number: int) -> str:
        """Who wrote a record."""
        return self.records[number].user_id

    def read(self, number: int) -> str:
        """What encoders read of a record's text."""
        return first_words(self.records[number].text, self._n_words)

    def order(self, *names: object) -> int:
        """A random sort key that depends on the seed and these names alone."""
        written = "\0".join(map(str, (self._seed, *names)))
        return int.from_bytes(hashlib.sha256(written.encode()).digest()[:8], "big")

    def peers(self, item_id: str, before: int, authors: Collection[str]) -> list[int]:
        """The latest visible text of each user on an item, without some authors; ties in time go to the later id."""
        there = self.by_item.get(item_id, ())
        seen = there[: bisect_left(there, self.n_seen(before))]
        return latest_per_user((number for number in seen if self.author(number) not in authors), self.author)

    def n_seen(self, before: int) -> int:
        """How many of the records, counted from the oldest, may be seen before a timestamp."""
        return len(self.records) if self._time_rule == "paper" else bisect_left(self._times, before)

    def _compared(self, number: int) -> ComparedText:
        """A record with all its peers."""
        record = self.records[number]
        found = self.peers(record.item_id, record.timestamp, {record.user_id})
        return ComparedText(number, self.shuffled(found, record.id))

    def shuffled(self, numbers: Sequence[int], name: str) -> tuple[int, ...]:
        """Records in the random order of that name."""
        return tuple(sorted(numbers, key=lambda number: self.order(name, self.records[number].id)))

    def history(self, user_id: str, before: int, authors: Collection[str]) -> tuple[ComparedText, ...]:
        """A user's records before a record and on other items, most recent first, compared with others than these authors.

        Records without peers are left out.
        """
        now = self.records[before]
        earlier = [number for number in self.by_user[user_id] if self.records[number].moment < now.moment]
        apart = [number for number in reversed(earlier) if self.records[number].item_id != now.item_id]
        found = (without(self.compared(number), authors, self) for number in apart)
        return tuple(one for one in found if one.peers)


def without(one: ComparedText, authors: Collection[str], texts: Texts) -> ComparedText:
    """The record without the peers that some authors wrote."""
    return ComparedText(one.record, tuple(peer for peer in one.peers if texts.author(peer) not in authors))


def choose_trials(
    texts: Texts, settings: IdentitySettings, accepts: Accepts = lambda own, foil: True
) -> tuple[list[list[Trial]], Mapping[str, int]]:
    """The trials of every user who counts: the most recent text that has a foil, against foils drawn at random.

    Args:
        texts: The records.
        settings: How many earlier records a user needs, and how many foils are drawn.
        accepts: Which foils are allowed.

    Returns:
        ``n_foils`` lists of one trial per user, sorted by user id, where foils are repeated if there are fewer; and the
        number of users that do not count, by reason.
    """
    found: list[list[Trial]] = []
    users = sorted(texts.by_user)
    left_out = Counter({ONLY_REPEATS: len({record.user_id for record in texts.records}) - len(users)})
    if settings.n_users:
        users.sort(key=lambda user_id: texts.order("user", user_id))
    for n_tried, user_id in enumerate(users):
        if len(found) == settings.n_users:
            left_out[NOT_DRAWN] = len(users) - n_tried
            break
        trials = _trials_of(texts, user_id, settings, accepts)
        if isinstance(trials, int):
            left_out[REASONS[trials]] += 1
        else:
            found.append([trials[draw % len(trials)] for draw in range(settings.n_foils)])
    found.sort(key=lambda trials: trials[0].user_id)
    repeats = [[trials[draw] for trials in found] for draw in range(settings.n_foils)]
    return repeats, {reason: left_out[reason] for reason in REASONS if left_out[reason]}


def _trials_of(texts: Texts, user_id: str, settings: IdentitySettings, accepts: Accepts) -> list[Trial] | int:
    """The user's trials, or the index in ``REASONS`` of the reason why there are none."""
    obstacle = REASONS.index(TOO_SHORT)
    for own in reversed(texts.by_user[user_id][settings.min_records :]):
        history = texts.history(user_id, own, {user_id})
        if len(history) < settings.min_records:
            return max(obstacle, REASONS.index(NOT_COMPARED))
        each = _with_each_foil(texts, own, history)
        whole = [trial for trial in each if trial.peers and len(trial.history) >= settings.min_records]
        trials = [trial for trial in whole if accepts(own, trial.foil)]
        if trials:
            return trials[: settings.n_foils]
        obstacle = max(obstacle, REASONS.index(NOT_ACCEPTED if whole else NO_FOIL))
    return obstacle


def _with_each_foil(texts: Texts, own: int, history: Sequence[ComparedText]) -> Iterator[Trial]:
    """A trial of a text for each foil there is, in random order, both authors out of all means."""
    record = texts.records[own]
    foils = [number for number in texts.by_item[record.item_id] if texts.author(number) != record.user_id]
    for foil in sorted(foils, key=lambda foil: texts.order("foil", record.id, texts.records[foil].id)):
        authors = {record.user_id, texts.author(foil)}
        before = min(record.timestamp, texts.records[foil].timestamp)
        yield Trial(
            user_id=record.user_id,
            own=own,
            foil=foil,
            peers=texts.shuffled(texts.peers(record.item_id, before, authors), record.id),
            history=tuple(left for one in history if (left := without(one, authors, texts)).peers),
        )


def repeated(texts: Sequence[str]) -> frozenset[int]:
    """Numbers of the texts that repeat earlier ones: ``REPEATED_SHARE`` or more of their runs of words are in these.

    Args:
        texts: Texts in order of time.
    """
    if not texts:
        return frozenset()
    run, owner = _runs(texts)
    order = np.argsort(run, kind="stable")
    starts = np.flatnonzero(np.diff(run[order], prepend=~run[order[0]]))
    first = np.empty_like(owner)
    first[order] = np.repeat(owner[order][starts], np.diff(starts, append=len(run)))
    share = np.bincount(owner[first < owner], minlength=len(texts)) / np.bincount(owner)
    return frozenset(map(int, np.flatnonzero(share >= REPEATED_SHARE)))


def _runs(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """A hash of each run of words, and the number of its text; a text of fewer words is one run."""
    code_of = cache(_code)
    empty = [0] * RUN_WORDS
    codes = [list(map(code_of, words(text))) for text in texts]
    codes = [found + empty[len(found) :] for found in codes]
    sizes = np.array([len(found) for found in codes])
    flat = np.fromiter(chain.from_iterable(codes), np.uint64, sizes.sum())
    n_runs = len(flat) - RUN_WORDS + 1
    runs = np.zeros(n_runs, np.uint64)
    for place, factor in enumerate(np.random.default_rng(0).integers(2**63, size=RUN_WORDS, dtype=np.uint64)):
        runs += flat[place : place + n_runs] * (2 * factor + 1)
    owner = np.repeat(np.arange(len(texts)), sizes)
    whole = owner[:n_runs] == owner[RUN_WORDS - 1 :]
    return runs[whole], owner[:n_runs][whole]


def _code(word: str) -> int:
    return zlib.crc32(word.encode())
