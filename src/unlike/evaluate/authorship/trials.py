"""What the authorship measure compares: a user's earlier texts, a ceiling, a floor, and the texts that verifiers learn from.

The ceiling of a case is another real text by the same user on another item, the floor a real text by another user on the
item of the case. The user's texts before the ceiling are the known ones. All texts are cut to their first ``n_words``
words, and shorter ones take no part, so length plays no role. No verifier learns from an author of a ceiling or a floor.
Texts that repeat earlier ones take no part.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from unlike.data.corpus import Corpus
from unlike.errors import InputError
from unlike.evaluate.identity.trials import IdentitySettings, Texts
from unlike.evaluate.statistics.significance import MIN_USERS
from unlike.language import pieces
from unlike.progress import n_of
from unlike.records import END_OF_TIME, Record

TOO_FEW = "too few earlier texts of that length on other items"
NO_FLOOR = "no text of that length by another user on the item"
MAX_PAIRS_PER_USER = 8
"""Maximum number of training pairs of a user, so that no user outweighs the others."""


@dataclass(frozen=True, slots=True)
class AuthorshipSettings:
    """What is measured.

    Attributes:
        n_words: Words that every text is cut to; shorter texts take no part.
        n_known: Maximum number of texts of a user that a text is compared with, the most recent ones.
        min_known: Minimum number of them.
        n_users: Maximum number of users that are tested where no runs are given.
        n_trained: Maximum number of users that verifiers learn from.
        seed: Seed of all random choices.
        against: Method that the others are compared with, over the users of both; "" for none.
    """

    n_words: int = 60
    n_known: int = 8
    min_known: int = 4
    n_users: int = 300
    n_trained: int = 1_000
    seed: int = 0
    against: str = ""

    def __post_init__(self) -> None:
        names = ("n_words", "n_known", "min_known", "n_users", "n_trained")
        wrong = [f"{name} is {getattr(self, name)}" for name in names if getattr(self, name) < 1]
        if self.n_known < self.min_known:
            wrong.append(f"n_known {self.n_known} is less than min_known {self.min_known}")
        if wrong:
            raise InputError(f"authorship cannot be measured: {', '.join(wrong)}; give 1 or more")


@dataclass(frozen=True, slots=True)
class AuthorshipTrial:
    """A case with the texts that it is scored against, all cut to the same number of words.

    Attributes:
        case_id: Id of the record that is written again.
        user_id: Its user.
        known: Earlier texts of the user.
        ceiling: A later text by the user on another item.
        floor: A text by another user on the item of the case.
        floor_author: Id of the user who wrote it.
        real: What the user wrote in this case; None where it is too short.
        stranger: As many known texts of a user who shares no item with this one; empty where there is none.
    """

    case_id: str
    user_id: str
    known: tuple[str, ...]
    ceiling: str
    floor: str
    floor_author: str
    real: str | None
    stranger: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingPair:
    """Known texts of a training user, a later text by that user, and one by another training user on the same item."""

    user_id: str
    known: tuple[str, ...]
    own: str
    other: str


@dataclass(frozen=True, slots=True)
class Triplet:
    """Two texts by a training user on two items, and one by another training user on the second of them, if there is one."""

    user_id: str
    one: str
    two: str
    other: str | None


class CutTexts:
    """The texts of a corpus that are long enough, cut to the same number of words.

    Args:
        corpus: Where the texts are.
        settings: Number of words, and the seed.

    Attributes:
        text: Cut text by record id.
        by_user: Records with such a text by user, oldest first.
        by_item: Records with such a text by item, oldest first.
        order: Random sort key of some names; see ``Texts.order``.
    """

    def __init__(self, corpus: Corpus, settings: AuthorshipSettings) -> None:
        self._corpus = corpus
        self.settings = settings
        whole = Texts(corpus.records(), IdentitySettings(seed=settings.seed))
        self.order = whole.order
        self.text: dict[str, str] = {}
        self.by_user: dict[str, list[Record]] = {}
        self.by_item: dict[str, list[Record]] = {}
        for numbers in whole.by_user.values():
            for number in numbers:
                record = whole.records[number]
                if (cut := self.cut(record.text)) is not None:
                    self.text[record.id] = cut
                    self.by_user.setdefault(record.user_id, []).append(record)
                    self.by_item.setdefault(record.item_id, []).append(record)

    def cut(self, text: str) -> str | None:
        """The first words of a text; None where it has fewer."""
        found = pieces(text)[: self.settings.n_words]
        return " ".join(found) if len(found) == self.settings.n_words else None

    def trial(self, case: Record, authors: Collection[str] | None = None) -> AuthorshipTrial | str:
        """The trial of a case, or the reason why there is none.

        Args:
            case: The record that is written again.
            authors: Users who may have written the floor; None for all users.
        """
        known = self._before(case)
        if len(known) <= self.settings.min_known:
            return TOO_FEW
        floor = self.by_another(case, self.by_user if authors is None else authors)
        if floor is None:
            return NO_FLOOR
        *earlier, ceiling = known
        return AuthorshipTrial(
            case_id=case.id,
            user_id=case.user_id,
            known=self._latest_texts(earlier),
            ceiling=self.text[ceiling.id],
            floor=self.text[floor.id],
            floor_author=floor.user_id,
            real=self.text.get(case.id),
        )

    def _before(self, case: Record) -> list[Record]:
        """The user's earlier texts on other items, oldest first."""
        own = self.by_user.get(case.user_id, ())
        return [record for record in own if record.moment < case.moment and record.item_id != case.item_id]

    def _latest_texts(self, records: Sequence[Record]) -> tuple[str, ...]:
        return tuple(self.text[record.id] for record in records[-self.settings.n_known :])

    def by_another(self, case: Record, authors: Collection[str]) -> Record | None:
        """A random text on the item of a case by one of these authors, other than the user of the case."""
        there = self.by_item.get(case.item_id, ())
        others = [record for record in there if record.user_id in authors and record.user_id != case.user_id]
        return min(others, key=lambda record: self.order("floor", case.id, record.id), default=None)

    def items_of(self, user_id: str) -> frozenset[str]:
        """All items that a user wrote about."""
        return frozenset(record.item_id for record in self._corpus.history(user_id, END_OF_TIME))

    # Who is tested ----------------------------------------------------------------------------------------------------

    def trials_of_cases(self, case_ids: Sequence[str]) -> tuple[list[AuthorshipTrial], Mapping[str, int]]:
        """The trials of given cases, and the number of cases that have none, by reason.

        Raises:
            InputError: A case is not in the corpus.
        """
        found = [self.trial(self._corpus.record(case_id)) for case_id in case_ids]
        return self._with_strangers(found)

    def trials_of_half(self) -> tuple[list[AuthorshipTrial], Mapping[str, int]]:
        """Trials of the latest possible case of each user in a random half of all users, with floors by the same half.

        Raises:
            InputError: Too few users.
        """
        n_all = len(self._corpus.users())
        if n_all // 2 < MIN_USERS:
            raise InputError(
                f"authorship cannot be measured: the corpus has {n_of(n_all, 'user')}; {2 * MIN_USERS} are needed, since half "
                "of them are tested; take a larger one"
            )
        users = sorted(self.by_user, key=lambda user_id: self.order("tested", user_id))
        half = dict.fromkeys(users[: len(users) // 2])
        found: list[AuthorshipTrial | str] = []
        for user_id in half:
            if sum(not isinstance(one, str) for one in found) == self.settings.n_users:
                break
            found.append(self._latest(user_id, half))
        return self._with_strangers(found)

    def _latest(self, user_id: str, authors: Collection[str]) -> AuthorshipTrial | str:
        trial: AuthorshipTrial | str = TOO_FEW
        for case in reversed(self.by_user[user_id][self.settings.min_known + 1 :]):
            trial = self.trial(case, authors)
            if not isinstance(trial, str):
                break
        return trial

    def _with_strangers(
        self, found: Sequence[AuthorshipTrial | str]
    ) -> tuple[list[AuthorshipTrial], Mapping[str, int]]:
        trials = [one for one in found if not isinstance(one, str)]
        if (n_users := len({trial.user_id for trial in trials})) < MIN_USERS:
            raise InputError(
                f"authorship cannot be measured: {n_users} users count, at least {MIN_USERS} are needed; a user needs "
                f"{self.settings.min_known + 1} earlier texts of {self.settings.n_words} words; lower --words or "
                "--min-known, or take a larger corpus"
            )
        items = {trial.user_id: self.items_of(trial.user_id) for trial in trials}
        left_out = Counter(one for one in found if isinstance(one, str))
        return [self._with_stranger(trial, trials, items) for trial in trials], dict(left_out)

    def _with_stranger(
        self, trial: AuthorshipTrial, trials: Sequence[AuthorshipTrial], items: Mapping[str, frozenset[str]]
    ) -> AuthorshipTrial:
        own_items = items[trial.user_id]
        strangers = [
            one
            for one in trials
            if one.user_id not in (trial.user_id, trial.floor_author) and own_items.isdisjoint(items[one.user_id])
        ]
        found = min(strangers, key=lambda one: self.order("stranger", trial.case_id, one.case_id), default=None)
        return replace(trial, stranger=found.known[: len(trial.known)]) if found else trial

    # Who verifiers learn from -----------------------------------------------------------------------------------------

    def untested(self, trials: Sequence[AuthorshipTrial]) -> dict[str, None]:
        """Users in no trial, neither as users nor as authors of a floor, in random order."""
        tested = {user_id for trial in trials for user_id in (trial.user_id, trial.floor_author)}
        users = [user_id for user_id in self.by_user if user_id not in tested]
        return dict.fromkeys(sorted(users, key=lambda user_id: self.order("training", user_id)))

    def pairs(self, user_id: str, authors: Collection[str]) -> Iterator[TrainingPair]:
        """Pairs of a training user, the latest first, with texts by others of these authors."""
        n_pairs = 0
        for case in reversed(self.by_user[user_id]):
            known, other = self._before(case), self.by_another(case, authors)
            if other is None or len(known) < self.settings.min_known:
                continue
            yield TrainingPair(user_id, self._latest_texts(known), self.text[case.id], self.text[other.id])
            n_pairs += 1
            if n_pairs == MAX_PAIRS_PER_USER:
                return

    def triplets(self, user_id: str, authors: Collection[str]) -> Iterator[Triplet]:
        """Random pairs of a training user's texts, each with a text by another of these authors on the second one's item."""
        records = sorted(self.by_user[user_id], key=lambda record: self.order("triplet", record.id))
        for one, two in list(zip(records, records[1:] + records[:1], strict=True))[: 2 * MAX_PAIRS_PER_USER]:
            if one.item_id != two.item_id:
                other = self.by_another(two, authors)
                yield Triplet(user_id, self.text[one.id], self.text[two.id], self.text[other.id] if other else None)
