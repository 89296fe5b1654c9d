"""Distribution of values: quartiles, the fences beyond which values are outliers, and a sample of very many points."""

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

FENCE_IQR = 1.5
"""Distance of the fences from the quartiles, in interquartile ranges (Tukey, 1977)."""


def distribution(values: Sequence[float]) -> dict[str, Any]:
    """Number, mean, quartiles and fences of some values; None where there are no values."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return {"n": 0, "mean": None, "q1": None, "median": None, "q3": None, "low": None, "high": None}
    q1, median, q3 = (float(part) for part in np.quantile(finite, [0.25, 0.5, 0.75]))
    reach = FENCE_IQR * (q3 - q1)
    return {
        "n": len(finite),
        "mean": sum(finite) / len(finite),
        "q1": q1,
        "median": median,
        "q3": q3,
        "low": q1 - reach,
        "high": q3 + reach,
    }


def thinned(ordered: Sequence[T], max_points: int) -> list[T]:
    """A sample of an ordered list: a tenth from each end, where outliers are, the rest evenly spaced.

    Args:
        ordered: By value.
        max_points: Maximum size of the sample, at least 10.
    """
    if len(ordered) <= max_points:
        return list(ordered)
    ends = max_points // 10
    middle = ordered[ends:-ends]
    places = np.linspace(0, len(middle) - 1, max_points - 2 * ends).astype(int)
    return [*ordered[:ends], *(middle[place] for place in places), *ordered[-ends:]]
