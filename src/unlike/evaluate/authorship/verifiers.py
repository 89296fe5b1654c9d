"""Two verifiers of different kinds: how probable is it that the author of some known texts wrote another text?

``n-grams and words`` compares counts; ``learned style`` compares them after a contrastively learned linear map. Logistic
regression turns the similarity of text and known texts into a probability; it is fitted on as many own texts as others', so
its logit is a log-likelihood ratio. Features, map and calibration come from users who are in no test; the map and its
calibration come from different users.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlike.errors import InputError
from unlike.evaluate.authorship.contrastive import ContrastiveSettings, learn_projection
from unlike.evaluate.authorship.style import Floats, StyleVectors, similarity
from unlike.evaluate.authorship.trials import AuthorshipTrial, CutTexts, TrainingPair, Triplet

MIN_TRAINING_USERS = 20
"""Minimum number of users that a calibration is learned from."""
Question = tuple[Sequence[str], str]
"""Known texts, and a text: did the same user write it?"""


@dataclass(frozen=True)
class Training:
    """What verifiers learn from.

    Attributes:
        pairs: Pairs of users with enough texts, for the calibration.
        triplets: Triplets of other users, for the learned map.
        n_users: Number of users of pairs and triplets.
    """

    pairs: Sequence[TrainingPair]
    triplets: Sequence[Triplet]
    n_users: int

    def texts(self) -> list[str]:
        """All texts, each once."""
        found = [text for pair in self.pairs for text in (*pair.known, pair.own, pair.other)]
        found += [text for t in self.triplets for text in (t.one, t.two, t.other) if text is not None]
        return list(dict.fromkeys(found))


def choose_training(texts: CutTexts, trials: Sequence[AuthorshipTrial]) -> Training:
    """Choose what verifiers learn from: users in no trial, half of those with enough texts for the calibration.

    Raises:
        InputError: Too few users are left.
    """
    authors = texts.untested(trials)
    users = [user_id for user_id in authors if len({record.item_id for record in texts.by_user[user_id]}) > 1]
    users = users[: texts.settings.n_trained]
    pairs_of = {user_id: list(texts.pairs(user_id, authors)) for user_id in users}
    calibrating = [user_id for user_id in users if pairs_of[user_id]]
    if len(calibrating) < MIN_TRAINING_USERS:
        raise InputError(
            f"authorship cannot be measured: {len(calibrating)} users with enough texts are in no test, verifiers learn "
            f"from at least {MIN_TRAINING_USERS}; give a larger corpus that has the records of the runs' corpus too, "
            "such as one curated with --min-records 1 --min-reviewers 1"
        )
    kept = dict.fromkeys(calibrating[: len(calibrating) // 2])
    return Training(
        pairs=[pair for user_id in kept for pair in pairs_of[user_id]],
        triplets=[one for user_id in users if user_id not in kept for one in texts.triplets(user_id, authors)],
        n_users=len(users),
    )


@dataclass(frozen=True)
class Verifier:
    """A calibrated verifier.

    Attributes:
        name: Its kind.
        probabilities: (n,) the probability that the author of the known texts wrote each text; 0.5 where the similarity
            favours neither answer.
    """

    name: str
    probabilities: Callable[[Sequence[Question]], NDArray[np.float64]]


def train_verifiers(learned: Training, texts: Sequence[str], seed: int) -> list[Verifier]:
    """Train both verifiers.

    Args:
        learned: What they learn from.
        texts: All texts that will be compared.
        seed: Seed of the learned map.

    Raises:
        MissingPart: scikit-learn or PyTorch is not installed.
    """
    style = StyleVectors(learned.texts(), [*learned.texts(), *texts])
    both = np.concatenate([style.grams, style.tokens], axis=1)
    projection = learn_projection(both, learned.triplets, style.row, seed, ContrastiveSettings())
    return [
        _calibrated("n-grams and words", style, (style.grams, style.tokens), learned.pairs),
        _calibrated("learned style", style, (both @ projection,), learned.pairs),
    ]


def _calibrated(name: str, style: StyleVectors, vectors: Sequence[Floats], pairs: Sequence[TrainingPair]) -> Verifier:
    """A verifier that compares by these vectors, with a weight for each."""
    from sklearn.linear_model import LogisticRegression

    def compared(questions: Sequence[Question]) -> Floats:
        known, texts = [style.rows(known) for known, _ in questions], style.rows([text for _, text in questions])
        return np.stack([similarity(each, known, texts) for each in vectors], axis=1)

    own, other = compared([(p.known, p.own) for p in pairs]), compared([(p.known, p.other) for p in pairs])
    model: Any = LogisticRegression(C=100.0)
    model.fit(np.concatenate([own, other]), [1] * len(own) + [0] * len(other))
    return Verifier(name, lambda questions: model.predict_proba(compared(questions))[:, 1])
