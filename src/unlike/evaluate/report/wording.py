"""How figures and texts are written, the same in every format."""

import math
import re

from unlike.stop_words import STOP_WORDS

NOT_AVAILABLE = "not available"
_MINUS = "−"
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """The text with a replacement character for what no page can show (control characters, lone surrogates)."""
    return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def shorten(text: str, max_chars: int) -> str:
    """The text on one line, cut with an ellipsis where it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def two_lines(text: str, max_chars: int) -> list[str]:
    """The text on at most two lines of about the same length, with an ellipsis where even they are too short."""
    parts = text.split()
    if len(parts) < 2 or len(" ".join(parts)) <= max_chars:
        return [shorten(text, max_chars)]
    splits = [(" ".join(parts[:place]), " ".join(parts[place:])) for place in range(1, len(parts))]
    return [shorten(half, max_chars) for half in min(splits, key=lambda halves: max(map(len, halves)))]


def finite(number: float | None) -> float | None:
    """The number, or None where it is missing, infinite or not a number."""
    return number if number is not None and math.isfinite(number) else None


def value(number: float | None, scale: float | str = 1.0) -> str:
    """A value of a metric: four decimals up to 1, two for 0..100 and for units.

    Args:
        number: The value.
        scale: The highest value the metric may have, or its unit.
    """
    if number is None or math.isnan(number):
        return NOT_AVAILABLE
    if math.isinf(number):
        return "∞" if number > 0 else f"{_MINUS}∞"
    decimals = 4 if isinstance(scale, int | float) and scale <= 1 else 2
    return f"{number:.{decimals}f}".replace("-", _MINUS)


def signed(number: float | None, scale: float | str = 1.0) -> str:
    """A difference, with its sign."""
    shown = value(number, scale)
    return f"+{shown}" if shown[0].isdigit() or shown == "∞" else shown


def interval(low: float | None, high: float | None, scale: float | str = 1.0) -> str:
    """An interval of differences in brackets; a dash where there is none."""
    if finite(low) is None or finite(high) is None:
        return "–"
    return f"[{signed(low, scale)}, {signed(high, scale)}]"


def p_value(p: float | None) -> str:
    """A p-value with three decimals, or "< 0.001", since no test of so few cases is more exact."""
    if finite(p) is None or p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def amount(number: float, decimals: int = 0) -> str:
    """A count or a quantity, with separators between thousands."""
    return f"{number:,.{decimals}f}".replace("-", _MINUS)


def shared_words(text: str, reference: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is a word that the reference has too.

    Case is ignored, and stop words are not marked. The pieces joined are the text.
    """
    known = {_folded(word) for word in _WORD.findall(reference)} - STOP_WORDS
    pieces: list[tuple[str, bool]] = []
    end = 0
    for word in _WORD.finditer(text):
        if _folded(word.group()) in known:
            if word.start() > end:
                pieces.append((text[end : word.start()], False))
            pieces.append((word.group(), True))
            end = word.end()
    return [*pieces, (text[end:], False)] if end < len(text) else pieces


def _folded(word: str) -> str:
    return word.casefold().replace("’", "'")
