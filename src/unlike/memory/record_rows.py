"""Records from a table in any format, in batches; rows that are not valid records are returned with the reason.

Files are read as ``unlike curate`` reads them, so an id or a time means the same in a corpus and in a store.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlike.data.sources import Source, table
from unlike.data.tables.fields import LEFT_OUT, Reading
from unlike.errors import InputError
from unlike.records import Item, Record

if TYPE_CHECKING:
    import polars as pl

    from unlike.data.corpus import Corpus
    from unlike.store.records import NewRecord

ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a table.

    Attributes:
        rows: The usable ones.
        wrong: What is wrong with each of the others.
        n_done: Rows read so far.
        n: Rows of the table that can be read.
        warnings: For the user; with the first rows.
    """

    rows: "tuple[NewRecord, ...]"
    wrong: tuple[str, ...]
    n_done: int
    n: int
    warnings: tuple[str, ...] = ()


def read_records(file: Path, columns: Mapping[str, str], reading: Reading) -> Iterator[Rows]:
    """All records of a table.

    Args:
        file: A table in any format, a folder of them, or "-" for standard input.
        columns: The table's names of columns by ours, as in ``sources.table``.
        reading: Encoding, units and other options that the user gave.

    Raises:
        InputError: It cannot be read, or has no usable row.
    """
    from unlike.data.staging import stage_records
    from unlike.data.tables.log import ReadLog

    source = table(file, columns, reading=reading)
    with tempfile.TemporaryDirectory(prefix="unlike-ingest-") as folder:
        quarantine = Path(folder) / "malformed.jsonl"
        with closing(ReadLog(quarantine)) as log:
            records = stage_records(source, Path(folder) / "rows", log)
        ids = _ids(records)
        malformed = tuple(_malformed(quarantine))
        for start in range(0, len(ids), ROWS_AT_ONCE):
            batch = records.slice(start, ROWS_AT_ONCE).collect().with_columns(id=ids[start : start + ROWS_AT_ONCE])
            checked = [_checked(row) for row in batch.iter_rows(named=True)]
            rows = tuple(one for one in checked if not isinstance(one, str))
            wrong = (*malformed, *(one for one in checked if isinstance(one, str)))
            warnings = () if start else (*log.warnings(), *_unread_columns(source, columns))
            yield Rows(rows, wrong, start + batch.height, len(ids), warnings)
            malformed = ()


def corpus_rows(corpus: "Corpus") -> Iterator[Rows]:
    """All records of a corpus, each with its item."""
    from unlike.memory.ingest import mistakes
    from unlike.store.records import NewRecord

    records = corpus.records()
    for start in range(0, len(records), ROWS_AT_ONCE):
        made = [NewRecord(record, corpus.item(record.item_id)) for record in records[start : start + ROWS_AT_ONCE]]
        wrong = {new.record.id: why for new in made if (why := "; ".join(mistakes(new)))}
        rows = tuple(new for new in made if new.record.id not in wrong)
        yield Rows(
            rows, tuple(f"record {id_[:80]}: {why}" for id_, why in wrong.items()), start + len(made), len(records)
        )


def _ids(records: "pl.LazyFrame") -> "pl.Series":
    """The id of each record; where there is none it is made of user and item, as in a corpus."""
    import polars as pl

    made = pl.format("{}:{}", "user_id", "item_id")
    again = pl.int_range(pl.len()).over("made")
    numbered = pl.when(again > 0).then(pl.format("{}~{}", "made", again)).otherwise("made")
    keys = records.select("row", "record_id", made=made).collect()
    lacking = keys.filter(pl.col("record_id").fill_null("") == "").select("row", made=numbered)
    return keys.join(lacking, on="row", how="left", maintain_order="left").select(
        id=pl.when(pl.col("made_right").is_not_null()).then("made_right").otherwise("record_id")
    )["id"]


def _malformed(quarantine: Path) -> Iterator[str]:
    if quarantine.exists():
        with quarantine.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield f"line {row['line']}: {row['reason']}"


def _checked(row: Mapping[str, Any]) -> "NewRecord | str":
    """A row's record, or what is wrong with it."""
    from unlike.memory.ingest import mistakes
    from unlike.store.records import NewRecord

    if unreadable := row["timestamp_unreadable"]:
        return f"record {row['id'][:80]}: timestamp {unreadable[:40]!r} cannot be read; correct it, or leave it empty for now"
    item = Item(row["item_id"], row["item_title"] or "", row["item_description"] or "")
    own = (row["id"], row["user_id"], row["item_id"], row["text"], row["title"] or "", row["rating"])
    made = NewRecord(Record(*own, timestamp=row["timestamp"] or 0), item)
    if wrong := "; ".join(mistakes(made)):
        return f"record {row['id'][:80]}: {wrong}"
    return made


def _unread_columns(source: Source, columns: Mapping[str, str]) -> Sequence[str]:
    """A warning of the columns in a file's first rows that are neither read nor left out on purpose."""
    from unlike.data.tables.opening import STDIN
    from unlike.data.tables.rows import read_rows

    if source.records == STDIN:
        return ()
    known = {key.partition(".")[0] for field in source.record_fields for key in field.keys}
    known |= {name for name, key in columns.items() if key == LEFT_OUT}
    try:
        names = dict.fromkeys(
            name for row in islice(read_rows(source.records), 100) for name in row.values if name not in known
        )
    except InputError:
        return ()
    return [f"not read: {', '.join(names)}; --map FIELD=COLUMN names what is to be read"] if names else ()
