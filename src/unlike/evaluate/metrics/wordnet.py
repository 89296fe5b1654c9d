"""Synonyms from WordNet's own files, read without building NLTK's objects for every synset.

METEOR only asks which single words share a synset with a word. NLTK's reader answers with parsed definitions,
examples and relations and takes seconds to load; this one keeps the index lines and the data files as bytes and
reads the few lines a word needs. It gives what NLTK's reader gives:
``{lemma.name() for synset in wordnet.synsets(word) for lemma in synset.lemmas() if "_" not in lemma.name()}``
and the word itself.

Format: the manual pages wndb(5WN) and morphy(7WN) of WordNet 3.0.
"""

from collections.abc import Iterator
from functools import cache

from unlike.evaluate.metrics.nltk_data import Folder, find

PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")

ENDINGS = {
    "noun": "s: ses:s ves:f xes:x zes:z ches:ch shes:sh men:man ies:y",
    "verb": "s: ies:y es:e es: ed:e ed: ing:e ing:",
    "adj": "er: est: er:e est:e",
    "adv": "",
}
"""Rules of detachment, ending:replacement, of morphy(7WN)."""


class PartOfSpeech:
    """The words of one part of speech: index, exceptions and synsets.

    Args:
        folder: NLTK's pointer to WordNet's folder.
        name: "noun", "verb", "adj" or "adv".
    """

    def __init__(self, folder: Folder, name: str) -> None:
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
        """Synset offsets are the last fields of an index line; field 2 says how many."""
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

    def __init__(self, folder: Folder) -> None:
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


def _read(folder: Folder, name: str) -> bytes:
    with folder.join(name).open() as file:
        return file.read()


def _keyed_lines(content: bytes) -> Iterator[tuple[str, str]]:
    """Lines by their first word; the licence at the head of a file is indented."""
    for line in content.decode().split("\n"):
        if line and line[0] != " ":
            yield line[: line.index(" ")], line
