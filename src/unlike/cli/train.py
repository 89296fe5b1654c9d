"""``unlike train``: an adapter that turns a user's vectors and differences into soft prompts for a frozen LLM."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from unlike.config import vector_file
from unlike.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from unlike.latent.plan import Lesson
    from unlike.latent.settings import Recipe
    from unlike.latent.soft_prompts import Module
    from unlike.llm.local_model import LocalModel

KINDS = ("dep", "pplug", "prompt_tuning")


def train(
    kind: str = typer.Argument(help="dep, pplug or prompt_tuning."),
    corpus: Path = typer.Option(..., help="Corpus folder, made by unlike curate."),
    llm: str = typer.Option(..., help="The frozen LLM: transformers:MODEL|FOLDER|smollm2."),
    out: Path = typer.Option(..., help="Folder of the adapter."),
    embedder: str = typer.Option("minilm", help="minilm, bge-m3, openai:MODEL, hashing:256, a model name or folder."),
    preset: str = typer.Option("small", help="small, or paper: the settings of DEP's paper."),
    settings: list[str] = typer.Option(
        [], "--set", help="NAME=VALUE, one setting of adapter, training or loss; may be given several times."
    ),
    max_steps: int | None = typer.Option(None, min=1, help="Stop after so many steps."),
    seed: int = typer.Option(0, help="Of initial weights and of the order of examples."),
    resume: bool = typer.Option(
        True, "--resume/--anew", help="Go on where a training in OUT was killed, or begin anew."
    ),
    task: str = typer.Option("review", help="What the texts are."),
    prompts: Path | None = typer.Option(None, help="Folder whose templates replace the built-in ones."),
    track: str = typer.Option("", help="Also log to tensorboard or wandb."),
) -> None:
    """Train an adapter; the LLM stays as it is.

    Killed and started again it goes on where it was, to the same losses.
    """
    from rich.console import Console

    from unlike.data.corpus import Corpus
    from unlike.embed.open import open_encoder
    from unlike.latent.lesson import lesson_of
    from unlike.latent.settings import recipe
    from unlike.llm.local_model import open_local_model
    from unlike.prompts.task import open_task

    scheme, _, name = llm.partition(":")
    if kind not in KINDS:
        raise InputError(f"unknown adapter: {kind!r}; allowed are {', '.join(KINDS)}")
    if scheme != "transformers" or not name:
        raise InputError(f"--llm {llm!r}: training needs the model itself; give transformers:MODEL, FOLDER or smollm2")
    given = _pairs(settings) | {"seed": seed} | ({"max_steps": max_steps} if max_steps else {})
    chosen = recipe(preset, kind, given)
    if not resume:
        _begin_anew(out)
    console = Console(stderr=True)
    opened, encoder = Corpus.open(corpus), open_encoder(embedder, vector_file())
    model = open_local_model(name, chosen.train.precision)
    lesson = lesson_of(opened, model, encoder, open_task(task, prompts), chosen)
    train_live(console, lesson, model, chosen, out, track)


def _pairs(settings: Sequence[str]) -> dict[str, str]:
    wrong = [setting for setting in settings if "=" not in setting]
    if wrong:
        raise InputError(f"--set {wrong[0]!r}: give NAME=VALUE, for example --set n_records=4")
    return {name.strip(): value.strip() for name, _, value in (setting.partition("=") for setting in settings)}


def _begin_anew(out: Path) -> None:
    from unlike.latent.adapter import ABOUT, WEIGHTS
    from unlike.latent.checkpoint import FILE

    for name in (ABOUT, WEIGHTS, FILE):
        (out / name).unlink(missing_ok=True)


def train_live(
    console: "Console", lesson: "Lesson", model: "LocalModel", recipe: "Recipe", out: Path, track: str
) -> None:
    """Train with a line a tenth of the way, then say what came of it."""
    from unlike.latent.loss_curves import draw_losses
    from unlike.latent.plan import n_steps_of
    from unlike.latent.train import train

    total = n_steps_of(recipe.train, len(lesson.examples))
    console.print(
        f"{recipe.adapter.kind}: {len(lesson.examples)} examples of {len(lesson.about.users)} users, "
        f"{len(lesson.validation)} for validation, {total} steps",
        highlight=False,
    )
    adapter = train(lesson, recipe.train, out, _choose(lesson, model, recipe), _line(console, total), track)
    draw_losses(adapter.about.training or {}, out / "losses.png")
    size = sum(file.stat().st_size for file in out.glob("adapter.*")) / 2**20
    console.print(f"adapter: {out} ({size:.1f} MB), losses: {out / 'losses.png'}", highlight=False, soft_wrap=True)


def _choose(lesson: "Lesson", model: "LocalModel", recipe: "Recipe") -> "Callable[[Module], float] | None":
    """What chooses the checkpoint: nothing said is the NLL of the real texts; METEOR counts downwards, as losses do."""
    if recipe.train.choose_by == "nll":
        return None
    from unlike.evaluate.metrics.meteor import meteor
    from unlike.evaluate.metrics.rouge import rouge_l
    from unlike.language import language_of
    from unlike.latent.generate import write_texts
    from unlike.llm.backend import Sampling

    sampling = Sampling(max_tokens=recipe.train.max_target_tokens, seed=recipe.train.seed)
    real = [example.case.reference or "" for example in lesson.validation]
    measure = meteor if language_of(real) == "english" else rouge_l

    def choose(module: "Module") -> float:
        values = measure(write_texts(model, module, lesson.validation, sampling, recipe.train.batch), real)
        return -sum(values) / len(values)

    return choose


def _line(console: "Console", total: int) -> Callable[[dict[str, float]], None]:
    def on_step(row: dict[str, float]) -> None:
        step = int(row["step"])
        if step * 20 // total > (step - 1) * 20 // total or step == 1:
            terms = ", ".join(
                f"{name} {row[name]:.3f}" for name in ("gen", "recon", "sparse", "contrast") if name in row
            )
            speed = f", {row['tokens_s']:.0f} tokens/s, {row['memory_gb']:.1f} GB" if "tokens_s" in row else ""
            console.print(
                f"step {step} of {total}: loss {row['loss']:.3f} ({terms}){speed}", highlight=False, soft_wrap=True
            )

    return on_step
