"""Long lists, some at a time: a statement has a limited number of values."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, Row, Select

if TYPE_CHECKING:
    from unlike.store.database import Tx

T = TypeVar("T")

MAX_VALUES = 500
"""Values in one statement."""


def batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values in their order, at most MAX_VALUES at a time."""
    for first in range(0, len(values), MAX_VALUES):
        yield values[first : first + MAX_VALUES]


def rows_with(
    tx: "Tx", query: Select[*tuple[Any, ...]], column: ColumnElement[Any], values: Iterable[Any]
) -> Iterator[Row[*tuple[Any, ...]]]:
    """The rows of a query in which a column has one of these values."""
    for batch in batches(sorted(set(values))):
        yield from tx.conn.execute(query.where(column.in_(batch))).all()
