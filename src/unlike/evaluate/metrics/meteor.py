"""METEOR, equal to NLTK's with HF ``evaluate``'s settings (alpha 0.9, beta 3, gamma 0.5).

Words are matched as they are, then by Porter stem, then by WordNet synonym, each stage on what the one before left;
each generated word, last first, takes the last real word still free. As in NLTK the third stage looks up stems, not
words. Tokens, stems and synonyms are remembered, since few words make up most of all texts.

Source: Lavie and Agarwal, "METEOR: An Automatic Metric for MT Evaluation with High Levels of Correlation with Human
Judgments", 2007; nltk.translate.meteor_score of NLTK 3.10.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from unlike.errors import NotMeasurable
from unlike.evaluate.metrics.treebank import open_tokenizer, word_tokenize
from unlike.evaluate.metrics.wordnet import open_wordnet
from unlike.language import Language, language_of

ALPHA, BETA, GAMMA = 0.9, 3.0, 0.5

Words = list[tuple[int, str]]
"""(position, word) of what is still free, in the order of the text."""
Matches = list[tuple[int, int]]
"""(position in the generated text, position in the real text)."""


def meteor(texts: Sequence[str], references: Sequence[str], language: Language | None = None) -> list[float]:
    """METEOR of each pair, 0..1; without a match 0.

    Raises:
        NotMeasurable: The real texts are not English.
        MissingPart: WordNet or the sentence model is not there and could not be downloaded.
    """
    if (language or language_of(references)) != "english":
        raise NotMeasurable("METEOR matches by English stems and synonyms, and these texts are not English")
    generated, real = [word_tokenize(text) for text in texts], [word_tokenize(text) for text in references]
    return [meteor_of_words(*pair) for pair in zip(generated, real, strict=True)]


def find_data() -> str:
    """Load what METEOR needs, downloading it where it is missing; says what is there.

    Raises:
        MissingPart: WordNet or the sentence model is not there and could not be downloaded.
    """
    open_tokenizer()
    open_wordnet()
    return "WordNet and punkt_tab, in NLTK's data folders"


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
    matches: Matches = []
    left, left_real = _match_same(list(enumerate(generated)), list(enumerate(real)), matches)
    left, left_real = _match_same(_stemmed(left), _stemmed(left_real), matches)
    _match_synonyms(left, left_real, matches)
    return sorted(matches)


def _match_same(generated: Words, real: Words, matches: Matches) -> tuple[Words, Words]:
    """Match equal words; returns what stays free on both sides."""
    free = _positions(real)
    left: Words = []
    taken: set[int] = set()
    for pair in reversed(generated):
        places = free.get(pair[1])
        if places:
            matches.append((pair[0], places[-1]))
            taken.add(places.pop())
        else:
            left.append(pair)
    left.reverse()
    return left, [pair for pair in real if pair[0] not in taken]


def _match_synonyms(generated: Words, real: Words, matches: Matches) -> None:
    """Match words that share a synset: of all free synonyms of a generated word, the last in the real text."""
    synonyms = open_wordnet().synonyms
    free = _positions(real)
    free_words = set(free)
    for position, word in reversed(generated):
        if free_words.isdisjoint(synonyms(word)):
            continue
        best = max(synonyms(word) & free_words, key=lambda name: free[name][-1])
        matches.append((position, free[best].pop()))
        if not free[best]:
            free_words.discard(best)


def _positions(words: Words) -> dict[str, list[int]]:
    """Where each word stands, first to last."""
    positions: dict[str, list[int]] = {}
    for position, word in words:
        if word in positions:
            positions[word].append(position)
        else:
            positions[word] = [position]
    return positions


def _stemmed(words: Words) -> Words:
    stems = open_stems()
    return [(position, stems[word]) for position, word in words]


def _n_chunks(matches: Matches) -> int:
    """Runs of matches that are neighbours in both texts."""
    pairs = zip(matches, matches[1:], strict=False)
    return 1 + sum(after != (before[0] + 1, before[1] + 1) for before, after in pairs)


class Stems(dict[str, str]):
    """Porter stems by word; a missing one is made."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer

        super().__init__()
        self._stemmer: Any = PorterStemmer()

    def __missing__(self, word: str) -> str:
        stem = self[word] = self._stemmer.stem(word)
        return stem


@cache
def open_stems() -> Stems:
    """Stems of the process."""
    return Stems()
