"""Waiting between attempts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlike.llm.retry import Waits, asked_wait_s, is_retried


@given(attempt=st.integers(1, 500), jitter=st.floats(0, 1))
def test_an_own_wait_lies_between_nothing_and_the_cap(attempt, jitter):
    wait = Waits(base_s=0.5, cap_s=20.0, jitter=lambda: jitter).before(attempt, None)
    assert 0 <= wait <= min(20.0, 0.5 * 2 ** (attempt - 1))


@given(attempt=st.integers(1, 50), asked_s=st.floats(0, 1e6), jitter=st.floats(0, 1))
def test_never_sooner_than_asked(attempt, asked_s, jitter):
    assert Waits(jitter=lambda: jitter).before(attempt, asked_s) >= asked_s


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf-", "Wed, 99 Foo 2015"])
def test_an_unreadable_wish_is_no_wish(value):
    assert asked_wait_s({"retry-after": value}, 0.0) is None


@given(st.text())
def test_no_header_breaks_it(value):
    wait = asked_wait_s({"retry-after": value, "retry-after-ms": value}, 0.0)
    assert wait is None or wait >= 0


def test_which_statuses_may_change():
    assert [s for s in range(400, 600) if is_retried(s)] == [408, 409, 425, 429, *range(500, 600)]
