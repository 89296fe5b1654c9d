"""How values lie: quartiles, the fences that outliers are beyond, and a part of very many points that looks like all."""

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

REACH = 1.5
"""Quartile distances beyond the quartiles up to which a value is no outlier (Tukey, 1977)."""


def distribution(values: Sequence[float]) -> dict[str, Any]:
    """Number, mean, quartiles and fences of some values; None for what there is not."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return {"n": 0, "mean": None, "q1": None, "median": None, "q3": None, "low": None, "high": None}
    q1, median, q3 = (float(part) for part in np.quantile(finite, [0.25, 0.5, 0.75]))
    reach = REACH * (q3 - q1)
    return {
        "n": len(finite),
        "mean": sum(finite) / len(finite),
        "q1": q1,
        "median": median,
        "q3": q3,
        "low": q1 - reach,
        "high": q3 + reach,
    }


def thinned(ordered: Sequence[T], most: int) -> list[T]:
    """At most so many points of an ordered list: a tenth from each end, where one looks for outliers, the rest evenly.

    Args:
        ordered: By value.
        most: At least 10.
    """
    if len(ordered) <= most:
        return list(ordered)
    ends = most // 10
    middle = ordered[ends:-ends]
    places = np.linspace(0, len(middle) - 1, most - 2 * ends).astype(int)
    return [*ordered[:ends], *(middle[place] for place in places), *ordered[-ends:]]
