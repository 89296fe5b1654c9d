"""Words as ``nltk.word_tokenize`` splits them, without trying patterns that cannot match.

METEOR's input in HF ``evaluate`` is ``word_tokenize``'s output. NLTK runs about thirty substitutions over every
sentence, of which few match. The patterns here are NLTK's own, in NLTK's order; one that is only tried when its text
can be there gives the same result. A pattern this module does not know is always tried.

NLTK keeps its data outside its package, in the folders of ``NLTK_DATA`` and a few others; it is found or downloaded once.
The download has a time limit, for machines without network, and its failure is an error that names the remedy.
"""

import io
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from threading import Thread
from typing import IO, Any, ClassVar, Protocol

import regex

from unlike.errors import MissingPart

DOWNLOAD_WAIT_S = 30.0
NEEDS: dict[str, tuple[str, ...]] = {
    "([«“‘„]|[`]+)": ("«", "“", "‘", "„", "`"),
    r"^\"": ('"',),
    "(``)": ("``",),
    r"([ \(\[{<])(\"|\'{2})": ('"', "''"),
    r"(?i)(?<!\w)(\')(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)": ("'",),
    r"([:,])([^\d])": (":", ","),
    r"([:,])$": (":", ","),
    r"\.{2,}": ("..",),
    r"[;@#$%&]": tuple(";@#$%&"),
    r"[\u2012-\u2015]": tuple("‒–—―"),
    r"[?!]": ("?", "!"),
    r"([^'])' ": ("' ",),
    r"[*]": ("*",),
    r"[\]\[\(\)\{\}\<\>]": tuple("[](){}<>"),
    "--": ("--",),
    "([»”’])": ("»", "”", "’"),
    "''": ("''",),
    '"': ('"',),
    r"([^' ])('[sS]|'[mM]|'[dD]|') ": ("'s ", "'S ", "'m ", "'M ", "'d ", "'D ", "' "),
    r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ": ("'ll ", "'LL ", "'re ", "'RE ", "'ve ", "'VE ", "n't ", "N'T "),
}
"""By NLTK's pattern: texts of which one must be there for it to match."""

CONTRACTIONS: dict[str, str] = {
    r"(?i)\b(can)(?#X)(not)\b": "cannot",
    r"(?i)\b(d)(?#X)('ye)\b": "d'ye",
    r"(?i)\b(gim)(?#X)(me)\b": "gimme",
    r"(?i)\b(gon)(?#X)(na)\b": "gonna",
    r"(?i)\b(got)(?#X)(ta)\b": "gotta",
    r"(?i)\b(lem)(?#X)(me)\b": "lemme",
    r"(?i)\b(more)(?#X)('n)\b": "more'n",
    r"(?i)\b(wan)(?#X)(na)(?=\s)": "wanna",
    r"(?i) ('t)(?#X)(is)\b": "'tis",
    r"(?i) ('t)(?#X)(was)\b": "'twas",
}
"""By NLTK's pattern: the word, in lower case, that must be there for it to match in a text of ASCII alone. (Beyond
ASCII a dotless i or a long s match as well.)"""


_SPACES = r"\s+"
_CLITICS = r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) "

Pattern = re.Pattern[str] | regex.Pattern[str]
Substitution = tuple[tuple[str, ...], Pattern, str]


class WordTokenizer:
    """NLTK's sentence splitter, then its word tokenizer."""

    def __init__(self) -> None:
        from nltk.tokenize import NLTKWordTokenizer as Nltk

        self._sentences = _sentence_splitter()
        self._inner = _with_needs([*Nltk.STARTING_QUOTES, *Nltk.PUNCTUATION, Nltk.PARENS_BRACKETS, Nltk.DOUBLE_DASHES])
        self._endings = _with_needs(Nltk.ENDING_QUOTES)
        self._contractions: list[Pattern] = [_compiled(p) for p in (*Nltk.CONTRACTIONS2, *Nltk.CONTRACTIONS3)]
        # A contraction we do not know makes "" one of the words, which is in every text.
        self._contracted = [CONTRACTIONS.get(pattern.pattern, "") for pattern in self._contractions]

    def words(self, text: str) -> list[str]:
        """The same words as ``nltk.word_tokenize(text)``."""
        return [word for sentence in self._sentences.tokenize(text) for word in self._split(sentence)]

    def _split(self, sentence: str) -> list[str]:
        sentence = _substitute(self._endings, f" {_substitute(self._inner, sentence)} ")
        if self._may_contract(sentence):
            for pattern in self._contractions:
                sentence = pattern.sub(r" \1 \2 ", sentence)
        return sentence.split()

    def _may_contract(self, sentence: str) -> bool:
        lowered = sentence.lower()
        return not sentence.isascii() or any(word in lowered for word in self._contracted)


@cache
def open_tokenizer() -> WordTokenizer:
    """The tokenizer with the sentence model from the NLTK data folders, made once a process.

    Raises:
        MissingPart: The model is not there and could not be downloaded.
    """
    find("punkt_tab", "tokenizers/punkt_tab/english/", "tokenizers/punkt_tab.zip/punkt_tab/english/")
    return WordTokenizer()


@lru_cache(maxsize=4096)
def word_tokenize(text: str) -> tuple[str, ...]:
    """The words of a text, cached: every method is scored against the same real texts.

    Raises:
        MissingPart: The sentence model is not there and could not be downloaded.
    """
    return tuple(open_tokenizer().words(text))


def _sentence_splitter() -> Any:  # noqa: ANN401 - NLTK has no types
    """NLTK's sentence splitter, with a cache of what depends on the letters of a token alone."""
    from nltk.tokenize import PunktTokenizer
    from nltk.tokenize.punkt import PunktToken

    class Token(PunktToken):
        _types: ClassVar[dict[str, str]] = {}

        def _get_type(self, tok: str) -> str:
            known = self._types.get(tok)
            if known is None:
                known = self._types[tok] = super()._get_type(tok)
            return known

        @property
        def is_ellipsis(self) -> Any:  # noqa: ANN401 - NLTK has no types
            return ".." in self.tok and super().is_ellipsis

    splitter: Any = PunktTokenizer("english")
    splitter._Token = Token
    return splitter


def _with_needs(substitutions: Sequence[tuple[Any, str]]) -> list[Substitution]:
    """What each substitution needs, or the empty text, which is everywhere, where we do not know."""
    return [(NEEDS.get(pattern.pattern, ("",)), _compiled(pattern), new) for pattern, new in substitutions]


def _compiled(pattern: Any) -> Pattern:  # noqa: ANN401 - of one of two engines, by NLTK
    """NLTK's pattern in NLTK's engine, without the clock around it, which costs more than the match.

    Two are written faster to the same effect: a single space need not be replaced by a single space, and literal
    letters mean the same in either engine.
    """
    if pattern.pattern == _CLITICS:
        return re.compile(_CLITICS)
    source = r"\s\s+|[^\S ]" if pattern.pattern == _SPACES else pattern.pattern
    return (
        re.compile(source, pattern.flags) if isinstance(pattern, re.Pattern) else regex.compile(source, pattern.flags)
    )


def _substitute(substitutions: Sequence[Substitution], text: str) -> str:
    for needs, pattern, new in substitutions:
        for needed in needs:
            if needed in text:
                text = pattern.sub(new, text)
                break
    return text


# NLTK's data ----------------------------------------------------------------------------------------------------------


class NltkFolder(Protocol):
    """NLTK's pointer to a file or folder, on disk or inside a zip."""

    def join(self, fileid: str) -> "NltkFolder":
        """The pointer to a file below."""
        ...

    def open(self) -> IO[bytes]:
        """The file's bytes."""
        ...


def find(package: str, *places: str) -> NltkFolder:
    """The first of the places of a package that exists, downloading the package where none does.

    Args:
        package: NLTK's name for the data.
        places: Where it lies below an ``NLTK_DATA`` folder: unpacked, or inside its zip.

    Raises:
        MissingPart: It is not there and could not be downloaded.
    """
    found = _look(places)
    if found is None and downloaded(package):
        found = _look(places)
    if found is None:
        raise MissingPart(
            f"METEOR's data is missing: no {package} in any NLTK data folder and the download failed; run "
            f"python -m nltk.downloader wordnet punkt_tab, or set NLTK_DATA to a folder that has both"
        )
    return found


def _look(places: tuple[str, ...]) -> NltkFolder | None:
    import nltk

    for place in places:
        try:
            return nltk.data.find(place)
        except LookupError:
            continue
    return None


@cache
def downloaded(package: str) -> bool:
    """Whether a download, tried once a process, ended in time. NLTK's own time limit is minutes."""
    import nltk

    done: list[object] = []
    thread = Thread(
        target=lambda: done.append(nltk.download(package, quiet=True, print_error_to=io.StringIO())), daemon=True
    )
    thread.start()
    thread.join(DOWNLOAD_WAIT_S)
    return any(done)
