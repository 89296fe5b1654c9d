"""``unlike train``: an adapter that turns a user's vectors and differences into soft prompts for a frozen LLM."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from unlike.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from unlike.latent.adapter import Adapter
    from unlike.latent.train import OnStep, StepRow

TERMS = ("gen", "recon", "sparse", "contrast")


def train(
    kind: str = typer.Argument(help="dep, pplug or prompt_tuning."),
    corpus: Path = typer.Option(..., help="Corpus folder, made by unlike curate."),
    llm: str = typer.Option(..., help="The frozen LLM: transformers:MODEL|FOLDER|smollm2."),
    out: Path = typer.Option(..., help="Folder of the adapter."),
    embedder: str = typer.Option("minilm", help="minilm, bge-m3, openai:MODEL, hashing:256, a model name or folder."),
    preset: str = typer.Option(
        "small", help="small; paper: the settings of DEP's paper; released: those of its authors' code."
    ),
    settings: list[str] = typer.Option(
        [], "--set", help="NAME=VALUE, one setting of adapter, training or loss; may be given several times."
    ),
    max_steps: int | None = typer.Option(None, min=1, help="Stop after this many steps."),
    seed: int = typer.Option(0, help="Of initial weights and of the order of examples."),
    resume: bool = typer.Option(
        True, "--resume/--anew", help="Resume a training in OUT that was killed, or start again."
    ),
    task: str = typer.Option("review", help="What the texts are."),
    prompts: Path | None = typer.Option(None, help="Folder whose templates replace the built-in ones."),
    track: str = typer.Option("", help="Also log to tensorboard or wandb."),
) -> None:
    """Train an adapter; the LLM stays as it is.

    Killed and started again it resumes, to the same losses.
    """
    from rich.console import Console

    from unlike import api
    from unlike.data.corpus import Corpus
    from unlike.prompts.task import open_task

    console = Console(stderr=True)
    given = _pairs(settings) | {"seed": seed} | ({"max_steps": max_steps} if max_steps else {})
    adapter = api.train(
        Corpus.open(corpus), kind, llm, out, embedder=embedder, preset=preset, settings=given,
        task=open_task(task, prompts), resume=resume, track=track, on_step=step_printer(console),
    )  # fmt: skip
    print_trained(adapter, out, console)


def step_printer(console: "Console") -> "OnStep":
    """Prints a line for every twentieth of the steps."""

    def on_step(row: "StepRow") -> None:
        if row.step != 1 and row.step * 20 // row.n_steps == (row.step - 1) * 20 // row.n_steps:
            return
        values = row._asdict()
        terms = ", ".join(f"{name} {values[name]:.3f}" for name in TERMS if name != "contrast" or values[name])
        speed = f", {row.tokens_s:.0f} tokens/s, {row.memory_gb:.1f} GB" if row.tokens_s else ""
        console.print(
            f"step {row.step} of {row.n_steps}: loss {row.loss:.3f} ({terms}){speed}", highlight=False, soft_wrap=True
        )

    return on_step


def print_trained(adapter: "Adapter", out: Path, console: "Console") -> None:
    """Print what was trained on what, what chose the checkpoint, and where it is."""
    metadata, training = adapter.metadata, adapter.metadata.training or {}
    size_mb = sum(file.stat().st_size for file in out.glob("adapter.*")) / 2**20
    console.print(
        f"{metadata.settings.kind}: {training['plan']['n_examples']} examples of {len(metadata.users)} users, checkpoint "
        f"chosen by {training['chosen_by']}\nadapter: {out} ({size_mb:.1f} MB), losses: {out / 'losses.png'}",
        highlight=False,
        soft_wrap=True,
    )


def _pairs(settings: Sequence[str]) -> dict[str, str]:
    wrong = [setting for setting in settings if "=" not in setting]
    if wrong:
        raise InputError(f"--set {wrong[0]!r}: give NAME=VALUE, for example --set n_records=4")
    return {name.strip(): value.strip() for name, _, value in (setting.partition("=") for setting in settings)}
