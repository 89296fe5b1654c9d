"""``unlike demo``: the whole main job on the packaged sample corpus."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from unlike.config import vector_file

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
    """Curate the sample corpus, run three methods on a few cases, show one case whole, a table and a report."""
    from rich.console import Console

    from unlike.cli.experiment import open_kits, run_live_plan
    from unlike.cli.experiment_setup import Setup
    from unlike.cli.report import write_findings
    from unlike.cli.show import show_case
    from unlike.embed.open import open_encoder
    from unlike.evaluate.experiment import measure_all
    from unlike.evaluate.plan import Plan
    from unlike.evaluate.run import read_run

    console = Console()
    corpus = _corpus(console, out / "corpus")
    plan = Plan.model_validate(
        {
            "title": "unlike on its sample corpus",
            "corpus": out / "corpus",
            "limit": cases,
            "embedder": embedder,
            "llm": {"uri": llm, "concurrency": 8},
            "settings": {"n_records": records, "n_peers": peers, "max_tokens": max_tokens},
            "methods": [{"method": method} for method in METHODS_SHOWN],
        }
    )
    console.print(
        f"\n[bold]2. Run[/] {', '.join(METHODS_SHOWN)} on {cases} cases with {llm}, N = {records}, K = {peers}"
    )
    encoder = open_encoder(embedder, vector_file())
    setup = Setup(plan, corpus, encoder, out)
    folders = run_live_plan(console, setup, open_kits(setup))
    console.print("\n[bold]3. One case, whole[/]")
    show_case(console, read_run(folders[-1])[0][0], corpus)
    console.print("\n[bold]4. Scores[/] against what the users really wrote")
    write_findings(console, plan, corpus, encoder, measure_all(folders, plan, corpus), out / "report.html")
    _where_to_go(console, out, folders[-1], llm)


def _corpus(console: "Console", folder: Path) -> "Corpus":
    from unlike.api import sample_corpus

    corpus = sample_corpus(folder)
    curated, split = corpus.manifest["curated"], corpus.manifest["split"]
    console.print(
        f"[bold]1. Curate[/] the packaged sample: {curated['records']} invented reviews by {curated['users']} people on "
        f"{curated['items']} items; {split['train']} train, {split['validation']} validation, {split['test']} test cases"
    )
    return corpus


def _where_to_go(console: "Console", out: Path, run: Path, llm: str) -> None:
    if llm == "llama.cpp:smollm2":
        console.print("One flag uses a better LLM: [bold]unlike demo --llm openai:MODEL@http://HOST:PORT/v1[/]")
    for name, what in (
        (out / "report.html", "open it in a browser"),
        (out / "corpus", "unlike corpus " + str(out / "corpus")),
        (run, f"unlike show {run} 2"),
        (out / "journal.sqlite", "every LLM call; running again pays for none of them"),
    ):
        console.print(f"{name!s:<42} {what}", highlight=False, soft_wrap=True)
