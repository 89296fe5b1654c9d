"""A run, or its forecast, as a person sees it: a live line while it goes, a summary at its end."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from unlike.door import wait_for

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.evaluate.run import Progress
    from unlike.llm.recorded import RecordedLLM
    from unlike.methods.kit import Kit


def run_live(
    corpus: "Corpus",
    method: str,
    kit: "Kit",
    out: Path,
    split: str,
    limit: int | None,
    facts: dict[str, Any],
    quiet: bool = False,
) -> dict[str, Any]:
    """Run with a live line; returns run.json."""
    from rich.console import Console

    from unlike.api import arun
    from unlike.evaluate.run import read_run

    console = Console(stderr=True, quiet=quiet)
    with _live(console, method, kit.llm) as on_progress:
        wait_for(arun(corpus, method, kit, out, split=split, limit=limit, facts=facts, on_progress=on_progress))
    rows, done = read_run(out)
    console.print(
        f"{method}: {done['n_done']} of {done['n_cases']} cases done, {done['n_failed']} failed; "
        f"{done['n_calls']} calls, {done['n_cached']} from the journal; "
        f"{done['prompt_tokens']:,} + {done['completion_tokens']:,} tokens in {done['wall_s']:.0f} s",
        highlight=False,
    )
    failed = next((row for row in rows if row.status == "failed"), None)
    if failed:
        console.print(f"[red]first failure[/], case {failed.case_id}: {failed.error[:300]}", highlight=False)
        console.print("The same command again retries the failed ones.")
    console.print(f"rows: {out / 'generations.jsonl'}", highlight=False, soft_wrap=True)
    return done
