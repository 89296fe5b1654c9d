"""No text costs more to redact than its length bears; what is done is counted, not timed."""

import phonenumbers
import pytest

from unlike.privacy import identifiers
from unlike.privacy.identifiers import MAX_DIGITS, PHONE_REGIONS, n_digits_searched
from unlike.privacy.redact import MAX_PASSES, Redactor, open_redactor

REDACTOR = open_redactor("patterns")
PIECES = [
    "1/",
    "1 ",
    "12-",
    "(1) ",
    "+1",
    "555-123-4567 ",
    "1.1.",
    "4111 1111 1111 1111 ",
    "978-",
    "1\u2060",
    "\u0661 ",
]


@pytest.fixture
def looked_at(monkeypatch):
    """Characters in which phone numbers were looked for."""
    found = []
    matcher = phonenumbers.PhoneNumberMatcher

    def counted(text, region):
        found.append(len(text))
        return matcher(text, region)

    monkeypatch.setattr(identifiers.phonenumbers, "PhoneNumberMatcher", counted)
    return found


@pytest.mark.parametrize("piece", PIECES)
def test_phone_numbers_are_looked_for_in_so_many_digits_only(piece, looked_at):
    """Before, 30 kB of ``1/1/1/...`` took 5 s, all of it in here."""
    text = piece * (100_000 // len(piece))
    once = REDACTOR.redact(text)
    assert sum(looked_at) <= len(PHONE_REGIONS) * MAX_PASSES * 20 * MAX_DIGITS
    assert REDACTOR.redact(once.text).text == once.text


def test_what_cannot_be_told_apart_goes_rather_than_stays():
    numbers = " and ".join(f"2127365{n:03}" for n in range(200))
    assert not any(character.isdigit() for character in REDACTOR.redact(numbers).text)


def test_a_few_numbers_are_told_apart_as_ever():
    text = "ISBN 978-3-16-148410-0, call 212-736-5000. " * 10
    assert REDACTOR.redact(text).text == "ISBN 978-3-16-148410-0, call [phone]. " * 10
    assert n_digits_searched(text) == 230


def test_a_text_that_is_never_done_ends():
    """Each pass uncovers one more; after some passes all that looks like it goes."""

    def peel(text):
        return [(text.index("("), text.index(")") + 1)] if ")" in text else []

    redactor = Redactor({"x": lambda text: peel(text) and [(text.index("@"), text.index("@") + 1)]})
    redacted = redactor.redact("()" + " @1" * 50)
    assert "@" not in redacted.text and redacted.found["unknown"] > 0
