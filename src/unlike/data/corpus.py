"""A corpus: who wrote what about which items, and the cases to try methods on.

The invariant: a user's records are ordered by moment and an item's by (timestamp, id), so what a request may see is
always the front of a list, found by bisection.
"""

import hashlib
import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from unlike.data.folder import FILES, SPLITS, building, read_manifest, write_manifest
from unlike.errors import InputError
from unlike.records import Case, Item, Moment, Record, TimeRule, others_on, visible


class Corpus:
    """Records, items and cases in memory; implements ``unlike.records.Records``.

    Attributes:
        folder: The folder that it was opened from, absolute; None for one made in memory.
    """

    folder: Path | None = None

    def __init__(
        self,
        records: Iterable[Record],
        items: Iterable[Item],
        cases: Iterable[Case] = (),
        manifest: Mapping[str, Any] | None = None,
    ) -> None:
        """Index records by user and by item.

        Args:
            records: In any order.
            items: Those written about.
            cases: What to try methods on; none are needed to serve requests.
            manifest: Where the corpus comes from.

        Raises:
            InputError: Two records have one id.
        """
        self._records = sorted(records, key=lambda record: record.moment)
        self._items = {item.id: item for item in items}
        self._cases = list(cases)
        self._written_manifest = manifest
        self._by_user: dict[str, list[Record]] = {}
        self._by_item: dict[str, list[Record]] = {}
        for record in self._records:
            self._by_user.setdefault(record.user_id, []).append(record)
            self._by_item.setdefault(record.item_id, []).append(record)
        self._by_id = {record.id: record for record in self._records}
        self._profiles: dict[tuple[str, int], Corpus] = {}
        repeated = [key for key, n in Counter(record.id for record in self._records).items() if n > 1]
        if repeated:
            raise InputError(f"{len(repeated)} record ids are there twice, {repeated[0]} is one; make them unique")

    @classmethod
    def open(cls, folder: Path | str) -> "Corpus":
        """Open a corpus folder.

        Raises:
            InputError: The folder holds no corpus, or a damaged one.
        """
        from unlike.data.parquet_rows import read_rows

        manifest = read_manifest(Path(folder))
        opened = cls(*read_rows(Path(folder)), manifest=manifest)
        opened.folder = Path(folder).resolve()
        return opened

    def __repr__(self) -> str:
        counts = f"{len(self._by_user)} users, {len(self._items)} items, {len(self._records)} records"
        return f"<Corpus of {counts}, {len(self._cases)} cases>"

    def write(self, folder: Path | str) -> dict[str, Any]:
        """Write this corpus as a folder; what was a corpus there before is replaced.

        Returns:
            The manifest.

        Raises:
            InputError: The folder holds something else, or cannot be written.
        """
        from unlike.data.parquet_rows import write_rows

        with building(Path(folder)) as temporary:
            write_rows(temporary, self._records, self._items.values(), self._cases)
            return write_manifest(temporary, {name: f for name, f in self.manifest.items() if name != "hashes"})

    def record(self, record_id: str) -> Record:
        """The record of that id.

        Raises:
            InputError: No such record.
        """
        if record_id not in self._by_id:
            raise InputError(f"no record {record_id!r} among {len(self._records)}; is this the corpus of that run?")
        return self._by_id[record_id]

    def item(self, item_id: str) -> Item:
        """The item of that id.

        Raises:
            InputError: No such item.
        """
        if item_id not in self._items:
            raise InputError(f"no item {item_id!r} among {len(self._items)}; take an id from items.parquet")
        return self._items[item_id]

    def history(self, user_id: str, before: Moment) -> Sequence[Record]:
        """The user's own records before a moment, oldest first; empty for an unknown user."""
        own = self._by_user.get(user_id, [])
        return own[: bisect_left(own, before, key=lambda record: record.moment)]

    def peers(self, item_id: str, before: int | None) -> Sequence[Record]:
        """All records on an item strictly before a timestamp (ms; None for all), by (timestamp, id)."""
        there = self._by_item.get(item_id, [])
        return there[: None if before is None else bisect_left(there, before, key=lambda record: record.timestamp)]

    def has_peers(self, case: Case, rule: TimeRule) -> bool:
        """Whether any other user wrote, before the request, about an item of the user's history."""
        before, own = case.peers_before(rule), self.history(case.user_id, case.moment)
        seen = visible(self, rule, case.split)
        return any(others_on(seen, record.item_id, case.user_id, before) for record in own)

    def profiles(self, split: str, without_last: int = 0) -> "Corpus":
        """The profiles of a split alone: what each of its users wrote, on any item, before the latest case.

        DPL's released code compares with the whole profiles of the split that is run, DEP's with those of the test split
        without their last two records.

        Args:
            split: "test", "validation" or "train".
            without_last: Latest records of each profile that are left out.
        """
        key = (split, without_last)
        if key not in self._profiles:
            latest = {case.user_id: case for case in sorted(self.cases(split), key=lambda case: case.moment)}
            histories = (self.history(case.user_id, case.moment) for case in latest.values())
            kept = [record for history in histories for record in history[: len(history) - without_last]]
            self._profiles[key] = Corpus(kept, self._items.values())
        return self._profiles[key]

    def cases(self, split: str | None = None, limit: int | None = None) -> list[Case]:
        """The cases of a split (None for all), in the order of the corpus, at most ``limit``.

        Raises:
            InputError: The corpus has no such split, or ``limit`` is below 1.
        """
        if limit is not None and limit < 1:
            raise InputError(f"limit {limit}: give 1 or more, or None for all cases")
        counts = Counter(case.split for case in self._cases)
        if split is not None and split not in counts and split not in SPLITS:
            raise InputError(f"no split {split!r}; this corpus has {', '.join(counts) or 'no cases'}")
        return [case for case in self._cases if split is None or case.split == split][:limit]

    def case(self, case_id: str) -> Case:
        """The case of that id.

        Raises:
            InputError: No such case.
        """
        for case in self._cases:
            if case.id == case_id:
                return case
        raise InputError(
            f"no case {case_id!r} among {len(self._cases)}; take an id from generations.jsonl or the corpus's cases"
        )

    def users(self) -> list[str]:
        """Ids of everybody who wrote something."""
        return sorted(self._by_user)

    def items(self) -> list[Item]:
        """All items."""
        return list(self._items.values())

    def records(self) -> Sequence[Record]:
        """All records, oldest first."""
        return self._records

    def texts(self) -> list[str]:
        """The texts of all records, oldest first; what there is to embed."""
        return [record.text for record in self._records]

    @property
    def source(self) -> str:
        """The data set that the corpus comes from: its name, or the file of a table of one's own."""
        source = self.manifest["source"]
        return source.get("records", "table") if source.get("name") == "table" else source.get("name", "")

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """Where the corpus comes from and how it was made."""
        if self._written_manifest is not None:
            return self._written_manifest
        splits = Counter(case.split for case in self._cases)
        sizes = {"users": len(self._by_user), "items": len(self._by_item), "records": len(self._records)}
        return {
            "source": {"name": "memory"},
            "settings": None,
            "steps": [],
            "curated": sizes,
            "corpus": sizes,
            "split": {split: splits[split] for split in SPLITS},
            "quarantined": 0,
        }

    @cached_property
    def hash(self) -> str:
        """A digest of the content: equal for equal files, and for equal records, items and cases in memory."""
        hashes = self.manifest.get("hashes")
        if hashes:
            return hashlib.sha256("".join(hashes[name] for name in FILES).encode()).hexdigest()
        rows = [asdict(row) for row in (*self._records, *self._items.values(), *self._cases)]
        return hashlib.sha256(json.dumps(rows, sort_keys=True, default=dict).encode()).hexdigest()
