"""``unlike run``: one method over the cases of a corpus."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import typer

from unlike.cli.spreading import HELP, spread_of
from unlike.cli.time_rule import time_rule
from unlike.config import Layout, MethodSettings, vector_file
from unlike.errors import InputError


def run(
    corpus: Path = typer.Option(..., help="Corpus folder, made by unlike curate."),
    method: str = typer.Option(..., help="Name of a method, such as non_perso, rag or dpl; a wrong one lists all."),
    llm: str = typer.Option(
        ...,
        help="openai:MODEL[@URL], llama.cpp:FILE|NAME, transformers:MODEL|NAME, vllm:MODEL[@URL], scripted:FILE|echo; "
        "NAME is one of unlike models.",
    ),
    out: Path = typer.Option(..., help="Run folder; running again with the same one resumes."),
    embedder: str = typer.Option("minilm", help="minilm, bge-m3, openai:MODEL, hashing:256, a model name or folder."),
    split: str = typer.Option("test", help="test, validation or train."),
    limit: int | None = typer.Option(None, min=1, help="Run only the first N cases."),
    records: int = typer.Option(8, min=1, help="N, key records a request."),
    peers: int = typer.Option(4, min=1, help="K, representatives a key record is compared with."),
    retriever: str = typer.Option("bm25", help="bm25, recency, random or dense."),
    selector: str = typer.Option("kmeans", help="kmeans, kmeans_assigned, random or farthest."),
    dimensions: str = typer.Option("all", help="all, none, or names with commas: writing,emotional,semantic."),
    time: str = typer.Option("as_of", help="as_of: only texts before the request; paper: all texts of others."),
    temperature: float = typer.Option(0.8, min=0.0, help="Of every LLM call."),
    top_p: float = typer.Option(0.95, min=0.0, max=1.0, help="Of every LLM call."),
    max_tokens: int = typer.Option(2048, min=1, help="New tokens of every LLM call."),
    layout: str = typer.Option(
        "single", help="single: past texts in one prompt, as the papers; turns: each as a turn of the chat."
    ),
    seed: int = typer.Option(0, help="Of sampling, random retrieval and selection, and K-means."),
    concurrency: int = typer.Option(16, min=1, help="LLM calls under way at once, of each worker."),
    engine: str = typer.Option("local", help=HELP),
    adapter: Path | None = typer.Option(None, help="Trained adapter, for dep, pplug and prompt_tuning."),
    task: str = typer.Option("review", help="What the texts are."),
    prompts: Path | None = typer.Option(None, help="Folder whose templates replace the built-in ones."),
    journal: Path | None = typer.Option(None, help="File that keeps the calls; default OUT/journal.sqlite."),
    keep_prompts: bool = typer.Option(
        True, help="Keep each call's prompt in the journal, for unlike show and inspect."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Count calls, tokens and cost; ask no LLM."),
    price_in: float | None = typer.Option(None, help="Price of a million prompt tokens, for --dry-run."),
    price_out: float | None = typer.Option(None, help="Price of a million completion tokens, for --dry-run."),
    as_json: bool = typer.Option(False, "--json", help="Print run.json, or the forecast, and nothing else."),
) -> None:
    """Generate a text for every case of a split with one method.

    Exit status: 0 all cases done, 3 some failed (run it again to retry them), 2 nothing could be done.
    """
    from unlike.api import open_kit
    from unlike.cli.curate import warn
    from unlike.cli.run_live import forecast_live, run_live
    from unlike.data.corpus import Corpus
    from unlike.evaluate.running.run import JOURNAL
    from unlike.prompts.task import open_task
    from unlike.spread.methods import Supplies, templates_of

    settings = MethodSettings(
        n_records=records,
        n_peers=peers,
        retriever=retriever,  # type: ignore[arg-type]
        selector=selector,  # type: ignore[arg-type]
        time_rule=time_rule(time),
        dimensions=_names(dimensions),
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        seed=seed,
        layout=_layout(layout),
        adapter=str(adapter.resolve()) if adapter else "",
    )
    opened, journal = Corpus.open(corpus), journal or out / JOURNAL
    supplies = Supplies(opened, llm, embedder, concurrency, None, task, templates_of(prompts))
    spread = spread_of(engine, journal, supplies, keep_prompts)
    kit = open_kit(
        opened,
        llm,
        embedder,
        settings,
        journal=None if dry_run else journal,
        vectors=vector_file(),
        task=open_task(task, prompts),
        concurrency=concurrency,
        keep_prompts=keep_prompts,
    )
    if kit.settings.time_rule == "as_of":
        warn(opened.manifest)
    if dry_run:
        forecast_live(opened, method, kit, split, limit, (price_in, price_out), as_json)
        return
    facts = {"corpus": str(corpus.resolve()), "llm": llm, "embedder": embedder, "concurrency": concurrency}
    _refuse_other_run(out, {"method": method, "split": split, "llm": llm, **asdict(settings)})
    done = run_live(opened, method, kit, out, split, limit, facts, as_json, spread)
    if as_json:
        typer.echo(json.dumps(done, indent=2))
    if done["n_failed"]:
        raise typer.Exit(3)


def _layout(name: str) -> Layout:
    if name not in get_args(Layout):
        raise InputError(f"--layout is {name!r}; allowed are {', '.join(get_args(Layout))}")
    return name  # type: ignore[return-value]


def _names(dimensions: str) -> tuple[str, ...] | None:
    if dimensions == "all":
        return None
    return () if dimensions == "none" else tuple(name.strip() for name in dimensions.split(","))


def _refuse_other_run(out: Path, wanted: dict[str, object]) -> None:
    """A run folder holds one run; rows of another method or of other settings must not replace it unseen."""
    from unlike.evaluate.running.run import RUN

    if not (out / RUN).is_file():
        return
    found = json.loads((out / RUN).read_text(encoding="utf-8"))
    found |= found.get("settings", {})
    wanted = json.loads(json.dumps(wanted))
    # A run that was made before there was a setting had it as it is by default.
    known = wanted.keys() & found.keys()
    differing = [
        f"{key} {found[key]!r}, not {value!r}" for key, value in wanted.items() if key in known and found[key] != value
    ]
    if differing:
        raise InputError(f"run folder {out} holds another run ({'; '.join(differing)}): name another folder")
