"""METEOR, equal to NLTK's with HF ``evaluate``'s settings (alpha 0.9, beta 3, gamma 0.5).

Words are matched as they are, then by Porter stem, then by WordNet synonym, each stage on what the one before left;
each generated word, last first, takes the last real word still free. As in NLTK the third stage looks up stems, not
words. Tokens, stems and synonyms are remembered, since few words make up most of all texts.

Source: Lavie and Agarwal, "METEOR: An Automatic Metric for MT Evaluation with High Levels of Correlation with Human
Judgments", 2007; nltk.translate.meteor_score of NLTK 3.10.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from unlike.evaluate.metrics.treebank import word_tokenize
from unlike.evaluate.metrics.wordnet import open_wordnet

ALPHA, BETA, GAMMA = 0.9, 3.0, 0.5

Words = list[tuple[int, str]]
"""(position, word) of what is still free, in the order of the text."""
Matches = list[tuple[int, int]]
"""(position in the generated text, position in the real text)."""


def meteor(texts: Sequence[str], references: Sequence[str]) -> list[float]:
    """METEOR of each pair, 0..1; without a match 0.

    Raises:
        MissingPart: WordNet or the sentence model is not there and could not be downloaded.
    """
    return [
        meteor_of_words(word_tokenize(text), word_tokenize(real)) for text, real in zip(texts, references, strict=True)
    ]


def meteor_of_words(generated: Sequence[str], real: Sequence[str]) -> float:
    """METEOR of texts already split into words, as ``nltk.translate.meteor_score.single_meteor_score``.

    Raises:
        MissingPart: WordNet is not there and could not be downloaded.
    """
    matches = align([word.lower() for word in generated], [word.lower() for word in real])
    if not matches:
        return 0.0
    precision, recall = len(matches) / len(generated), len(matches) / len(real)
    f_mean = (precision * recall) / (ALPHA * precision + (1 - ALPHA) * recall)
    penalty = GAMMA * (_n_chunks(matches) / len(matches)) ** BETA
    return (1 - penalty) * f_mean


def align(generated: list[str], real: list[str]) -> Matches:
    """Which generated word stands for which real word, in the order of the generated text.

    Raises:
        MissingPart: WordNet is not there and could not be downloaded.
    """
    synonyms = open_wordnet().synonyms
    stem = _stems().__getitem__
    exact, free, free_real = _match(list(enumerate(generated)), list(enumerate(real)))
    stems, stems_real = _stemmed(free, stem), _stemmed(free_real, stem)
    stemmed, stems, stems_real = _match(stems, stems_real)
    synonymous, _, _ = _match(stems, stems_real, synonyms)
    return sorted(exact + stemmed + synonymous)


def _match(
    generated: Words, real: Words, also: Callable[[str], Iterable[str]] | None = None
) -> tuple[Matches, Words, Words]:
    """Matches of one stage, and what it leaves free.

    Args:
        generated: Free words of the generated text.
        real: Free words of the real text.
        also: Other words that a generated word may stand for.
    """
    places: dict[str, list[int]] = {}
    for place, (_, word) in enumerate(real):
        places.setdefault(word, []).append(place)
    matches: Matches = []
    left: Words = []
    taken: set[int] = set()
    for position, word in reversed(generated):
        words = {word, *also(word)} if also else (word,)
        here = max((places[w] for w in words if places.get(w)), key=lambda free: free[-1], default=None)
        if here:
            place = here.pop()
            taken.add(place)
            matches.append((position, real[place][0]))
        else:
            left.append((position, word))
    left.reverse()
    return matches, left, [pair for place, pair in enumerate(real) if place not in taken]


def _stemmed(words: Words, stem: Callable[[str], str]) -> Words:
    return [(position, stem(word)) for position, word in words]


def _n_chunks(matches: Matches) -> int:
    """Runs of matches that are neighbours in both texts."""
    pairs = zip(matches, matches[1:], strict=False)
    return 1 + sum(after != (before[0] + 1, before[1] + 1) for before, after in pairs)


class _Stems(dict[str, str]):
    """Porter stems by word; a missing one is made."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer

        super().__init__()
        self._stemmer: Any = PorterStemmer()

    def __missing__(self, word: str) -> str:
        stem = self[word] = self._stemmer.stem(word)
        return stem


@cache
def _stems() -> _Stems:
    return _Stems()
