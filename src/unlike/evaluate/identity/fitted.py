"""Encoders that are fitted to texts of users who are in no trial, neither as users nor as authors of foils.

They exist only inside a measurement, since their vectors mean nothing on another corpus.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from unlike.data.corpus import Corpus
from unlike.embed.encoder import Encoder, Vectors, unit
from unlike.embed.ngrams import fit_ngrams
from unlike.errors import InputError
from unlike.evaluate.authorship.contrastive import ContrastiveSettings, learn_projection
from unlike.evaluate.authorship.style import StyleFeatures
from unlike.evaluate.authorship.trials import AuthorshipSettings, CutTexts
from unlike.evaluate.authorship.verifiers import MIN_TRAINING_USERS
from unlike.evaluate.identity.trials import IdentitySettings, Texts, Trial
from unlike.language import pieces

MAX_TEXTS = 5_000
"""Texts that n-grams are fitted on, drawn at random: more take minutes and change little."""


class StyleEncoder:
    """The style embedding of the authorship measure, as an Encoder.

    Args:
        texts: Texts that it learns from.
        users: Users who wrote them; of those with two texts, at most ``n_trained`` of the authorship settings take part.
        seed: Seed of the learned map.

    Raises:
        MissingPart: scikit-learn or PyTorch is not installed.
        InputError: Too few users have two texts on different items.
    """

    name = "style"

    def __init__(self, texts: CutTexts, users: Sequence[str], seed: int) -> None:
        found = [user_id for user_id in users if len({one.item_id for one in texts.by_user.get(user_id, ())}) > 1]
        found.sort(key=lambda user_id: texts.order("training", user_id))
        authors = dict.fromkeys(found[: texts.settings.n_trained])
        triplets = [one for user_id in authors for one in texts.triplets(user_id, authors)]
        if (n_users := len({one.user_id for one in triplets})) < MIN_TRAINING_USERS:
            raise InputError(
                f"encoder style cannot be fitted: {n_users} users with two texts of {texts.settings.n_words} words are in "
                f"no trial, at least {MIN_TRAINING_USERS} are needed; lower --words, or give a larger corpus"
            )
        learned = list(dict.fromkeys(text for t in triplets for text in (t.one, t.two, t.other) if text is not None))
        row = {text: place for place, text in enumerate(learned)}
        self._features = StyleFeatures(learned)
        self._projection = learn_projection(self._counted(learned), triplets, row, seed, ContrastiveSettings())

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (len(texts), dim) float32."""
        return unit(self._counted([" ".join(pieces(text)) for text in texts]) @ self._projection)

    def _counted(self, texts: Sequence[str]) -> Vectors:
        return np.concatenate(self._features.vectors(texts), axis=1)


class FittedEncoders:
    """Fits encoders for the trials of a corpus.

    Args:
        corpus: Where the texts are.
        texts: The texts as the trials see them.
        repeats: All trials.
        settings: Seed, and the words of a text that are read.

    Attributes:
        users: Users that encoders are fitted on.
    """

    def __init__(
        self, corpus: Corpus, texts: Texts, repeats: Sequence[Sequence[Trial]], settings: IdentitySettings
    ) -> None:
        self._corpus = corpus
        self._texts = texts
        self._settings = settings
        tested = {user_id for trials in repeats for t in trials for user_id in (t.user_id, texts.author(t.foil))}
        self.users = sorted(texts.by_user.keys() - tested)

    def opening(self, name: str) -> Callable[[], Encoder] | None:
        """A function that fits the encoder of that name; None for an encoder that is not fitted.

        Raises:
            InputError: The name has no usable dimension, or too few users are in no trial.
        """
        scheme, _, dim = name.partition(":")
        if name != "style" and (scheme != "ngrams" or Path(dim).is_file()):  # a file holds an encoder that is fitted
            return None
        if scheme == "ngrams" and not (dim.isdecimal() and int(dim) > 0):
            raise InputError(f"encoder {name} has no usable size: give at least 1, as in ngrams:384")
        if len(self.users) < MIN_TRAINING_USERS:
            raise InputError(
                f"encoder {name} cannot be fitted: {len(self.users)} users are in no trial, at least {MIN_TRAINING_USERS} "
                "are needed; lower --users, or give a larger corpus"
            )
        return self._style if name == "style" else lambda: fit_ngrams(self._training, int(dim), self._settings.seed)

    @cached_property
    def _training(self) -> list[str]:
        """The texts of these users that n-grams are fitted to, cut to what encoders read."""
        numbers = [number for user_id in self.users for number in self._texts.by_user[user_id]]
        return [self._texts.read(number) for number in self._texts.shuffled(numbers, "fitted")[:MAX_TEXTS]]

    def _style(self) -> Encoder:
        seed, default = self._settings.seed, AuthorshipSettings()
        n_words = self._settings.n_words or default.n_words
        return StyleEncoder(CutTexts(self._corpus, AuthorshipSettings(n_words, seed=seed)), self.users, seed)
