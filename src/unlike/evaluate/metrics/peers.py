"""The texts of others that a generation was made from, which leakage compares with."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from unlike.records import Generation, Record

Peers = Mapping[str, Sequence[str]]
"""By case id: the texts of others a generation was made from."""


class RecordsById(Protocol):
    """Finds a record by its id; a corpus does."""

    def record(self, record_id: str) -> Record:
        """The record of that id.

        Raises:
            InputError: No such record.
        """
        ...


def peers_of(rows: Sequence[Generation], records: RecordsById) -> Peers:
    """The texts of others that stood in the prompts of each case, each once, as the traces name them.

    They are the representatives of all comparisons (DPL, DRP), the counterexamples (CICL) and the neighbour's records
    (Persona-DB). A case without any has an empty list. Rows of one case by several methods are taken together.

    Args:
        rows: Rows of a run.
        records: The corpus of that run.

    Raises:
        InputError: The records lack one that a trace names.
    """
    ids: dict[str, dict[str, None]] = {}
    for row in rows:
        ids.setdefault(row.case_id, {}).update(dict.fromkeys(_others_in(row.trace)))
    return {case_id: [records.record(record_id).text for record_id in found] for case_id, found in ids.items()}


def _others_in(trace: Mapping[str, Any]) -> Iterator[str]:
    """Ids of all records of others in a trace; see ``unlike.methods.steps.trace_of``."""
    for difference in trace.get("differences", ()):
        yield from difference["representatives"]
    yield from trace.get("counterexamples", {}).values()
    yield from trace.get("neighbour_records", ())
