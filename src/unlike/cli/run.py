"""``unlike run``: one method over the cases of a corpus."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unlike.cli.curate import warn
from unlike.cli.interrupt import interruptible
from unlike.cli.options import (
    CorpusAt,
    DryRun,
    Embedder,
    Engine,
    Json,
    Limit,
    PromptsAt,
    Split,
    TaskName,
    Time,
    names_in,
    time_rule,
)
from unlike.cli.output import cut_texts, print_json, print_rewrites, say
from unlike.cli.progress import progress
from unlike.progress import n_of
from unlike.settings import MethodSettings, checked

if TYPE_CHECKING:
    from unlike.experiments.forecast import Forecast
    from unlike.experiments.run import RunRequest
    from unlike.records import Generation


Method = Annotated[
    str, typer.Option(help="Name of a method, such as non_perso, rag or dpl; an unknown name prints all names.")
]
LLM = Annotated[
    str,
    typer.Option(
        help="openai:MODEL[@URL], llama.cpp:FILE|NAME, openvino:FILE|NAME, transformers:MODEL|NAME, vllm:MODEL[@URL], "
        "scripted:FILE|echo; NAME is one that unlike models lists.",
    ),
]
Layout = Annotated[
    str,
    typer.Option(
        help="How the prompt shows past texts: turns (each as an earlier turn of the chat) or single (all in one prompt, as "
        "in the papers)."
    ),
]
Rewrites = Annotated[
    int,
    typer.Option(
        min=0,
        help="Ask again, at most N times, where a reply is cut off, repeats itself, leaves out a dimension, retells the "
        "item's description, or has another length or language than the user's texts. The best reply is kept. Needs a "
        "temperature above 0.",
    ),
]

Retriever = Annotated[
    str,
    typer.Option(help="How own records are chosen: bm25 (shared words), dense (similar vectors), recency or random."),
]
Selector = Annotated[
    str,
    typer.Option(help="How others' texts are chosen: kmeans (one per cluster), kmeans_assigned, random or farthest."),
]
Dimensions = Annotated[
    str,
    typer.Option(
        help="Dimensions that are compared: all of the task, none, or names, such as writing,emotional,semantic."
    ),
]
Temperature = Annotated[
    float, typer.Option(help="Temperature of every LLM call: 0 for the likeliest words, higher for more variety.")
]
TopP = Annotated[
    float, typer.Option(help="Sample only from the likeliest tokens that have this share of the probability together.")
]


def run(
    corpus: CorpusAt,
    method: Method,
    llm: LLM,
    out: Annotated[Path, typer.Option(help="Folder of the run; the same command again continues it.")],
    embedder: Embedder = "minilm",
    split: Split = "test",
    limit: Limit = None,
    records: int = typer.Option(8, help="N, number of the user's own records that are used per case."),
    peers: int = typer.Option(4, help="K, number of others' texts that each own record is compared with."),
    retriever: Retriever = "bm25",
    selector: Selector = "kmeans",
    dimensions: Dimensions = "all",
    time: Time = "as_of",
    temperature: Temperature = 0.8,
    top_p: TopP = 0.95,
    max_tokens: int = typer.Option(2048, help="Maximum number of tokens that an LLM call may write."),
    layout: Layout = "turns",
    rewrites: Rewrites = 0,
    seed: int = typer.Option(0, help="Seed of sampling, random retrieval and selection, and K-means."),
    concurrency: int = typer.Option(16, min=1, help="Maximum number of LLM calls at the same time, per worker."),
    engine: Engine = "local",
    adapter: Path | None = typer.Option(None, help="Adapter made by unlike train; methods with soft prompts need one."),
    task: TaskName = "review",
    prompts: PromptsAt = None,
    journal: Path | None = typer.Option(
        None, help="File that keeps all LLM calls; runs may share it. Default: OUT/journal.sqlite."
    ),
    keep_prompts: bool = typer.Option(True, help="Keep the prompts in the journal, for unlike show and inspect."),
    dry_run: DryRun = False,
    price_in: float | None = typer.Option(
        None, help="Price of a million prompt tokens, in any currency, for --dry-run."
    ),
    price_out: float | None = typer.Option(None, help="Price of a million completion tokens, for --dry-run."),
    as_json: Json = False,
) -> None:
    """Generate a text for every case of a split with one method.

    Exit status: 0 all cases done, 3 some failed (run it again to retry them), 2 nothing could be done.
    """
    from unlike.data.corpus import Corpus
    from unlike.experiments.run import RunRequest

    given = {"n_records": records, "n_peers": peers, "retriever": retriever, "selector": selector, "seed": seed}
    given |= {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens, "layout": layout}
    given |= {"rewrites": rewrites}
    given |= {"time_rule": time_rule(time), "adapter": str(adapter.resolve()) if adapter else ""}
    given |= {"dimensions": {"all": None, "none": ()}.get(dimensions, tuple(names_in(dimensions)))}
    settings, opened = checked(MethodSettings, given, "settings"), Corpus.open(corpus)
    request = RunRequest(
        opened, method, llm, out, embedder, settings, split, limit, task, prompts, concurrency, journal, keep_prompts
    )
    if settings.time_rule == "as_of":
        warn(opened.manifest)
    if dry_run:
        _forecast(request, (price_in, price_out), as_json)
    else:
        _run(request, engine, as_json)


def _run(request: "RunRequest", engine: str, as_json: bool) -> None:
    from unlike.evaluate.running.run_method import read_run
    from unlike.experiments.run import run_request
    from unlike.experiments.watch import Watch

    with progress(quiet=as_json) as on_progress, interruptible():
        run_request(request, engine, watch=Watch(on_progress, say))
    rows, done = read_run(request.out)
    if as_json:
        print_json(done)
    else:
        _say_dropped(rows)
        _say_cut(rows)
        _summarise(done, next((row for row in rows if row.status == "failed"), None), request.out)
    if done["n_failed"]:
        raise typer.Exit(3)


def _summarise(done: dict[str, Any], failed: "Generation | None", out: Path) -> None:
    say(
        f"{done['method']}: {done['n_done']} of {done['n_cases']} cases done, {done['n_failed']} failed; "
        f"{n_of(done['n_calls'], 'call')}, {done['n_cached']} from the journal; "
        f"{done['prompt_tokens']:,} + {done['completion_tokens']:,} tokens in {done['wall_s']:.0f} s"
    )
    if failed:
        say(f"first failure, case {failed.case_id}: {failed.error[:300]}")
        say("the same command again retries the failed cases")
    say(f"rows: {out / 'generations.jsonl'}")


def _say_dropped(rows: "Sequence[Generation]") -> None:
    """How many records did not fit into the LLM's context; each row's trace names them."""
    from unlike.evaluate.statistics.calls import calls_in
    from unlike.prompts.budget import DROPPED

    notes = [[note for call in calls_in(row.trace) for note in call.get("left_out", ())] for row in rows]
    dropped = [sum(note.startswith(DROPPED) for note in of_row) for of_row in notes]
    if any(dropped):
        say(
            f"{n_of(sum(dropped), 'record')} did not fit into the prompts of {n_of(sum(map(bool, dropped)), 'case')}; the "
            "oldest were left out"
        )


def _say_cut(rows: "Sequence[Generation]") -> None:
    from unlike.evaluate.statistics.measured import n_cut

    if n := n_cut(rows):
        say(cut_texts(n))


def _forecast(request: "RunRequest", prices: tuple[float | None, float | None], as_json: bool) -> None:
    from unlike.experiments.forecast import forecast_run
    from unlike.experiments.watch import Watch

    with progress(quiet=as_json) as on_progress, interruptible():
        forecast = forecast_run(request, Watch(on_progress, say))
    if as_json:
        print_json(_as_json(forecast, forecast.cost(prices)))
        return
    print_forecast(forecast, forecast.cost(prices))
    if None in prices:
        typer.echo("cost: give --price-in and --price-out, per million tokens")


def _as_json(forecast: "Forecast", cost: float | None) -> dict[str, object]:
    """What ``print_forecast`` prints, as JSON."""
    return {
        "n_cases": forecast.n_cases,
        **asdict(forecast.usage),
        "cost": cost,
        "counts_exactly": forecast.counts_exactly,
        "assumed_completion_tokens": forecast.lengths,
        "rewrites_not_counted": forecast.rewrites_not_counted,
    }


def print_forecast(forecast: "Forecast", cost: float | None) -> None:
    """Print the calls and tokens that are left, and how they were counted."""
    usage, lengths = forecast.usage, forecast.lengths
    known = f" ({usage.n_cached:,} more are in the journal or shared between methods)" if usage.n_cached else ""
    typer.echo(
        f"{forecast.what}, {n_of(forecast.n_cases, 'case')}: {n_of(usage.n_calls, 'call')}{known}, "
        f"{usage.prompt_tokens:,} prompt tokens, about {usage.completion_tokens:,} completion tokens"
    )
    counted = "the model's tokenizer" if forecast.counts_exactly else "an estimate of three bytes of UTF-8 per token"
    assumed = ", ".join(f"{step} {n_tokens}" for step, n_tokens in lengths.items())
    typer.echo(f"counted with {counted}" + (f"; assumed tokens per answer: {assumed}" if assumed else ""))
    print_rewrites(forecast.rewrites_not_counted)
    if cost is not None:
        shown = f"{cost:.2f}" if cost >= 0.1 else f"{cost:.2g}"
        typer.echo(f"cost: {shown}, in the currency of the prices")
