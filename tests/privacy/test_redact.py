"""What finds or reaches a person goes; style, numbers of music and everything else stay."""

import sys
import time
import timeit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unlike.errors import InputError, MissingPart
from unlike.privacy.redact import Redacted, Redactor, open_redactor

REDACTOR = open_redactor("patterns")

FOUND = {
    "email": [
        ("Write to jane.doe+fog@example.co.uk!", "Write to [email]!"),
        ("(JANE@EXAMPLE.ORG), please", "([email]), please"),
        ("'jane@example.org'", "'[email]'"),
        ("mailto:jane_o'hara@example.org.", "mailto:[email]."),
        ("jürgen@müller.example", "[email]"),
        ("jane@host.internal", "[email]"),
        ("jane＠example.org", "[email]"),
        ("jane@xn--80ak6aa92e.xn--p1ai", "[email]"),
    ],
    "phone": [
        ("Call +49 30 901820, ask for me", "Call [phone], ask for me"),
        ("call (212) 736-5000 NOW", "call [phone] NOW"),
        ("212.736.5000", "[phone]"),
        ("ring 020 7946 0958", "ring [phone]"),
        ("Tel 030/901820", "Tel [phone]"),
        ("01 42 68 53 00...", "[phone]..."),
        ("1,2127365000,5", "1,[phone],5"),
        ("+１ ２１２ ７３６ ５０００", "[phone]"),
        ("+972 2-530-5050", "[phone]"),
    ],
    "card": [
        ("4111 1111 1111 1111 2004", "[card] 2004"),
        ("card 4111-1111-1111-1111.", "card [card]."),
        ("378282246310005", "[card]"),
        ("3782 822463 10005", "[card]"),
        ("4222222222222", "[card]"),
    ],
    "ip": [
        ("from 10.0.0.1.", "from [ip]."),
        ("http://192.168.0.17:8080/", "http://[ip]:8080/"),
        ("version 1.2.3.4", "version [ip]"),  # by form alone it is one
        ("at 2001:db8::8a2e:370:7334, at night", "at [ip], at night"),
        ("::ffff:192.0.2.128", "[ip]"),
        ("[::1]", "[[ip]]"),
    ],
    "handle": [
        ("thanks @jane_doe!", "thanks [handle]!"),
        ("(@Jane.Doe)", "([handle])"),
        ("@50cent", "[handle]"),
        ("见@小明", "见@小明"),  # a letter before it makes it part of a word
        ("on https://example.org/@jane", "on https://example.org/[handle]"),
        ("@jane@social", "[handle]"),
    ],
    "url": [
        ("see https://example.org/reset?token=abc.", "see [url]."),
        ("ftp://jane:secret@example.org/x", "[url]"),
        ("(www.example.org/?u=17)", "([url])"),
        ("https://example.org/#access_token=abc", "[url]"),
        ("https://example.org/i/8f3b2c9d0e1f4a5b6c7d", "[url]"),
        ("HTTPS://EXAMPLE.ORG/123e4567-e89b-12d3-a456-426614174000", "[url]"),
        ("<https://example.org/a?b>", "<[url]>"),
    ],
    "iban": [
        ("to DE89 3704 0044 0532 0130 00 please", "to [iban] please"),
        ("GB82WEST12345698765432", "[iban]"),
        ("deposit in DE89370400440532013000 2 days from today", "deposit in [iban] 2 days from today"),
        ("nl91abna0417164300", "[iban]"),
    ],
}
STAYS = [
    "I rate it 4/5, 1999 release, 12.99",
    "Side one runs 3:45, 4:20 and 10:01:59.",
    "1967-1970, 1973/1974, 1999 2000 2001 2002",
    "ISBN 0-306-40615-2, ISBN-13: 978-3-16-148410-0, 9783161484100",
    "isbn 0306406152",
    "978-0-306-40615-7",
    "$12.99, 9.99€, 1,000,000 copies, 10% off 24.50",
    "4.083333333333333 stars",
    "16 - 9.5 / 16 - 8.5#18",
    "24/96 kHz, 192 kbps, 33 1/3 rpm, 180g",
    "https://example.org/page and www.example.org, see http://example.org/2004/05/the-10-best-albums?",
    "Half-@ssed, @ 5pm, @5pm, 2 for @2.99, 5@8.50",
    "U2, Blink-182, 2Pac, 50 Cent, 10cc, UB40, 4 Non Blondes",
    "on 2004-05-12 at 20:30 o'clock, 05/12/2004",
    "Opus 131, No. 14; BWV 1001-1006; K. 545",
    "4111 1111 1111 1112 is no card and 1.2.3 no address; 999.1.1.1 neither",
    "C++ std::vector a::; 12:: and ::",
    "a run of 8 words, 16 bars, 4/4",
    "",
    "no digits here",
]


def cases():
    return [pytest.param(kind, *pair, id=pair[0]) for kind, pairs in FOUND.items() for pair in pairs]


@pytest.mark.parametrize(("kind", "text", "expected"), cases())
def test_each_kind_and_nothing_around_it(kind, text, expected):
    redacted = REDACTOR.redact(text)
    assert redacted.text == expected
    assert redacted.found == ({kind: 1} if text != expected else {})


@pytest.mark.parametrize("text", STAYS)
def test_what_is_no_identifier_stays(text):
    assert REDACTOR.redact(text) == Redacted(text)


def test_several_kinds_are_counted():
    text = "jane@example.org or joe@example.org, 212-736-5000; @jane\n\n10.0.0.1 — 4/5 ☂️"
    assert REDACTOR.redact(text) == Redacted(
        "[email] or [email], [phone]; [handle]\n\n[ip] — 4/5 ☂️", {"email": 2, "phone": 1, "handle": 1, "ip": 1}
    )


def test_what_taking_one_out_uncovers_goes_too():
    redacted = REDACTOR.redact("a@example.org@jane and x@example.org@b.org@c.org")
    assert redacted.text == "[email][handle] and [email]@[email]"
    assert REDACTOR.redact(redacted.text).text == redacted.text


PIECES = st.sampled_from(
    [text for pairs in FOUND.values() for text, _ in pairs] + STAYS + list(" \n@:/.-+[]()?=#") + ["1", "23", "://", "é"]
)


@settings(max_examples=300)
@given(st.lists(PIECES | st.text(max_size=4), max_size=6).map("".join))
def test_redacting_twice_changes_nothing(text):
    once = REDACTOR.redact(text)
    assert REDACTOR.redact(once.text) == Redacted(once.text)
    assert (once.text != text) == (sum(once.found.values()) > 0)


@given(st.text(st.characters(exclude_categories=["Nd", "Nl", "No"], exclude_characters="@＠:wW"), max_size=80))
def test_a_text_without_digits_and_signs_is_itself(text):
    assert REDACTOR.redact(text) == Redacted(text)


@given(
    st.text(st.characters(exclude_categories=["Nd", "Cs"], exclude_characters="@＠:wW"), max_size=40),
    st.sampled_from([pair for pairs in FOUND.values() for pair in pairs]),
    st.text(st.characters(exclude_categories=["Nd", "Cs"], exclude_characters="@＠:wW"), max_size=40),
)
def test_what_stands_around_stays_to_the_letter(before, pair, after):
    text, expected = pair
    assert REDACTOR.redact(f"{before}\n \n{text}\n \n{after}").text == f"{before}\n \n{expected}\n \n{after}"


PIECES_REPEATED = ["a-", "a.", "a@", "@a", "@a-", "1 ", "1.", "a:", "1:", "12-", "(1) ", "AA11", "www.", "a://", "a%"]
PIECES_REPEATED += ["a@b.cd@", "1.2.3.4@", "2127365000@a", "https://example.org/#", "@a_1.b-", "DE89 3704 ", "4111 "]
HOSTILE = [("", piece) for piece in PIECES_REPEATED] + [
    ("https://example.org/", piece) for piece in ("#", "a", "1", "a@", "))")
]


@pytest.mark.parametrize(("head", "piece"), HOSTILE)
def test_no_text_takes_more_than_linear_time(head, piece):
    def seconds(n_chars):
        text = head + (piece * n_chars)[:n_chars] + "@"
        return min(timeit.repeat(lambda: REDACTOR.redact(text), timer=time.process_time, number=1, repeat=3))

    assert seconds(8_000) < 30 * max(seconds(1_000), 0.002)  # 8 times the length; a square would be 64 times


def test_none_leaves_everything():
    text = "jane@example.org"
    assert open_redactor("none").redact(text) == Redacted(text)
    assert open_redactor("none") == Redactor({})


def test_a_recogniser_of_ones_own():
    redactor = Redactor({"seat": lambda text: [(text.index("12F"), text.index("12F") + 3)] if "12F" in text else []})
    assert redactor.redact("in 12F, loud") == Redacted("in [seat], loud", {"seat": 1})


def test_an_unknown_redactor():
    with pytest.raises(InputError, match="'presidio' seen; allowed are patterns, none"):
        open_redactor("presidio")


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setattr("unlike.privacy.redact.find_spec", lambda name: None if name == "stdnum" else sys)
    with pytest.raises(MissingPart, match=r'needs stdnum, not installed: .*pip install "\.\[service\]"'):
        open_redactor("patterns")
