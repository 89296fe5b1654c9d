"""``unlike demo``: the whole main job on the packaged sample corpus, with one person shown from texts to text."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from unlike.config import vector_file

if TYPE_CHECKING:
    from rich.console import Console

    from unlike.cli.experiment_setup import Setup
    from unlike.data.corpus import Corpus
    from unlike.evaluate.running.plan import Plan
    from unlike.records import Case, Generation

METHODS_SHOWN = ("non_perso", "rag", "dpl", "dpl_verified")
PERSON = "esme"
"""Whose case is shown; fixed before anything was written, not chosen by how the texts turned out."""
MODEL = "qwen2.5-coder-1.5b"


def demo(
    out: Path = typer.Option(Path("demo-out"), help="Where corpus, runs and results go."),
    llm: str = typer.Option(
        f"llama.cpp:{MODEL}",
        help="Any LLM: llama.cpp:smollm2 is small and fast, openai:MODEL@http://127.0.0.1:8000/v1 an endpoint.",
    ),
    embedder: str = typer.Option("minilm", help="Any encoder."),
    cases: int = typer.Option(1, min=1, help="People to write for."),
    records: int = typer.Option(2, min=1, help="N, key records per request."),
    peers: int = typer.Option(3, min=1, help="K, representatives that a key record is compared with."),
    max_tokens: int = typer.Option(256, min=1, help="New tokens of every LLM call."),
) -> None:
    """Curate the sample corpus, write for one person by four methods, show how each text came about, and report.

    The default LLM is fetched first where it is not here (1.1 GB).
    """
    from rich.console import Console

    from unlike.cli.experiment import open_kits, run_live_plan
    from unlike.cli.experiment_setup import Setup
    from unlike.cli.report import write_findings
    from unlike.embed.open import open_encoder
    from unlike.evaluate.running.experiment import measure_all
    from unlike.evaluate.running.plan import Plan
    from unlike.evaluate.running.run import read_run

    console = Console()
    corpus = _corpus(console, out / "corpus")
    _fetch(console, llm)
    chosen = _people(corpus, cases)
    plan = Plan.model_validate(
        {
            "title": "unlike on its sample corpus",
            "corpus": out / "corpus",
            "cases": [case.id for case in chosen],
            "embedder": embedder,
            "llm": {"uri": llm, "concurrency": 8},
            "settings": {"n_records": records, "n_peers": peers, "max_tokens": max_tokens, "layout": "turns"},
            "methods": [{"method": method} for method in METHODS_SHOWN],
        }
    )
    console.print(f"\n[bold]2. Write[/] for {_named(chosen)} with {llm}, N = {records}, K = {peers}")
    setup = Setup(plan, corpus, open_encoder(embedder, vector_file()), out)
    folders = run_live_plan(console, setup, open_kits(setup))
    rows = {folder: read_run(folder)[0][0] for folder in folders}
    _show_person(console, corpus, dict(zip(METHODS_SHOWN, rows.values(), strict=True)))
    console.print("\n[bold]5. Scores[/] against what was really written")
    write_findings(console, plan, corpus, setup.encoder, measure_all(folders, plan, corpus), out / "report.html")
    console.print("One person proves nothing; it shows what the methods do.", style="yellow")
    _where_to_go(console, setup, folders[-1], plan)


def _corpus(console: "Console", folder: Path) -> "Corpus":
    from unlike.api import sample_corpus

    corpus = sample_corpus(folder)
    curated, split = corpus.manifest["curated"], corpus.manifest["split"]
    console.print(
        f"[bold]1. Curate[/] the packaged sample: {curated['records']} invented reviews by {curated['users']} people on "
        f"{curated['items']} items; {split['train']} train, {split['validation']} validation, {split['test']} test cases"
    )
    return corpus


def _fetch(console: "Console", llm: str) -> None:
    """Fetch the default model where it is not here."""
    from unlike.cli.models import fetch
    from unlike.llm.shelf import is_here

    if llm == f"llama.cpp:{MODEL}" and not is_here(MODEL):
        console.print(f"fetching {MODEL} (1.1 GB, once); --llm llama.cpp:smollm2 needs no download")
        fetch(MODEL)


def _people(corpus: "Corpus", n: int) -> "list[Case]":
    """The test cases of so many people: PERSON first, then the others as they come."""
    return sorted(corpus.cases("test"), key=lambda case: case.user_id != PERSON)[:n]


def _named(cases: "list[Case]") -> str:
    more = f" and {len(cases) - 1} more" if len(cases) > 1 else ""
    return f"{cases[0].user_id}{more}: {', '.join(METHODS_SHOWN)},"


def _show_person(console: "Console", corpus: "Corpus", rows: "Mapping[str, Generation]") -> None:
    """What DPL read and found, then what every method wrote, with the words that the real text has too."""
    from unlike.cli.show import show_case

    console.print("\n[bold]3. What sets this person apart[/], found by dpl")
    show_case(console, rows["dpl"], corpus)
    console.print("\n[bold]4. The same request, by every method[/]; words that the real text has too are green")
    for method, row in rows.items():
        console.print(f"\n[bold]{method}[/]")
        _print_text(console, row)
    console.print("\n[bold]really written[/]")
    console.print(rows["dpl"].reference or "", markup=False, highlight=False)


def _print_text(console: "Console", row: "Generation") -> None:
    from rich.text import Text

    from unlike.evaluate.report.wording import shared_words

    if row.text is None:
        console.print(f"failed: {row.error}", style="red", markup=False)
        return
    pieces = shared_words(row.text, row.reference or "")
    console.print(Text.assemble(*((piece, "green" if shared else "") for piece, shared in pieces)))


def _where_to_go(console: "Console", setup: "Setup", run: Path, plan: "Plan") -> None:
    if plan.llm.uri.startswith("llama.cpp:"):
        console.print("One flag uses a better LLM: [bold]unlike demo --llm openai:MODEL@http://HOST:PORT/v1[/]")
    out = setup.folder
    for name, what in (
        (out / "report.html", "open it in a browser"),
        (out / "corpus", "unlike corpus " + str(out / "corpus")),
        (run, f"unlike show {run} 1"),
        (out / "journal.sqlite", "every LLM call; running again pays for none of them"),
    ):
        console.print(f"{name!s:<42} {what}", highlight=False, soft_wrap=True)
