"""The rows of the identity report as lists of trials: the result, its controls, and curves over N and K.

The plan is complete before any text is encoded, so only the texts that it needs are encoded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from unlike.errors import InputError
from unlike.evaluate.identity import controls
from unlike.evaluate.identity.trials import Accepts, IdentitySettings, Texts, Trial, choose_trials
from unlike.evaluate.statistics.significance import MIN_USERS
from unlike.progress import n_of

N_STRANGERS = 2
"""Strangers whose history is tried in each trial."""
K = 4
"""Representatives (DPL, section 4.1)."""
RESULT, STRANGER, REPRESENTATIVES = "result", "history of a stranger", f"{K} representatives"
"""Names of the rows that encoders are compared by."""
SWEPT_RECORDS = (1, 2, 4, 8, 16)
SWEPT_PEERS = (1, 2, 4, 6, 8, None)

Section = Literal["main", "controls", "over_records", "over_peers", "representatives"]
How = Literal["plain", "against", "regressed", "representatives"]


@dataclass(frozen=True, slots=True)
class Planned:
    """One row of the report before it is measured.

    Attributes:
        section: Section of the report.
        name: What was changed, or the value of a setting.
        repeats: Lists of one trial per user, all of the same users.
        how: "against": the first half of the repeats against the second, which has strangers' histories; "regressed": with
            rating, length and date taken out of the vectors; "representatives": with K representatives of the peers.
    """

    section: Section
    name: str
    repeats: Sequence[Sequence[Trial]]
    how: How = "plain"


class IdentityPlan:
    """The rows of the report.

    Args:
        texts: The records.
        settings: What is measured.

    Attributes:
        trials: Trials of the main row, uncut: lists of one trial per user.
        left_out: Users that do not count, by reason.
        rows: All rows, the main one first.

    Raises:
        InputError: Too few users count.
    """

    def __init__(self, texts: Texts, settings: IdentitySettings) -> None:
        self._texts = texts
        self._settings = settings
        self.trials, self.left_out = choose_trials(texts, settings, self._regular())
        if len(self.trials[0]) < MIN_USERS:
            raise InputError(_too_few(len(self.trials[0]), self.left_out, settings))
        self.rows = list(self._rows())

    def _rows(self) -> Iterator[Planned]:
        n_records, n_peers = self._settings.n_records, self._settings.n_peers
        yield Planned("main", RESULT, cut(self.trials, n_records, n_peers))
        yield from self._controls(cut(self.trials, n_records, n_peers))
        for n in SWEPT_RECORDS:
            yield Planned("over_records", str(n), cut(self.trials, n, n_peers))
        for k in SWEPT_PEERS:
            yield Planned("over_peers", str(k or "all"), cut(self.trials, n_records, k))
        everybody = cut(self.trials, n_records, None)
        yield Planned("representatives", REPRESENTATIVES, everybody, "representatives")
        yield Planned("representatives", f"{K} at random", cut(everybody, n_records, K))
        yield Planned("representatives", "all", everybody)

    def _controls(self, trials: Sequence[Sequence[Trial]]) -> Iterator[Planned]:
        texts = self._texts
        own = [one for one in trials for _ in range(N_STRANGERS)]
        strange = [controls.with_stranger(texts, one, number) for number, one in enumerate(own)]
        yield Planned("controls", STRANGER, complete(strange))
        yield Planned("controls", "own history against a stranger's", complete([*own, *strange]), "against")
        yield Planned("controls", "foils by anybody", self._with(lambda own, foil: True))
        alike, near = controls.same_rating_and_length(texts), controls.near_in_time(texts)
        yield Planned("controls", "foils of same rating and like length", self._with(self._regular(alike)))
        yield Planned("controls", "foils within a year", self._with(self._regular(near)))
        yield Planned("controls", "rating, length and date taken out", trials, "regressed")
        plain = [controls.without_shared_phrases(texts, one) for one in trials]
        yield Planned("controls", "no phrase of the history", complete(plain))
        elsewhere = [controls.with_peers_of_another_item(texts, one) for one in trials]
        yield Planned("controls", "peers of another item", complete(elsewhere))

    def _regular(self, accepts: Accepts = lambda own, foil: True) -> Accepts:
        """Foils by authors who write as much as users who count."""
        active = controls.by_active_author(self._texts, self._settings.min_records)
        return lambda own, foil: active(own, foil) and accepts(own, foil)

    def _with(self, accepts: Accepts) -> list[list[Trial]]:
        """The trials of all users who have such foils."""
        repeats = choose_trials(self._texts, self._settings, accepts)[0]
        return cut(repeats, self._settings.n_records, self._settings.n_peers)


def needed(rows: Sequence[Planned]) -> list[int]:
    """Numbers of all records whose vectors some rows need, in ascending order."""
    lists = (trials for row in rows for trials in row.repeats)
    return sorted({number for trials in lists for trial in trials for number in trial.numbers()})


def cut(repeats: Sequence[Sequence[Trial]], n_records: int, n_peers: int | None) -> list[list[Trial]]:
    """The trials with at most this many earlier records and peers."""
    return [[trial.cut(n_records, n_peers) for trial in trials] for trials in repeats]


def complete(repeats: Sequence[Sequence[Trial | None]]) -> list[list[Trial]]:
    """The repeats with only those users who have a trial in each of them."""
    by_user = [{trial.user_id: trial for trial in trials if trial} for trials in repeats]
    users = sorted(set(by_user[0]).intersection(*by_user[1:]))
    return [[trials[user_id] for user_id in users] for trials in by_user]


def _too_few(n_users: int, left_out: Mapping[str, int], settings: IdentitySettings) -> str:
    n_all = n_users + sum(left_out.values())
    if n_all < MIN_USERS:
        return f"identity cannot be measured: the corpus has {n_of(n_all, 'user')}; {MIN_USERS} are needed; take a larger one"
    reasons = "; ".join(f"{n:,} with {reason}" for reason, n in left_out.items())
    fewer = f"lower the number of earlier records that a user needs (--min-records, now {settings.min_records})"
    ways = [
        *([fewer] if settings.min_records > 1 else []),
        "curate with lower thresholds",
        *(["use --time paper"] if settings.time_rule != "paper" else []),
    ]
    return (
        f"identity cannot be measured: {n_users} users count, at least {MIN_USERS} are needed. Left out: {reasons}. "
        f"What may help: {'; '.join(ways)}"
    )
