"""The key records of a profile that is built ahead of requests: which of a user's records it compares with others."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

from unlike.settings import KeyRecords

RecordT = TypeVar("RecordT")
ComparedT = TypeVar("ComparedT")


def choose_key_records(
    records: Iterable[RecordT], compared: Callable[[RecordT], ComparedT | None], n: int, rule: KeyRecords
) -> list[tuple[RecordT, ComparedT | None]]:
    """The records of a profile that is built ahead of requests, each with what it is compared with.

    Args:
        records: The user's records, the latest first.
        compared: What a record is compared with; None for nothing.
        n: Maximum number of records.
        rule: "recency" takes the latest; "compared" the latest that are compared, then the latest of the others.
    """
    found = ((record, compared(record)) for record in records)
    if rule == "recency":
        return list(islice(found, n))
    with_others, alone = list[tuple[RecordT, ComparedT | None]](), list[tuple[RecordT, ComparedT | None]]()
    for record, comparison in found:
        (alone if comparison is None else with_others).append((record, comparison))
        if len(with_others) == n:
            break
    return [*with_others, *alone][:n]
