"""Identifiers: where in a text stands what finds or reaches a person, one function a kind.

Numbers are found by form and kept only if their own rule holds: phone numbers by the numbering plans of the
phonenumbers library, cards by Luhn's check, bank accounts by their country's format and check digits (python-stdnum).
Each pattern is bounded, so that no text, however made, takes more than linear time. What costs most for each character,
looking for phone numbers, is done for at most ``MAX_DIGITS`` digits of a text; further long runs of digits all go.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from ipaddress import ip_address

import phonenumbers
from stdnum import iban, isbn, luhn

Span = tuple[int, int]

PHONE_REGIONS = ("US", "GB", "DE", "FR", "IN", "BR", "AU", "IL")
"""Whose national numbers are found; numbers with a country code are found everywhere. US stands for all of +1."""
MAX_DIGITS = 400
"""Digits of a text that are searched for phone numbers; some 0.5 ms each in the worst case."""
_MAX_NEAR = 8
"""Runs of digits that are looked at together."""
_BEFORE, _AFTER = 20, 40
"""Context around a run of digits that the search needs: brackets, plus signs, extensions."""

_URL = re.compile(r"\b(?:[a-z][a-z0-9+.-]{1,15}://|www\.)[^\s<>\"]+", re.IGNORECASE)
_URL_END = ".,;:!?)]}'’”*_"
_GIVES_ACCESS = re.compile(
    r"^[^/]*//[^/?#]*@"  # user info
    r"|\?."  # a query
    r"|\#[^#=]*="  # values in the fragment
    r"|(?=[a-z]{0,15}\d)(?=\d{0,15}[a-z])[a-z0-9]{16}"  # a part that is no word
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",  # a UUID
    re.IGNORECASE,
)
_AT = re.compile("[@＠]")
_LOCAL_REVERSED = re.compile(r"[\w.+%'-]*(?<=\w)")
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.){1,8}[^\W\d_](?:[\w-]{0,62}[^\W_])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}(?![A-Z0-9])", re.IGNORECASE | re.ASCII)
_CARD = re.compile(
    r"(?<!\d)[2-6]\d{3}(?:"
    r"([ \u00a0.–-]?)\d{4}\1\d{4}\1\d{1,4}(?:\1\d{3})?"  # 13 to 19 digits in fours
    r"|([ \u00a0.–-]?)\d{6}\2\d{4,5}"  # American Express, Diners Club
    r")(?!\d)"
)
_IP = re.compile(
    r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\w|\.[0-9])"
    r"|(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f]{1,4})(?![\w:])",
    re.IGNORECASE,
)
_SEVEN_DIGITS = re.compile(r"\d(?:[^\w\n]{0,4}\d){6}")
_DIGIT = re.compile(r"\d")
_DIGITS_IN_A_ROW = re.compile(r"\d(?:[^\w\n]{0,4}\d){6,199}")
_MAYBE_IP = re.compile(r"\d\.\d{1,3}\.\d|:[0-9a-f]{0,4}:", re.IGNORECASE)
_AFTER_POINT = re.compile(r"\d\.")
_DECIMAL = re.compile(r"(?<!\d)\d{1,2}\.\d(?!\d)")
_ISBN = re.compile(r"(?<![\d+])(?:97[89][ -]?)?\d{1,5}([ -])\d{1,7}\1\d{1,7}\1[\dX](?!\d)|(?<![\d+])97[89]\d{10}(?!\d)")
_NAMED_ISBN = re.compile(r"\bISBN(?:-?1[03])?:?\s{0,3}([\d -]{9,16}[\dX])", re.IGNORECASE)
# "@5pm", "@2.99", "@ the gig" and "half-@ssed" are no names.
_HANDLE = re.compile(
    r"(?<![\w@＠])(?<!\w-)[@＠](?!\d+[^\W\d_]{0,2}\b|ss(?:e[sd]|holes?)?\b)\w+(?:(?:[.-]|-?[@＠])\w+)*"
)


def urls(text: str) -> Iterable[Span]:
    """Addresses that grant access or identify the reader; "https://example.org/page" is neither."""
    if "://" not in text and "www." not in text.lower():
        return
    for match in _URL.finditer(text):
        url = match.group().rstrip(_URL_END)
        if _GIVES_ACCESS.search(url):
            yield match.start(), match.start() + len(url)


def emails(text: str) -> Iterable[Span]:
    """Mail addresses; their last label starts with a letter, so "5@8.50" is none."""
    end = 0
    for at in _AT.finditer(text):
        before = text[max(end, at.start() - 64) : at.start()]
        local = _LOCAL_REVERSED.match(before[::-1])
        domain = _DOMAIN.match(text, at.end()) if local and local.end() else None
        if local and domain:
            end = domain.end()
            yield at.start() - local.end(), end


def ibans(text: str) -> Iterable[Span]:
    """International bank account numbers; a word that follows one is not taken for its end."""
    for match in _IBAN.finditer(text):
        start, end = match.span()
        while end > start and not iban.is_valid(text[start:end]):
            end = max(text.rfind(" ", start, end), start)
        if end > start:
            yield start, end


def cards(text: str) -> Iterable[Span]:
    """Payment cards."""
    return (match.span() for match in _CARD.finditer(text) if luhn.is_valid(_digits(match.group())))


def ips(text: str) -> Iterable[Span]:
    """IP addresses of both versions."""
    if not _MAYBE_IP.search(text):
        return ()
    return (match.span() for match in _IP.finditer(text) if _is_ip(match.group()))


def phones(text: str) -> Iterable[Span]:
    """Phone numbers that someone could have; book numbers (ISBN) and decimals look alike and are left."""
    left = MAX_DIGITS
    for runs in _near_each_other(_DIGITS_IN_A_ROW.finditer(text), _BEFORE + _AFTER):
        start, end = max(0, runs[0][0] - _BEFORE), runs[-1][1] + _AFTER
        left -= sum(len(_DIGIT.findall(text, *run)) for run in runs)
        if left >= 0:
            yield from ((start + first, start + last) for first, last in _phones_in(text[start:end]))
        else:
            yield from runs


def n_digits_searched(text: str) -> int:
    """Digits of a text that are searched for phone numbers, the main cost of redacting it."""
    return min(MAX_DIGITS, sum(len(_DIGIT.findall(text, *run.span())) for run in _DIGITS_IN_A_ROW.finditer(text)))


def _near_each_other(matches: Iterable[re.Match[str]], gap: int) -> Iterable[list[Span]]:
    """Runs of digits, those together that stand near each other."""
    near = list[Span]()
    for match in matches:
        if near and (match.start() > near[-1][1] + gap or len(near) == _MAX_NEAR):
            yield near
            near = []
        near.append(match.span())
    if near:
        yield near


def _phones_in(text: str) -> Iterable[Span]:
    books = list(_books(text))
    for region in PHONE_REGIONS:
        for match in phonenumbers.PhoneNumberMatcher(text, region):
            is_book = any(start < match.end and match.start < end for start, end in books)
            if not is_book and not _are_decimals(text, match.start, match.end):
                yield match.start, match.end


def handles(text: str) -> Iterable[Span]:
    """Names on social networks."""
    return (match.span() for match in _HANDLE.finditer(text)) if _AT.search(text) else ()


FINDERS: dict[str, Callable[[str], Iterable[Span]]] = {
    "url": urls,
    "email": emails,
    "iban": ibans,
    "card": cards,
    "ip": ips,
    "phone": phones,
    "handle": handles,
}
"""In the order of use: identifiers that contain others first, the least specific last."""


def _books(text: str) -> Iterable[Span]:
    """ISBNs, printed in their groups or named as such, with the right check digit."""
    for match in _ISBN.finditer(text):
        if isbn.is_valid(match.group()):
            yield match.span()
    for match in _NAMED_ISBN.finditer(text):
        if isbn.is_valid(match.group(1)):
            yield match.span(1)


def _are_decimals(text: str, start: int, end: int) -> bool:
    """Whether it is what follows a decimal point ("4.083333333"), ratings ("16 - 9.5") or too short for a phone."""
    number = text[start:end]
    is_fraction = number.isdecimal() and _AFTER_POINT.match(text, max(0, start - 2), start)
    return bool(is_fraction or _DECIMAL.search(number) or not _SEVEN_DIGITS.search(number))


def _digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(character)) for character in text if character.isdecimal())


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
