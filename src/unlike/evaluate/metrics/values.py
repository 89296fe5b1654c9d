"""The values that a metric gives texts, checked: one per text, each a finite number or none.

A metric may be the user's own, so what it returns or raises is checked here and named by the metric.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from unlike.errors import CustomCodeFailed, InputError, custom_code
from unlike.evaluate.metrics.table import Metric
from unlike.evaluate.metrics.texts import ScoredText
from unlike.language import Language


def values_of(
    metric: Metric, texts: Sequence[ScoredText], against: Sequence[object], options: tuple[Language | None, ...] = ()
) -> list[float | None]:
    """One value per text; None where the metric gives none, or one that is not finite.

    Args:
        metric: A metric of single texts.
        texts: At least one text.
        against: What each is compared with.
        options: Further arguments of the metric.

    Raises:
        InputError: The metric returns another number of values, or something else than numbers.
        CustomCodeFailed: It raises an error.
    """
    measure = metric.per_case
    assert measure, f"metric {metric.name} has no per_case"
    generated = [text.text for text in texts]
    try:
        with custom_code(f"metric {metric.name!r}"):
            values = list(measure(generated, against, *options))
    except CustomCodeFailed:
        for text, compared in zip(texts, against, strict=True):  # one by one, to name the case
            with custom_code(f"metric {metric.name!r} on case {text.case_id!r}"):
                measure([text.text], [compared], *options)
        raise
    if len(values) != len(texts):
        raise InputError(
            f"metric {metric.name!r} returned {len(values)} values for {len(texts)} texts; a metric returns one number "
            "per text, None where there is none; correct it"
        )
    return [
        finite(value, f"metric {metric.name!r} on case {text.case_id!r}")
        for value, text in zip(values, texts, strict=True)
    ]


def value_of_all(
    metric: Metric, texts: Sequence[str], against: Sequence[object], options: tuple[Language | None, ...] = ()
) -> float | None:
    """The value of all texts together; None where the metric gives none, or one that is not finite.

    Raises:
        InputError: The metric returns something else than a number.
        CustomCodeFailed: It raises an error.
    """
    measure: Callable[..., Any] | None = metric.corpus
    assert measure, f"metric {metric.name} has neither per_case nor corpus"
    with custom_code(f"metric {metric.name!r}"):
        value = measure(texts, against, *options)
    return finite(value, f"metric {metric.name!r}")


def finite(value: Any, what: str) -> float | None:  # noqa: ANN401 - whatever a metric returned
    """A number; None for None and for a number that is not finite.

    Raises:
        InputError: It is no number.
    """
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{what} returned {value!r}; allowed are numbers, and None for no value; correct it"
        ) from error
    return number if math.isfinite(number) else None
