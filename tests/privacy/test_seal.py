"""Sealed words open with all the keys of those whose words they are, where they were sealed, or not at all."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlike.errors import InputError
from unlike.privacy.keys import new_key
from unlike.privacy.seal import Unreadable, seal, unseal

PLACE = b"records:17:text"
WORDS = "Imagine being hugged by a fog. Ümläut 雨".encode()
ANN, BEN, CYD = (new_key() for _ in range(3))
KEYS = st.lists(st.sampled_from([ANN, BEN, CYD]), min_size=1, max_size=5)


@given(KEYS, st.binary(max_size=300), st.binary(max_size=30), st.randoms())
def test_round_trip_in_any_order(keys, plain, about, random):
    again = random.sample(keys, len(keys)) + random.sample(keys, 1)
    assert unseal(again, seal(keys, plain, about), about) == plain


@given(KEYS, KEYS)
def test_opens_with_exactly_the_keys_it_was_sealed_under(keys, others):
    sealed = seal(keys, WORDS, PLACE)
    if set(keys) == set(others):
        assert unseal(others, sealed, PLACE) == WORDS
    else:
        with pytest.raises(Unreadable, match=r"'records:17:text' cannot be read: it does not open with the \d key"):
            unseal(others, sealed, PLACE)


def test_does_not_open_at_another_place():
    with pytest.raises(Unreadable, match="records:18:text"):
        unseal([ANN], seal([ANN], WORDS, PLACE), b"records:18:text")


@given(st.integers(0), st.integers(1, 255))
def test_any_changed_byte_is_noticed(position, change):
    sealed = bytearray(seal([ANN, BEN], WORDS, PLACE))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(Unreadable):
        unseal([ANN, BEN], bytes(sealed), PLACE)


@given(st.integers(0, 27 + len(WORDS)))
def test_a_shortened_value_is_noticed(n_bytes):
    with pytest.raises(Unreadable, match="cannot be read"):
        unseal([ANN], seal([ANN], WORDS, PLACE)[:n_bytes], PLACE)


def test_nothing_shows_and_nothing_repeats():
    sealed = [seal([ANN], WORDS, PLACE) for _ in range(100)]
    assert len(set(sealed)) == len({value[:12] for value in sealed}) == 100
    assert {len(value) for value in sealed} == {len(WORDS) + 28}
    assert not any(
        word in value for value, word in itertools.product(sealed, [b"Imagine", b"hugged", "Ümläut".encode()])
    )


def test_the_form_stays_readable():
    """Sealed when the form was fixed; a change of form would make every store unreadable."""
    sealed = bytes.fromhex(GOLDEN)
    assert unseal([bytes(32), bytes(31) + b"\1"], sealed, PLACE) == b"Good fog."


@pytest.mark.parametrize("keys", [[], [b"short"], [ANN, ANN[:31]]])
def test_keys_of_another_length_are_refused(keys):
    with pytest.raises(InputError, match="each has 32 bytes"):
        seal(keys, WORDS, PLACE)
    with pytest.raises(InputError, match="each has 32 bytes"):
        unseal(keys, bytes(40), PLACE)


GOLDEN = "1a205da680d7ba01baafc1ef7e8a054ea48bb463d4a5aa01d2850ce301127c1379bcd4427e"
