"""A run, or its forecast, as a person sees it: a live line while it goes, a summary at its end."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from unlike.cli.spreading import begun
from unlike.door import wait_for

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.methods.kit import Kit
    from unlike.spread.runs import Spread


def run_live(
    corpus: "Corpus",
    method: str,
    kit: "Kit",
    out: Path,
    split: str,
    limit: int | None,
    facts: dict[str, Any],
    quiet: bool = False,
    spread: "Spread | None" = None,
) -> dict[str, Any]:
    """Run with a live line, in this process or spread over workers; returns run.json."""
    from rich.console import Console

    from unlike.evaluate.running.run import arun, read_run
    from unlike.spread.runs import run_spread

    console = Console(stderr=True, quiet=quiet)
    with begun(console, method, kit.llm, spread, out) as (on_progress, there):
        if there:
            run_spread(there, method, kit, out, split, limit, facts)
        else:
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


def forecast_live(
    corpus: "Corpus",
    method: str,
    kit: "Kit",
    split: str,
    limit: int | None,
    prices: tuple[float | None, float | None],
    as_json: bool,
) -> None:
    """Walk the run without asking an LLM, and print what it would take."""
    from unlike.evaluate.running.run import Job, generation, pick_cases, run_jobs
    from unlike.llm.forecast import ASSUMED_COMPLETION_TOKENS, ForecastLLM
    from unlike.methods.table import open_method

    llm = ForecastLLM(kit.llm.backend)
    cases = pick_cases(corpus, split, limit)
    wait_for(run_jobs([Job(method, open_method(method), cases, replace(kit, llm=llm))], generation))
    usage = llm.usage
    cost = None
    if None not in prices:
        cost = (usage.prompt_tokens * (prices[0] or 0) + usage.completion_tokens * (prices[1] or 0)) / 1e6
    if as_json:
        typer.echo(json.dumps({"n_cases": len(cases), **asdict(usage), "cost": cost}, indent=2))
        return
    counted = (
        "the model's tokenizer" if kit.llm.backend.counts_exactly else "an estimate of one token for three characters"
    )
    typer.echo(
        f"{method} on {len(cases)} cases: {usage.n_calls:,} calls, {usage.prompt_tokens:,} prompt tokens, "
        f"at most {usage.completion_tokens:,} completion tokens\n"
        f"prompts counted with {counted}; answers assumed to have "
        f"{min(ASSUMED_COMPLETION_TOKENS, kit.settings.max_tokens)} tokens each"
    )
    typer.echo(
        f"cost: {cost:.2f}" if cost is not None else "cost: give --price-in and --price-out for a million tokens"
    )
