"""METEOR, equal to NLTK's with HF ``evaluate``'s settings (alpha 0.9, beta 3, gamma 0.5).

Words are matched as they are, then by Porter stem, then by WordNet synonym, each stage on what the one before left;
each generated word, last first, takes the last real word still free. As in NLTK the third stage looks up stems, not
words. Tokens, stems and synonyms are cached, since few words make up most of all texts.

Source: Lavie and Agarwal, "METEOR: An Automatic Metric for MT Evaluation with High Levels of Correlation with Human
Judgments", 2007; nltk.translate.meteor_score of NLTK 3.10.

WordNet's own files are read without building NLTK's objects for every synset: METEOR only asks which single words share a
synset with a word, and NLTK's reader takes seconds to load. The result is
``{lemma.name() for synset in wordnet.synsets(word) for lemma in synset.lemmas() if "_" not in lemma.name()}`` and the word
itself. Format: the manual pages wndb(5WN) and morphy(7WN) of WordNet 3.0.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from unlike.errors import NotMeasurable
from unlike.evaluate.metrics.treebank import NltkFolder, find, open_tokenizer, word_tokenize
from unlike.language import Language, language_of

ALPHA, BETA, GAMMA = 0.9, 3.0, 0.5
PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")

ENDINGS = {
    "noun": "s: ses:s ves:f xes:x zes:z ches:ch shes:sh men:man ies:y",
    "verb": "s: ies:y es:e es: ed:e ed: ing:e ing:",
    "adj": "er: est: er:e est:e",
    "adv": "",
}
"""Rules of detachment, ending:replacement, of morphy(7WN)."""

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
    """Load METEOR's data, downloading it where it is missing; returns a description of it.

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
    """Which generated word is matched with which real word, in the order of the generated text.

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
    """The positions of each word, in order."""
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
    """Porter stems by word; a missing one is computed."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer

        super().__init__()
        self._stemmer: Any = PorterStemmer()

    def __missing__(self, word: str) -> str:
        stem = self[word] = self._stemmer.stem(word)
        return stem


@cache
def open_stems() -> Stems:
    """The cache of stems in this process."""
    return Stems()


# Synonyms -------------------------------------------------------------------------------------------------------------


class PartOfSpeech:
    """The words of one part of speech: index, exceptions and synsets.

    Args:
        folder: NLTK's pointer to WordNet's folder.
        name: "noun", "verb", "adj" or "adv".
    """

    def __init__(self, folder: NltkFolder, name: str) -> None:
        self._index = dict(_keyed_lines(_read(folder, f"index.{name}")))
        self._exceptions = dict(_keyed_lines(_read(folder, f"{name}.exc")))
        self._data = _read(folder, f"data.{name}")
        self._endings = [rule.split(":") for rule in ENDINGS[name].split()]
        self._synsets: dict[int, list[str]] = {}

    def synonyms(self, word: str) -> Iterator[str]:
        """The single words of every synset of a word in this part of speech."""
        for form in (word, *self._base_forms(word)):
            for offset in self._offsets(form):
                yield from self._synsets.get(offset) or self._read_synset(offset)

    def _base_forms(self, word: str) -> list[str]:
        exception = self._exceptions.get(word)
        if exception is not None:
            return exception.split()[1:]
        return [word.removesuffix(old) + new for old, new in self._endings if word.endswith(old)]

    def _offsets(self, form: str) -> list[int]:
        """Synset offsets are the last fields of an index line; field 2 is their number."""
        fields = self._index.get(form, "").split()
        return [int(field) for field in fields[-int(fields[2]) :]] if fields else []

    def _read_synset(self, offset: int) -> list[str]:
        """The single words of a data line: field 3 counts its words (hexadecimal), every second from 4 on is one."""
        fields = self._data[offset : self._data.index(b"|", offset)].split(b" ")
        names = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
        # An adjective may carry its place: "galore(ip)". Compounds are joined by "_".
        words = [name.decode().partition("(")[0] for name in names if b"_" not in name]
        self._synsets[offset] = words
        return words


class WordNet:
    """Synonyms by word, each looked up once.

    Args:
        folder: NLTK's pointer to WordNet's folder.
    """

    def __init__(self, folder: NltkFolder) -> None:
        self._parts = [PartOfSpeech(folder, name) for name in PARTS_OF_SPEECH]
        self._known: dict[str, frozenset[str]] = {}

    def synonyms(self, word: str) -> frozenset[str]:
        """The word itself and the single words that share a synset with any base form of it."""
        known = self._known.get(word)
        if known is None:
            names = (name for part in self._parts for name in part.synonyms(word.lower()))
            known = self._known[word] = frozenset({word, *names})
        return known


@cache
def open_wordnet() -> WordNet:
    """WordNet from the NLTK data folders, read once a process.

    Raises:
        MissingPart: It is not there and could not be downloaded.
    """
    return WordNet(find("wordnet", "corpora/wordnet", "corpora/wordnet.zip/wordnet/"))


def _read(folder: NltkFolder, name: str) -> bytes:
    with folder.join(name).open() as file:
        return file.read()


def _keyed_lines(content: bytes) -> Iterator[tuple[str, str]]:
    """Lines by their first word; the licence at the head of a file is indented."""
    for line in content.decode().split("\n"):
        if line and line[0] != " ":
            yield line[: line.index(" ")], line
