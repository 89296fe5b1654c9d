"""Character n-grams as an encoder: spelling, endings, capitals and punctuation, which identify who wrote a text.

It is fitted on texts: the most frequent n-grams, their TF-IDF weights, and the directions of a truncated SVD (latent
semantic analysis). Saved in a file, it gives any text the same vector anywhere.
"""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlike.data.corpus import Corpus
from unlike.embed.encoder import Vectors, unit
from unlike.errors import InputError, MissingPart, how_to_install

N_GRAMS = (2, 4)
"""Minimum and maximum number of characters of an n-gram."""
MAX_GRAMS = 20_000
"""Number of the most frequent n-grams that are counted, before the SVD reduces them."""

Floats = NDArray[np.float32]


class NGramEncoder:
    """Character n-grams, weighted by TF-IDF and reduced to ``dim`` directions.

    Args:
        grams: (n,) the n-grams that are counted.
        weights: (n,) float32 inverse document frequencies.
        directions: (dim, n) float32.
        what: What needs the encoder, for error messages.

    Attributes:
        name: Dimension and a digest of all fitted values; part of cache keys and of adapters.

    Raises:
        MissingPart: scikit-learn is not installed.
    """

    def __init__(self, grams: Sequence[str], weights: Floats, directions: Floats, what: str = "ngrams") -> None:
        self._grams, self._weights, self._directions = list(grams), weights, directions
        self._counter = ngram_counter(what, vocabulary={gram: place for place, gram in enumerate(self._grams)})
        self._counter.idf_ = weights
        parts = ("\0".join(self._grams).encode(), weights.astype("<f4").tobytes(), directions.astype("<f4").tobytes())
        self.name = f"ngrams:{len(directions)}:{hashlib.sha256(b''.join(parts)).hexdigest()[:12]}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (len(texts), dim) float32; a text without known n-grams gets (1, 0, ..., 0)."""
        if not texts:
            return np.zeros((0, len(self._directions)), np.float32)
        vectors = unit((self._counter.transform(texts) @ self._directions.T).astype(np.float32))
        vectors[~vectors.any(axis=1), 0] = 1
        return vectors

    def save(self, file: Path) -> None:
        """Write the encoder to a file (.npz), atomically."""
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.part")
        with part.open("wb") as out:
            np.savez_compressed(out, grams=json.dumps(self._grams), weights=self._weights, directions=self._directions)
        part.replace(file)


def fit_ngrams(texts: Sequence[str], dim: int, seed: int = 0) -> NGramEncoder:
    """Fit an encoder to texts.

    Args:
        texts: The texts that n-grams, weights and directions are learned from.
        dim: Dimension of the vectors.
        seed: Seed of the SVD.

    Raises:
        MissingPart: scikit-learn is not installed.
        InputError: The texts have too few n-grams for that dimension.
    """
    counter = ngram_counter(f"encoder ngrams:{dim}", max_features=MAX_GRAMS)
    from sklearn.decomposition import TruncatedSVD

    svd: Any = TruncatedSVD(dim, random_state=seed)
    try:
        svd.fit(counter.fit_transform(texts))
    except ValueError as error:
        raise InputError(f"encoder ngrams:{dim} cannot be fitted: {error}; give fewer dimensions") from error
    return NGramEncoder(counter.get_feature_names_out().tolist(), counter.idf_, svd.components_.astype(np.float32))


def fit_on_corpus(corpus: Corpus, dim: int) -> NGramEncoder:
    """Fit an encoder to the texts of a corpus, without the real texts of validation and test cases.

    Raises:
        MissingPart: scikit-learn is not installed.
        InputError: The texts have too few n-grams for that dimension.
    """
    held_out = {case.id for case in corpus.cases() if case.split != "train"}
    return fit_ngrams([record.text for record in corpus.records() if record.id not in held_out], dim)


def load_ngrams(file: Path) -> NGramEncoder:
    """Read an encoder from a file that ``save`` wrote.

    Raises:
        MissingPart: scikit-learn is not installed.
        InputError: There is no such file, or it holds no encoder.
    """
    try:
        with np.load(file) as kept:
            grams = json.loads(str(kept["grams"]))  # an array of strings would lose a NUL at the end of one
            return NGramEncoder(grams, kept["weights"], kept["directions"], f"embedder ngrams:{file}")
    except FileNotFoundError as error:
        raise InputError(
            f"embedder ngrams:{file}: no such file; make one with: unlike embed --corpus CORPUS --fit 384 --out {file}"
        ) from error
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            f"embedder ngrams:{file} cannot be read ({error}); give a file of unlike embed --fit"
        ) from error


def ngram_counter(what: str, **how: Any) -> Any:  # noqa: ANN401 - scikit-learn has no types
    """A counter of character n-grams weighted by TF-IDF.

    Args:
        what: What needs the counter, for the error message.
        how: ``max_features`` to learn the most frequent n-grams, or a given ``vocabulary``.

    Raises:
        MissingPart: scikit-learn is not installed.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError as error:
        raise MissingPart(
            f"{what} needs scikit-learn, which is not installed: {how_to_install('authorship')}"
        ) from error
    dtype: Any = np.float32
    return TfidfVectorizer(analyzer="char", ngram_range=N_GRAMS, sublinear_tf=True, lowercase=False, dtype=dtype, **how)
