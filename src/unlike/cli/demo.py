"""``unlike demo``: the whole main job on the packaged sample corpus."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from unlike.data.corpus import Corpus

METHODS_SHOWN = ("non_perso", "rag", "dpl")


def demo(
    out: Path = typer.Option(Path("demo-out"), help="Where corpus, runs and results go."),
    llm: str = typer.Option("llama.cpp:smollm2", help="Any LLM, e.g. openai:MODEL@http://127.0.0.1:8000/v1."),
    embedder: str = typer.Option("minilm", help="Any encoder."),
    cases: int = typer.Option(3, min=1, help="Test cases."),
    records: int = typer.Option(2, min=1, help="N, key records a request."),
    peers: int = typer.Option(3, min=1, help="K, representatives a key record is compared with."),
    max_tokens: int = typer.Option(96, min=1, help="New tokens of every LLM call."),
) -> None:
    """Curate the sample corpus, run three methods on a few cases, show one case whole and a table."""
    from rich.console import Console

    from unlike.api import open_kit
    from unlike.cli.evaluate import show_scores
    from unlike.cli.run_live import run_live
    from unlike.cli.show import show_case
    from unlike.config import MethodSettings, cache_folder
    from unlike.evaluate.run import read_run
    from unlike.evaluate.score import score

    console = Console()
    corpus = _corpus(console, out / "corpus")
    settings = MethodSettings(n_records=records, n_peers=peers, max_tokens=max_tokens)
    kit = open_kit(
        corpus,
        llm,
        embedder,
        settings,
        journal=out / "journal.sqlite",
        vectors=cache_folder() / "vectors.sqlite",
        concurrency=8,
    )
    console.print(
        f"\n[bold]2. Run[/] {', '.join(METHODS_SHOWN)} on {cases} cases with {llm}, N = {records}, K = {peers}"
    )
    facts = {"corpus": str((out / "corpus").resolve()), "llm": llm, "embedder": embedder}
    for method in METHODS_SHOWN:
        run_live(corpus, method, kit, out / method, "test", cases, facts)
    console.print("\n[bold]3. One case, whole[/]")
    show_case(console, read_run(out / "dpl")[0][0], corpus)
    console.print("\n[bold]4. Scores[/] against what the users really wrote")
    show_scores(console, score([out / method for method in METHODS_SHOWN]))
    _where_to_go(console, out, llm)


def _corpus(console: "Console", folder: Path) -> "Corpus":
    from unlike.api import sample_corpus

    corpus = sample_corpus(folder)
    curated, split = corpus.manifest["curated"], corpus.manifest["split"]
    console.print(
        f"[bold]1. Curate[/] the packaged sample: {curated['records']} invented reviews by {curated['users']} people on "
        f"{curated['items']} items; {split['train']} train, {split['validation']} validation, {split['test']} test cases"
    )
    return corpus


def _where_to_go(console: "Console", out: Path, llm: str) -> None:
    if llm == "llama.cpp:smollm2":
        console.print(
            "\nThe embedded model has 135 million parameters. It shows that every step runs; it is far too small to "
            "follow these prompts well, and its scores say nothing about the methods.\n"
            "One flag uses a better one: [bold]unlike demo --llm openai:MODEL@http://HOST:PORT/v1[/]"
        )
    console.print(f"\nfiles: {out}/corpus  {out}/dpl/generations.jsonl  {out}/journal.sqlite", highlight=False)
    console.print(f"next:  unlike show {out}/dpl 2    unlike corpus {out}/corpus    unlike doctor", highlight=False)
