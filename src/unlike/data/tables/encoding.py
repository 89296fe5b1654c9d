"""The encoding of a text file: the one that is given, else by byte order mark, else UTF-8 or what its bytes look like."""

import codecs
import io
import re
from collections.abc import Iterable, Iterator

from unlike.data.tables.fields import Reading
from unlike.data.tables.log import ReadLog
from unlike.data.tables.opening import TableFile
from unlike.errors import InputError

MARKS = {
    codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
CANDIDATES = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp932", "euc_jp", "gb18030", "big5", "cp949",
    "koi8_r", "mac_roman",
]  # fmt: skip
_RUNS = re.compile(rb"[\x80-\xff]+")
_SAMPLE_BYTES = 200_000
_BLOCK_BYTES = 2**20
_WESTERN = set("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüÿŒœŠšŽž€£§°¡¿«»“”‘’„‚–—…•©®™´½¼² \u00a0")
_ICELANDIC, _ICELANDIC_VOWELS = set("ðýþ"), set("áí")
"""The bytes of ð, ý, þ in cp1252 are ğ, ı, ş in cp1254. Icelandic text also has á and í, Turkish text does not."""


class Encoding:
    """The encoding of one file.

    Before the first non-ASCII line is decoded, the whole file is checked, unless it is UTF-16 or UTF-32. If some lines are
    not UTF-8 but most non-ASCII lines are, those lines are malformed; otherwise all lines have the encoding that fits best.
    The encoding of a line must not depend on the lines before it: the cp1252 bytes of "ß“" are valid UTF-8 too.

    Attributes:
        name: Name of the encoding in Python.
        is_settled: Whether ``name`` is final; see ``settle``.
    """

    def __init__(self, file: TableFile, reading: Reading, log: ReadLog) -> None:
        """Examine the first bytes.

        Raises:
            InputError: The given encoding does not exist, or is not one of texts.
        """
        self._file, self._log = file, log
        self.is_settled = bool(reading.encoding)
        try:
            "a".encode(reading.encoding or "utf-8")  # fails for rot13 and base64, which codecs.lookup knows
            self.name = codecs.lookup(reading.encoding).name if reading.encoding else _by_first_bytes(file.head())
        except (LookupError, UnicodeError) as error:
            raise InputError(
                f"no text encoding {reading.encoding!r}; give an encoding such as utf-8, cp1252 or utf-16"
            ) from error
        if self.name != "utf-8":
            log.assume(file.name, f"encoded in {self.name}")

    @property
    def is_wide(self) -> bool:
        """Whether line ends cannot be found in the bytes."""
        return self.name.startswith(("utf-16", "utf-32"))

    def decoded(self, line: bytes) -> str:
        """A line as text.

        Raises:
            UnicodeDecodeError: It is malformed.
        """
        if not line.isascii():
            self.settle()
        return line.decode(self.name)

    def settle(self) -> None:
        """Detect the encoding; to be called before the first non-ASCII line is decoded."""
        if self.is_settled or self.is_wide:
            return
        self.is_settled = True
        decoder = codecs.getincrementaldecoder("utf-8")()
        with self._file.open() as file:
            try:
                while block := file.read(_BLOCK_BYTES):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                self._detect()

    def lines(self, file: io.BufferedReader) -> Iterator[str]:
        """The lines with their line ends; undecodable bytes become lone surrogates, or U+FFFD in wide encodings."""
        self.settle()
        errors = "replace" if self.is_wide else "surrogateescape"
        encoding = "utf-8-sig" if self.name == "utf-8" else self.name
        return io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")

    def _detect(self) -> None:
        """Detect the encoding of the whole file."""
        with self._file.open() as file:
            n_utf8, n_other, sample = _sampled(file)
        if n_other > n_utf8 and (found := best_encoding(sample)):
            self.name = found
            self._log.assume(self._file.name, f"encoded in {found}, as it is not UTF-8")


def _by_first_bytes(head: bytes) -> str:
    """The encoding by byte order mark, or by the zero bytes of UTF-16 between ASCII letters; UTF-8 otherwise."""
    for mark, name in MARKS.items():
        if head.startswith(mark):
            return name
    zeros = [head[start::2].count(0) for start in (0, 1)]
    if min(zeros) * 10 < max(zeros) > len(head) / 20:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return "utf-8"


def _sampled(lines: Iterable[bytes]) -> tuple[int, int, bytes]:
    """The number of non-ASCII lines that are UTF-8, of those that are not, and some bytes of the latter."""
    n_utf8, n_other, sample = 0, 0, bytearray()
    for line in lines:
        if line.isascii():
            continue
        try:
            line.decode()
            n_utf8 += 1
        except UnicodeDecodeError:
            n_other += 1
            if len(sample) < _SAMPLE_BYTES:
                sample += line
    return n_utf8, n_other, bytes(sample)


def best_encoding(sample: bytes) -> str | None:
    """The most likely encoding of some bytes, None if there is none; Western European and Turkish text is recognised first."""
    from charset_normalizer import from_bytes

    try:
        beyond = [one for one in sample.decode("cp1252") if not one.isascii()]
    except UnicodeDecodeError:
        beyond = list[str]()
    # Most non-ASCII letters of languages in Latin script stand alone, or are repeated; those of other scripts follow each other.
    runs = _RUNS.findall(sample)
    if 2 * sum(len(set(run)) == 1 for run in runs) >= len(runs):
        if sum(one in _WESTERN for one in beyond) >= 0.95 * len(beyond) > 0:
            return "cp1252"
        if len(_ICELANDIC & set(beyond)) > 1 and not _ICELANDIC_VOWELS & set(beyond):
            return "cp1254"
    found = from_bytes(sample, cp_isolation=CANDIDATES).best()
    return found.encoding if found else None
