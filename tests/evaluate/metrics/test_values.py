"""What a metric of one's own returns is checked; a text without a value is left out and counted."""

import math

import pytest

from unlike.errors import CustomCodeFailed, InputError, MissingPart
from unlike.evaluate.metrics import METRICS, Metric, open_metric
from unlike.evaluate.metrics.score import score
from unlike.evaluate.metrics.texts import ScoredText
from unlike.evaluate.metrics.values import value_of_all, values_of

TEXTS = [ScoredText(f"c{n}", word, (word,)) for n, word in enumerate(("one", "two", "bad"))]
REAL = [text.reference for text in TEXTS]


def metric(per_case, **more):
    return Metric("mine", "Mine", per_case=per_case, **more)


def test_no_value_and_values_that_are_not_finite_are_none():
    found = values_of(metric(lambda texts, real: (1, math.nan, None)), TEXTS, REAL)
    assert found == [1.0, None, None]
    assert value_of_all(Metric("mine", "Mine", corpus=lambda texts, real: math.inf), ["a"], ["a"]) is None


@pytest.mark.parametrize(
    ("per_case", "named"),
    [
        (
            lambda texts, real: [1.0],
            "metric 'mine' returned 1 values for 3 texts; a metric returns one number per text",
        ),
        (
            lambda texts, real: ["a"] * len(texts),
            "metric 'mine' on case 'c0' returned 'a'; allowed are numbers, and None",
        ),
        (
            lambda texts, real: [1 / (text != "bad") for text in texts],
            "metric 'mine' on case 'c2' failed: ZeroDivisionError",
        ),
        (
            lambda texts, real: [1 / (len(texts) < 2)],
            "metric 'mine' failed: ZeroDivisionError: division by zero; correct",
        ),
    ],
)
def test_what_is_wrong_is_named(per_case, named):
    with pytest.raises((InputError, CustomCodeFailed), match=named):
        values_of(metric(per_case), TEXTS, REAL)


def test_a_part_that_is_missing_is_still_missing():
    def needs_it(texts, real):
        raise MissingPart("no such data")

    with pytest.raises(MissingPart):
        values_of(metric(needs_it), TEXTS, REAL)


def test_a_score_leaves_out_and_counts_what_has_no_value(tmp_path, monkeypatch):
    def measure(texts, real):
        return [math.nan if text == "bad" else 0.5 for text in texts]

    monkeypatch.setitem(METRICS, "mine", metric(measure))
    monkeypatch.setitem(METRICS, "whole", Metric("whole", "Whole", corpus=lambda texts, real: math.nan))
    lines = '{"case_id": "a", "text": "good", "reference": "good"}\n{"case_id": "b", "text": "bad", "reference": "x"}\n'
    (tmp_path / "t.jsonl").write_text(lines)
    scores = score(tmp_path / "t.jsonl", ["mine", "mine_cut", "whole"])
    mine, cut, whole = scores.rows
    assert (mine.mean, mine.n, mine.n_without, mine.remark) == (0.5, 1, 1, "1 of 2 texts without a value (b)")
    assert (cut.mean, whole.mean, whole.n, whole.remark) == (0.5, None, 0, "no text has a value")
    assert list(scores.per_case.values())[0] == {"a": 0.5}
    assert open_metric("mine").name == "mine"
