"""Style as vectors: character n-grams, and frequencies of the most frequent words and punctuation marks.

Both depend little on the topic of a text: n-grams of two to four characters hold endings, spelling and
punctuation; the most frequent words of a corpus are function words (Burrows' Delta: Burrows, 2002).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlike.embed.encoder import unit
from unlike.embed.ngrams import ngram_counter

Floats = NDArray[np.float32]

MAX_GRAMS, MAX_TOKENS = 3_000, 200
"""Features kept: the most frequent ones of the texts that verifiers learn from."""
TOKEN = r"\d+|\w+(?:['’]\w+)*|[^\w\s]"
MAX_DEVIATIONS = 4.0
"""Standard deviations from the mean at which the frequency of a word is clipped."""


class StyleFeatures:
    """The features of style, with their means and deviations.

    Args:
        learned_from: Texts that they come from.

    Raises:
        MissingPart: scikit-learn is not installed.
    """

    def __init__(self, learned_from: Sequence[str]) -> None:
        self._grams, self._tokens = _counters()
        self._usual = _dense(self._grams.fit_transform(learned_from)).mean(axis=0)
        roots = np.sqrt(_dense(self._tokens.fit_transform(learned_from)))
        self._mean, self._spread = roots.mean(axis=0), roots.std(axis=0) + np.float32(1e-6)

    def vectors(self, texts: Sequence[str]) -> tuple[Floats, Floats]:
        """N-grams, (n_texts, n_grams), and words, (n_texts, n_tokens), of texts; all rows have length 1."""
        grams = unit(_dense(self._grams.transform(texts)) - self._usual)
        tokens = (np.sqrt(_dense(self._tokens.transform(texts))) - self._mean) / self._spread
        return grams, unit(np.clip(tokens, -MAX_DEVIATIONS, MAX_DEVIATIONS))


class StyleVectors:
    """Vectors of texts, looked up by the text.

    Args:
        learned_from: Texts that the features come from.
        texts: All texts that are compared.

    Attributes:
        row: Row of each text in the vectors.
        grams: (n_texts, n_grams) unit vectors.
        tokens: (n_texts, n_tokens) unit vectors.

    Raises:
        MissingPart: scikit-learn is not installed.
    """

    def __init__(self, learned_from: Sequence[str], texts: Sequence[str]) -> None:
        unique = list(dict.fromkeys(texts))
        self.row = {text: place for place, text in enumerate(unique)}
        self.grams, self.tokens = StyleFeatures(learned_from).vectors(unique)

    def rows(self, texts: Sequence[str]) -> list[int]:
        """The rows of some texts."""
        return [self.row[text] for text in texts]


def similarity(vectors: Floats, known: Sequence[Sequence[int]], texts: Sequence[int]) -> Floats:
    """Cosine of each text with the mean of the known ones, (n,).

    Args:
        vectors: (n_texts, dim).
        known: For each text, the rows of the known ones.
        texts: Row of each text.
    """
    means = unit(np.stack([vectors[list(rows)].mean(axis=0) for rows in known]))
    return np.einsum("nd,nd->n", means, unit(vectors[list(texts)]))


def _counters() -> tuple[Any, Any]:
    """Counters of n-grams, and of words and punctuation marks."""
    grams = ngram_counter("authorship", max_features=MAX_GRAMS)
    from sklearn.feature_extraction.text import CountVectorizer

    dtype: Any = np.float32
    return grams, CountVectorizer(token_pattern=TOKEN, max_features=MAX_TOKENS, dtype=dtype)


def _dense(counts: Any) -> Floats:  # noqa: ANN401 - a sparse matrix
    return counts.toarray()
