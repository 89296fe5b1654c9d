"""Long lists, some at a time: a statement has a limited number of values."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

MAX_VALUES = 500
"""Values in one statement."""


def batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values in their order, at most MAX_VALUES at a time."""
    for first in range(0, len(values), MAX_VALUES):
        yield values[first : first + MAX_VALUES]
