"""``unlike train``: an adapter that turns a user's vectors and differences into soft prompts for a frozen LLM."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from unlike.cli.interrupt import interruptible
from unlike.cli.options import Embedder, PromptsAt, TaskName, pairs
from unlike.cli.output import say
from unlike.cli.progress import progress
from unlike.errors import InputError


def train(
    kind: Annotated[str, typer.Argument(help="Kind of adapter: dep, pplug or prompt_tuning.")],
    corpus: list[Path] = typer.Option(
        ..., help="Corpus folder, made by unlike curate; may be repeated, for one adapter on all."
    ),
    llm: str = typer.Option(..., help="The frozen LLM: transformers:MODEL|FOLDER|smollm2."),
    out: Path = typer.Option(..., help="Folder of the adapter."),
    embedder: Embedder = "minilm",
    preset: str = typer.Option(
        "small", help="Settings: small, paper (those of DEP's paper) or released (those of its authors' code)."
    ),
    settings: list[str] = typer.Option(
        [],
        "--set",
        help="NAME=VALUE, a setting that overrides the preset; may be repeated; an unknown name prints all.",
    ),
    max_steps: int | None = typer.Option(
        None, min=1, help="Stop after this number of steps. Default: as the preset says."
    ),
    seed: int | None = typer.Option(
        None, help="Seed of initial weights and of the order of examples. Default: as the preset says."
    ),
    resume: bool = typer.Option(
        True, "--resume/--anew", help="Continue an interrupted training in OUT, or start from the beginning."
    ),
    task: TaskName = "review",
    prompts: PromptsAt = None,
    track: str = typer.Option("", help="Also log the losses to tensorboard or wandb."),
) -> None:
    """Train an adapter; the LLM stays as it is.

    If it is interrupted, the same command continues, and the losses are those of an uninterrupted training.
    """
    from unlike.data.corpus import Corpus
    from unlike.embed.open import open_encoder
    from unlike.experiments.adapters import summary_of
    from unlike.experiments.train import train
    from unlike.experiments.watch import Watch
    from unlike.prompts.task import open_task
    from unlike.settings import vector_file

    changes = _changes(settings, {"max_steps": max_steps, "seed": seed})
    with progress() as on_progress, interruptible("the current step"):
        watch = Watch(on_progress, say)
        adapter = train(
            [Corpus.open(folder) for folder in corpus],
            kind,
            llm,
            out,
            embedder=open_encoder(embedder, vector_file(), watch.encoding),
            preset=preset,
            settings=changes,
            task=open_task(task, prompts),
            resume=resume,
            track=track,
            on_step=watch.training,
            on_example=watch.examples,
        )
    say(summary_of(adapter, out))


def _changes(settings: Sequence[str], options: Mapping[str, int | None]) -> dict[str, str | int]:
    """The settings given by --set and by options of their own, each at most once."""
    changes = pairs(settings, "--set", "n_records=4")
    own = {name: value for name, value in options.items() if value is not None}
    if twice := sorted(changes.keys() & own):
        option = f"--{twice[0].replace('_', '-')}"
        raise InputError(f"{option} and --set {twice[0]} give the same setting; give one of them")
    return {**changes, **own}
