"""``unlike demo``: the whole main job on the packaged sample corpus, with one person shown from past texts to new text."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from unlike.cli.interrupt import interruptible
from unlike.cli.output import heading, new_console
from unlike.cli.progress import progress
from unlike.cli.report import show_comparison
from unlike.settings import vector_file

if TYPE_CHECKING:
    from rich.console import Console

    from unlike.data.corpus import Corpus
    from unlike.experiments.open import Experiment
    from unlike.records import Generation

METHODS_SHOWN = ("non_perso", "rag", "dpl", "dpl_verified")
PERSON = "esme"
"""The user whose case is shown; fixed beforehand, not chosen by the result."""
MODEL = "qwen2.5-coder-1.5b"
REWRITES = 2
"""Without rewrites one text in seven by this model has a fault on the sample, with three none (docs/your-model.md)."""


def demo(
    out: Path = typer.Option(Path("demo-out"), help="Folder for corpus, runs and results."),
    llm: str = typer.Option(
        f"llama.cpp:{MODEL}",
        help="Any LLM: llama.cpp:smollm2 is small and fast, openai:MODEL@http://127.0.0.1:8000/v1 is an endpoint.",
    ),
    embedder: str = typer.Option("minilm", help="Any encoder, as in unlike run."),
    cases: int = typer.Option(1, min=1, help="Number of people to write for."),
    records: int = typer.Option(2, min=1, help="N, number of key records per request."),
    peers: int = typer.Option(3, min=1, help="K, number of representatives that a key record is compared with."),
    max_tokens: int = typer.Option(256, min=1, help="Maximum number of new tokens per LLM call."),
) -> None:
    """Curate the sample corpus, write for one person by four methods, show how each text came about, and report.

    The default LLM is downloaded first if it is not here (1.1 GB).
    """
    from unlike.evaluate.running.run_method import read_run
    from unlike.evaluate.running.run_plan import run_folders
    from unlike.experiments.experiment import run_experiment
    from unlike.experiments.watch import Watch

    console = new_console()
    corpus = _corpus(console, out / "corpus")
    _fetch(console, llm)
    opened = _experiment(corpus, llm, embedder, cases, out, (records, peers, max_tokens))
    console.print(heading("\n2. Write", f" with {llm}, N = {records}, K = {peers}: {', '.join(METHODS_SHOWN)}"))
    with progress() as on_progress, interruptible():
        found = run_experiment(opened, watch=Watch(on_progress, typer.echo))
    runs = run_folders(opened.plan, out)
    _show_person(console, corpus, {run: read_run(run)[0][0] for run in runs})
    console.print(heading("\n5. Scores", " against what was really written"))
    show_comparison(found)
    console.print("One person proves nothing; this shows what the methods do.", style="yellow")
    _where_to_go(console, out, runs[-1], llm)


def _corpus(console: "Console", folder: Path) -> "Corpus":
    from unlike.api import sample_corpus

    corpus = sample_corpus(folder)
    curated, split = corpus.manifest["curated"], corpus.manifest["split"]
    sizes = (
        f" the packaged sample: {curated['records']} invented reviews by {curated['users']} people on "
        f"{curated['items']} items; {split['train']} train, {split['validation']} validation, {split['test']} test cases"
    )
    console.print(heading("1. Curate", sizes))
    return corpus


def _fetch(console: "Console", llm: str) -> None:
    """Download the default model if it is not here."""
    from unlike.cli.models import fetch
    from unlike.llm.model_catalogue import is_here

    if llm == f"llama.cpp:{MODEL}" and not is_here(MODEL):
        console.print(f"downloading {MODEL} (1.1 GB, once); --llm llama.cpp:smollm2 needs no download")
        fetch(MODEL)


def _experiment(
    corpus: "Corpus", llm: str, embedder: str, n_people: int, out: Path, sizes: tuple[int, int, int]
) -> "Experiment":
    from unlike.embed.open import open_encoder
    from unlike.evaluate.running.read_plan import plan_of
    from unlike.experiments.open import Experiment

    people = sorted(corpus.cases("test"), key=lambda case: case.user_id != PERSON)[:n_people]
    settings = dict(zip(("n_records", "n_peers", "max_tokens"), sizes, strict=True)) | {"rewrites": REWRITES}
    plan = plan_of(
        {
            "title": "unlike on its sample corpus",
            "corpus": out / "corpus",
            "cases": [case.id for case in people],
            "embedder": embedder,
            "llm": {"uri": llm, "concurrency": 8},
            "settings": settings,
            "methods": [{"method": method} for method in METHODS_SHOWN],
        },
        "demo",
    )
    return Experiment(plan, corpus, open_encoder(embedder, vector_file()), out)


def _show_person(console: "Console", corpus: "Corpus", rows: "Mapping[Path, Generation]") -> None:
    """Show what DPL read and found, then what every method wrote; words that the real text also has are green."""
    from unlike.cli.show import show_case

    dpl = next(row for row in rows.values() if row.method == "dpl")
    console.print(heading("\n3. What sets this person apart", ", found by dpl"))
    show_case(console, dpl, corpus)
    console.print(heading("\n4. The same request, by every method", "; words that the real text also has are green"))
    for row in rows.values():
        console.print(heading(f"\n{row.method}"))
        _print_text(console, row)
    console.print(heading("\nreally written"))
    console.print(dpl.reference or "")


def _print_text(console: "Console", row: "Generation") -> None:
    from rich.text import Text

    from unlike.evaluate.report.shown_text import shared_words

    if row.text is None:
        console.print(f"failed: {row.error}", style="red")
        return
    pieces = shared_words(row.text, row.reference or "")
    console.print(Text.assemble(*((piece, "green" if shared else "") for piece, shared in pieces)))


def _where_to_go(console: "Console", out: Path, run: Path, llm: str) -> None:
    # make demo installs it into .venv, which is not on PATH
    command = "unlike" if shutil.which("unlike") else sys.argv[0]
    if llm.startswith("llama.cpp:"):
        better = f"A better LLM: {command} demo --llm openai:MODEL@http://127.0.0.1:8000/v1 --out OTHER"
        console.print(better, soft_wrap=True)  # a command that is broken cannot be copied
    for name, what in (
        (out / "report.html", "open it in a browser"),
        (out / "corpus", f"{command} corpus {out / 'corpus'}"),
        (run, f"{command} show {run} 1"),
        (out / "journal.sqlite", "every LLM call; running again pays for none of them"),
    ):
        console.print(f"{name!s:<42} {what}", soft_wrap=True)
