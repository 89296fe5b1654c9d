"""Which records a profile that is built ahead compares with others."""

import pytest

from unlike.peers.key_records import choose_key_records


@pytest.mark.parametrize(
    ("rule", "chosen"),
    [("recency", [(9, None), (8, "b")]), ("compared", [(8, "b"), (6, "c")])],
)
def test_key_records_are_the_latest_or_the_latest_that_are_compared(rule, chosen):
    compared = {8: "b", 6: "c", 5: "d"}
    assert choose_key_records([9, 8, 7, 6, 5], compared.get, 2, rule) == chosen
    assert choose_key_records([9, 7], compared.get, 4, rule) == [(9, None), (7, None)]
