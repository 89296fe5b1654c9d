import pytest

from unlike.errors import InputError
from unlike.evaluate.metrics import METRICS, open_metric


def test_names_and_functions():
    for name, metric in METRICS.items():
        assert metric.name == name
        assert (metric.per_case is None) != (metric.corpus is None)


def test_an_unknown_name_lists_what_is_allowed():
    with pytest.raises(InputError, match=r"'rogue1'; allowed are rouge1, rouge2, rougeL"):
        open_metric("rogue1")
