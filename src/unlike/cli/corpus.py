"""``unlike corpus``: what a corpus holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus

PEERS_WANTED = 4
"""K of DPL: a record with as many others on its item can be compared in full."""


def corpus(
    dir: Annotated[Path, typer.Argument(help="A corpus folder.")],
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what is in a corpus: sizes, cases, lengths, times, how much can be compared, and a sample."""
    from rich.console import Console
    from rich.table import Table

    from unlike.cli.curate import warn
    from unlike.data.corpus import Corpus

    opened = Corpus.open(dir)
    facts = described(opened)
    console = Console()
    if json:
        console.print_json(data=facts)
        return
    grid = Table("", "", title=str(dir), show_header=False)
    for name, value in facts.items():
        if name != "sample":
            grid.add_row(name, _words(value))
    console.print(grid)
    console.print("a record:")
    for name, value in facts["sample"].items():
        console.print(f"  {name}: {value}", markup=False, highlight=False)
    warn(opened.manifest)
    console.print(
        f"next: unlike run --corpus {dir} --method dpl --llm llama.cpp:smollm2 --limit 5 --out RUN",
        markup=False,
        soft_wrap=True,
    )


def described(corpus: "Corpus") -> dict[str, Any]:
    """The facts, for printing or for a program."""
    from dataclasses import asdict

    cases = corpus.cases()
    records = corpus.records()
    histories = [len(corpus.history(case.user_id, case.moment)) for case in cases]
    return {
        "source": corpus.manifest["source"]["name"],
        "hash": corpus.hash,
        "users": len(corpus.users()),
        "items": len(corpus.items()),
        "records": len(records),
        "cases": {split: len(corpus.cases(split)) for split in ("train", "validation", "test")},
        "history of a case": _spread(histories),
        "characters of a text": _spread([len(record.text) for record in records]),
        "first and last day": [_day(record.timestamp) for record in (*records[:1], *records[-1:])],
        f"records with {PEERS_WANTED} others on the item": round(_comparable(corpus), 3),
        "cases without any text of others": corpus.manifest.get("peers", {}),
        "quarantined lines": corpus.manifest["quarantined"],
        "sample": asdict(records[len(records) // 2]) if records else {},
    }


def _comparable(corpus: "Corpus") -> float:
    """The share of records on whose item at least PEERS_WANTED other users wrote."""
    writers = {item.id: len({r.user_id for r in corpus.peers(item.id, None)}) for item in corpus.items()}
    enough = [writers.get(record.item_id, 0) > PEERS_WANTED for record in corpus.records()]
    return sum(enough) / max(1, len(enough))


def _spread(values: Sequence[int]) -> dict[str, float]:
    from statistics import median

    return {"min": min(values), "median": median(values), "max": max(values)} if values else {}


def _day(timestamp: int) -> str:
    from datetime import UTC, datetime, timedelta

    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=timestamp)).date().isoformat()


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items())
    if isinstance(value, list):
        return " to ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int | float) else str(value)
