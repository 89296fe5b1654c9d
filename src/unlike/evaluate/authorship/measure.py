"""How probable verifiers find it that the user wrote a text, between a floor and a ceiling of real texts.

A method's share of the way is (method - floor) / (ceiling - floor), each the mean probability over the same users. The
measure is validated first, by the area under the ROC curve (AUC) of ceilings against floors. A verifier whose AUC is below
``MIN_AUC`` cannot distinguish real authors, and has no figures for methods.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from unlike.data.corpus import Corpus
from unlike.data.corpus_facts import sizes_of
from unlike.evaluate.authorship.trials import AuthorshipSettings, AuthorshipTrial, CutTexts
from unlike.evaluate.authorship.verifiers import Question, Verifier, choose_training, train_verifiers
from unlike.evaluate.identity.separation import Estimate, estimate, resampled, shares_and_areas
from unlike.evaluate.statistics.measured import Groups
from unlike.evaluate.statistics.significance import MIN_USERS, PairedComparison, compare, means_by_user
from unlike.progress import OnProgress, no_progress
from unlike.settings import by_name

MIN_AUC = 0.65
"""Minimum area under the ROC curve of a verifier that is used."""
REAL, STRANGER = "real text of the case", "known texts of a stranger"

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoredMethod:
    """The figures of one method by one verifier.

    Attributes:
        name: Name of the method.
        n_users: Users with a text that is long enough.
        n_texts: Their texts.
        n_short: Texts that have too few words.
        n_failed: Cases without a text.
        probability: That the user wrote the text, mean over users; None for too few users.
        share: Share of the way from floor to ceiling; None for too few users.
        against: Its probability minus that of ``settings.against``; None for that one, and for too few users.
    """

    name: str
    n_users: int
    n_texts: int
    n_short: int
    n_failed: int
    probability: Estimate | None = None
    share: Estimate | None = None
    against: PairedComparison | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one verifier.

    Attributes:
        verifier: Its name.
        auc: Area under the ROC curve of ceilings against floors; the validation.
        stranger: The AUC with known texts of a user who shares no item; about 0.5 unless something other than the user
            distinguishes ceiling and floor. None where too few users have such a stranger.
        declines: Whether ``auc`` is below ``MIN_AUC``; then all that follows is empty.
        ceiling: Mean probability of another text by the user.
        floor: Mean probability of another user's text on the item.
        methods: The real texts of the cases, and every method.
    """

    verifier: str
    auc: Estimate
    stranger: Estimate | None
    declines: bool
    ceiling: Estimate | None = None
    floor: Estimate | None = None
    methods: Sequence[ScoredMethod] = ()


@dataclass(frozen=True, slots=True)
class AuthorshipReport:
    """The result for one corpus.

    Attributes:
        corpus: Its hash, and numbers of users, items and records.
        settings: What was measured.
        n_users: Users who are tested.
        n_cases: Their cases.
        n_training_users: Users that the verifiers learned from.
        left_out: Cases (without runs: users) that do not count, by reason.
        verdicts: One per verifier.
    """

    corpus: Mapping[str, int | str]
    settings: AuthorshipSettings
    n_users: int
    n_cases: int
    n_training_users: int
    left_out: Mapping[str, int]
    verdicts: Sequence[Verdict]


@dataclass(frozen=True)
class _Written:
    """The texts of one method as (trial, cut text); how many were too short, and how many cases failed."""

    name: str
    texts: Sequence[tuple[AuthorshipTrial, str]]
    n_short: int = 0
    n_failed: int = 0


@dataclass
class _Tested:
    """Trials, texts of methods, settings and users of a measurement."""

    trials: Sequence[AuthorshipTrial]
    written: Sequence[_Written]
    settings: AuthorshipSettings
    users: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.users = sorted({trial.user_id for trial in self.trials})


def authorship(
    corpus: Corpus,
    groups: Groups | None = None,
    settings: AuthorshipSettings | None = None,
    on_progress: OnProgress = no_progress,
) -> AuthorshipReport:
    """Measure whether verifiers distinguish the users of a corpus, and how near the texts of methods come.

    Args:
        corpus: Real texts: known ones, ceilings, floors, and what the verifiers learn from.
        groups: Runs of each variant on cases of the corpus; None to validate the measure alone.
        settings: None for the defaults.
        on_progress: Called after each step of the work.

    Raises:
        InputError: Too few users count or are left to learn from, a case is not in the corpus, or ``settings.against``
            names no method.
        MissingPart: scikit-learn or PyTorch is not installed.
    """
    settings = settings or AuthorshipSettings()
    if settings.against:
        by_name("method", groups or {}, settings.against)
    texts = CutTexts(corpus, settings)
    trials, left_out = texts.trials_of_cases(_cases(groups)) if groups else texts.trials_of_half()
    tested = _Tested(trials, [_real(trials), *_written(groups or {}, trials, texts)], settings)
    learned = choose_training(texts, trials)
    on_progress("texts chosen", 1, 3, f"{len(tested.users)} users tested")
    verifiers = train_verifiers(learned, _texts(tested), settings.seed)
    on_progress("verifiers trained", 2, 3, f"on {learned.n_users} other users")
    verdicts = [_verdict(verifier, tested) for verifier in verifiers]
    on_progress("measured", 3, 3, "")
    return AuthorshipReport(
        corpus=sizes_of(corpus),
        settings=settings,
        n_users=len(tested.users),
        n_cases=len(trials),
        n_training_users=learned.n_users,
        left_out=left_out,
        verdicts=verdicts,
    )


def _cases(groups: Groups) -> list[str]:
    """The cases of all runs, each once."""
    return list(dict.fromkeys(row.case_id for runs in groups.values() for run in runs for row in run.rows))


def _real(trials: Sequence[AuthorshipTrial]) -> _Written:
    """The users' own texts of the cases."""
    there = [(trial, trial.real) for trial in trials if trial.real is not None]
    return _Written(REAL, there, len(trials) - len(there))


def _written(groups: Groups, trials: Sequence[AuthorshipTrial], texts: CutTexts) -> list[_Written]:
    """The texts of each method in the cases that count."""
    trial_of = {trial.case_id: trial for trial in trials}
    found: list[_Written] = []
    for name, runs in groups.items():
        rows = [row for run in runs for row in run.rows if row.case_id in trial_of]
        done = [(trial_of[row.case_id], texts.cut(row.text)) for row in rows if row.text is not None]
        kept = [(trial, text) for trial, text in done if text is not None]
        found.append(_Written(name, kept, len(done) - len(kept), len(rows) - len(done)))
    return found


def _texts(tested: _Tested) -> list[str]:
    """All texts that verifiers compare, including the known ones."""
    real = (text for trial in tested.trials for text in (*trial.known, *trial.stranger, trial.ceiling, trial.floor))
    return [*real, *(text for method in tested.written for _, text in method.texts)]


def _verdict(verifier: Verifier, tested: _Tested) -> Verdict:
    """The validation, and the figures of methods where it succeeds."""
    ceiling = _by_user(verifier, [(trial, (trial.known, trial.ceiling)) for trial in tested.trials])
    floor = _by_user(verifier, [(trial, (trial.known, trial.floor)) for trial in tested.trials])
    auc = _auc(ceiling, floor, tested.settings.seed)
    verdict = Verdict(verifier.name, auc, _stranger(verifier, tested), auc.value < MIN_AUC)
    if verdict.declines:
        return verdict
    methods = _methods(verifier, tested, ceiling, floor)
    ends = [_mean(np.array(list(values.values())), tested.settings.seed) for values in (ceiling, floor)]
    return replace(verdict, ceiling=ends[0], floor=ends[1], methods=methods)


def _stranger(verifier: Verifier, tested: _Tested) -> Estimate | None:
    """The AUC of ceilings against floors where the known texts are a stranger's."""
    trials = [trial for trial in tested.trials if trial.stranger]
    if len({trial.user_id for trial in trials}) < MIN_USERS:
        return None
    ceiling = _by_user(verifier, [(trial, (trial.stranger, trial.ceiling)) for trial in trials])
    floor = _by_user(verifier, [(trial, (trial.stranger, trial.floor)) for trial in trials])
    return _auc(ceiling, floor, tested.settings.seed)


def _methods(
    verifier: Verifier, tested: _Tested, ceiling: Mapping[str, float], floor: Mapping[str, float]
) -> list[ScoredMethod]:
    """The figures of the methods and of the real texts, each over the users with such a text."""
    seed, against = tested.settings.seed, tested.settings.against
    found = [
        _by_user(verifier, [(trial, (trial.known, text)) for trial, text in method.texts]) for method in tested.written
    ]
    other = next((values for method, values in zip(tested.written, found, strict=True) if method.name == against), {})
    scored: list[ScoredMethod] = []
    for method, probabilities in zip(tested.written, found, strict=True):
        one = ScoredMethod(method.name, len(probabilities), len(method.texts), method.n_short, method.n_failed)
        if len(probabilities) >= MIN_USERS:
            values = np.array([(value, ceiling[user], floor[user]) for user, value in probabilities.items()]).T
            one = replace(one, probability=_mean(values[0], seed), share=_estimated(values, _share_of_way, seed))
        less = compare(probabilities, other, seed) if other and method.name != against else None
        scored.append(replace(one, against=less if less and less.n >= MIN_USERS else None))
    return scored


def _by_user(verifier: Verifier, asked: Sequence[tuple[AuthorshipTrial, Question]]) -> dict[str, float]:
    """The mean probability of each user's texts."""
    if not asked:
        return {}
    values = verifier.probabilities([question for _, question in asked]).tolist()
    found = means_by_user((trial.user_id, value) for (trial, _), value in zip(asked, values, strict=True))
    return dict(sorted(found.items()))


# Figures with their intervals -----------------------------------------------------------------------------------------


def _auc(ceiling: Mapping[str, float], floor: Mapping[str, float], seed: int) -> Estimate:
    """Area under the ROC curve of all users' ceilings against all users' floors."""
    scored = np.array([[[[ceiling[user], floor[user]]] for user in ceiling]])  # (1, n_users, 1, 2)
    value = shares_and_areas(scored, np.ones((1, len(ceiling)), np.float32))[1, 0, 0]
    sampled = [shares_and_areas(scored, weights)[1, 0] for weights in resampled(len(ceiling), seed)]
    return estimate(value, np.concatenate(sampled))


def _mean(values: Values, seed: int) -> Estimate:
    return _estimated(values[None], lambda means: means[0], seed)


def _share_of_way(means: Values) -> Values:
    """(method - floor) / (ceiling - floor), of means (3, n_samples)."""
    method, ceiling, floor = means
    return (method - floor) / (ceiling - floor)


def _estimated(values: Values, figure: Callable[[Values], Values], seed: int) -> Estimate:
    """A figure of means over users, with its interval.

    Args:
        values: (n_kinds, n_users).
        figure: Computes it from means: (n_kinds, n_samples) -> (n_samples,).
        seed: Seed of the bootstrap.
    """
    n_users = values.shape[1]
    sampled = [figure(values @ weights.T / n_users) for weights in resampled(n_users, seed)]
    return estimate(figure(values.mean(axis=1, keepdims=True))[0], np.concatenate(sampled))
