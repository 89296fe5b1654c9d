"""A file of records into a memory, batch by batch."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from unlike.data.corpus import Corpus
from unlike.data.folder import MANIFEST
from unlike.data.tables.fields import Reading
from unlike.memory.record_rows import Rows, corpus_rows, read_records
from unlike.progress import OnProgress, no_progress
from unlike.sync import wait_for

if TYPE_CHECKING:
    from unlike.memory.answers import Added
    from unlike.memory.memory import Memory
    from unlike.store.users import Consent


@dataclass(frozen=True, slots=True)
class RecordTable:
    """Records and how to read them.

    Attributes:
        file: A table in any format, a folder of them, a corpus folder, or "-" for standard input.
        columns: The file's names of columns by ours, as in ``data.sources.table``.
        reading: Encoding, units and other options; what is not given is detected.
        corpus: An opened corpus instead; ``file`` is then only its name.
    """

    file: Path
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    reading: Reading = Reading()
    corpus: Corpus | None = None

    def first_read(self) -> Iterator[Rows]:
        """Its records in batches, the first of which is read at once.

        Raises:
            InputError: The file cannot be read, or has no valid record.
        """
        rows = self.rows()
        return chain(list(islice(rows, 1)), rows)

    def rows(self) -> Iterator[Rows]:
        """Its records in batches, read when they are asked for."""
        if self.corpus or (self.file / MANIFEST).is_file():
            return corpus_rows(self.corpus or Corpus.open(self.file))
        return read_records(self.file, self.columns, self.reading)


@dataclass(slots=True)
class Ingested:
    """What was added.

    Attributes:
        n_new: New records.
        n_same: Records that were stored already.
        conflicts: Ids that are stored with another text.
        n_refused: Records of users who were erased, or refused in advance.
        n_in_future: Records dated more than a day later than now.
        n_wrong: Lines that are not valid records.
        redacted: Removed identifiers, by kind.
        n_new_users: Users not known before.
        n_compared: Those of them who may be compared with others.
    """

    n_new: int = 0
    n_same: int = 0
    conflicts: list[str] = field(default_factory=list[str])
    n_refused: int = 0
    n_in_future: int = 0
    n_wrong: int = 0
    redacted: dict[str, int] = field(default_factory=dict[str, int])
    n_new_users: int = 0
    n_compared: int = 0

    def add(self, added: "Added") -> None:
        """Count another batch."""
        self.n_new += added.n_new
        self.n_same += added.n_same
        self.conflicts += added.conflicts
        self.n_refused += added.n_refused
        self.n_in_future += added.n_in_future
        self.n_new_users += added.n_new_users
        self.n_compared += added.n_compared
        for kind, n in added.redacted.items():
            self.redacted[kind] = self.redacted.get(kind, 0) + n


def ingest_file(
    memory: "Memory",
    table: RecordTable,
    consent: "Consent",
    on_progress: OnProgress = no_progress,
    on_note: Callable[[int, str], None] = lambda n_wrong, note: None,
    rows: Iterable[Rows] | None = None,
) -> Ingested:
    """Add the records of a file; those that are there already change nothing.

    Args:
        memory: Of a tenant.
        table: The file.
        consent: What new users agree to.
        on_progress: Called after each batch.
        on_note: Called for each wrong line with its number among the wrong ones, and for each warning with 0.
        rows: From ``table.first_read()``, where the file was to be read before the memory was opened.

    Raises:
        InputError: The file cannot be read, or has no valid record.
    """
    total, what = Ingested(), f"reading {table.file.name}"
    for batch in table.rows() if rows is None else rows:
        for warning in batch.warnings:
            on_note(0, f"warning: {warning}")
        for why in batch.wrong:
            total.n_wrong += 1
            on_note(total.n_wrong, why)
        total.add(wait_for(memory.add(batch.rows, consent)))
        on_progress(what, batch.n_done, batch.n, f"{total.n_new:,} new records")
    return total
