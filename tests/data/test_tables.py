"""The casts, and the fast and the slow way through JSON lines against each other."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlike.data.tables import jsonl
from unlike.data.tables.fields import Field, flat, numbers, prose, times, typed

FIELDS = (
    Field("who", ("who", "by"), "id", required=True),
    Field("text", ("text",), required=True),
    Field("score", ("score",), "number"),
    Field("at", ("at",), "time"),
)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1400000000", 1_400_000_000_000),
        ("1400000000000", 1_400_000_000_000),
        ("1.4e9", 1_400_000_000_000),
        ("1400000000.25", 1_400_000_000_250),
        ("2014-05-13", 1_399_939_200_000),
        ("2014-05-13 16:53:20", 1_400_000_000_000),
        ("2014-05-13T16:53:20.250", 1_400_000_000_250),
        ("2014-05-13T16:53:20Z", 1_400_000_000_000),
        ("2014-05-13T18:53:20+02:00", 1_400_000_000_000),
        ("13.5.2014", None),
        ("2014-13-05", None),
        ("nan", None),
        ("1e300", None),
        (None, None),
    ],
)
def test_times(text, ms):
    assert times(pl.Series([text], dtype=pl.String)).to_list() == [ms]
    assert times(pl.Series(["2014-05-13", text, "1400000000"])).to_list()[1] == ms


def test_numbers():
    assert numbers(pl.Series(["4", "4.5", "1e3", "inf", "nan", "four", None])).to_list() == [4, 4.5, 1000, *[None] * 4]


def test_lists_become_flat_and_paragraphs_one_text():
    assert flat([["a", "b"], ["a", ["c"]], None, 3]) == ["a", "b", "c", "3"]
    assert flat("Bars, Food") == ["Bars", "Food"]
    assert prose(["Product Description", "One.", None, "Two."]) == "One. Two."


scalars = (
    st.none() | st.text(max_size=8) | st.integers(-(10**14), 10**14) | st.floats(-1e6, 1e14).map(lambda x: round(x, 3))
)
values = scalars | st.lists(st.text(max_size=3), max_size=2) | st.dictionaries(st.text(max_size=2), st.text(max_size=2))
rows = st.fixed_dictionaries(
    {}, optional={"who": st.text(max_size=4), "by": st.text(max_size=4), "text": st.text(max_size=9) | values.filter(
        lambda value: not isinstance(value, int | float)), "score": scalars, "at": scalars, "other": values}
)  # fmt: skip


@given(st.lists(rows, min_size=1, max_size=8))
def test_the_fast_way_reads_what_the_slow_way_reads(rows):
    lines = [(number, json.dumps(row).encode() + b"\n") for number, row in enumerate(rows, 1)]
    fast, slow = jsonl._fast(lines, FIELDS), jsonl._slow(lines, FIELDS)
    if fast is None:
        return
    lines_of = [{number for number, _ in bad} for _, bad in (fast, slow)]
    assert lines_of[0] == lines_of[1]
    frames = [typed(frame, FIELDS) for frame, _ in (fast, slow)]
    reasons = [frame["reason"].is_null().to_list() for frame in frames]
    assert reasons[0] == reasons[1]
    usable = [frame.filter(pl.col("reason").is_null()) for frame in frames]
    assert usable[0].equals(usable[1])


def test_well_formed_lines_take_the_fast_way():
    lines = [
        (n, json.dumps({"who": "a", "text": "[x] y", "score": n, "at": "2014-05-13"}).encode() + b"\n")
        for n in range(9)
    ]
    assert jsonl._fast(lines, FIELDS) is not None
    assert jsonl._fast([*lines, (10, b"{")], FIELDS) is None
