"""Trains an adapter into a folder: opens LLM, encoder and task by name, and chooses the validation metric."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlike.embed.open import open_encoder
from unlike.experiments.folder import refuse_input
from unlike.llm.open import trained_model
from unlike.peers.selectors import REPRESENTATIVES, open_selector
from unlike.prompts.task import Task, open_task
from unlike.settings import vector_file

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.embed.encoder import Encoder
    from unlike.latent.adapter import Adapter
    from unlike.latent.checkpoints import TextMetric
    from unlike.latent.settings import TrainSettings
    from unlike.latent.train import OnStep
    from unlike.records import Case


def train(
    corpus: "Corpus | Sequence[Corpus]",
    kind: str,
    llm: str,
    out: Path | str,
    *,
    embedder: "str | Encoder" = "minilm",
    preset: str = "small",
    settings: Mapping[str, Any] | None = None,
    task: str | Task = "review",
    salt: str = "",
    resume: bool = True,
    track: str = "",
    on_step: "OnStep | None" = None,
    on_example: Callable[[int, int], None] = lambda n_done, n_total: None,
) -> "Adapter":
    """Train an adapter for a frozen LLM into a folder, with a plot of its losses; or resume the training there.

    Args:
        corpus: Has cases in the splits train and validation; several are trained on together.
        kind: "dep", "pplug" or "prompt_tuning".
        llm: "transformers:MODEL|FOLDER|smollm2", or "vllm:" likewise, which is trained with transformers too.
        out: The adapter's folder.
        embedder: As in open_encoder, its vectors kept in this machine's cache; or an open encoder.
        preset: "small", "paper" (DEP's paper) or "released" (its authors' code).
        settings: Changes to the preset, by name of a setting of adapter, training or loss; by ``choose_by`` METEOR of
            generated texts (ROUGE-L where they are not English), or the likelihood of real ones, chooses the checkpoint.
        task: A built-in task by name, or one from open_task.
        salt: For the hashes of the training users' ids; random if empty.
        resume: Whether to continue an unfinished training in ``out``, and to keep a finished one; else start again.
        track: "tensorboard" or "wandb" to log losses there too.
        on_step: Called with a StepRow after every step.
        on_example: Called before the first step, after each example is made, with their number so far and in total.

    Returns:
        The adapter; its ``metadata.training`` has plan, losses, validations and what chose the checkpoint.

    Raises:
        InputError: A name or setting is invalid, there are no training cases, or ``out`` holds another training.
        EngineError: The loss is NaN or infinite, or memory does not suffice.
        MissingPart: A package that a name needs is not installed, or METEOR's data is missing.
    """
    from unlike.latent.checkpoints import choice_of
    from unlike.latent.settings import recipe
    from unlike.latent.train import train
    from unlike.latent.training_data import training_data, validation_cases
    from unlike.llm.local_model import open_local_model

    out, name, chosen = Path(out), trained_model(llm), recipe(preset, kind, settings)
    corpora = _claimed(out, corpus, resume)
    encoder = open_encoder(embedder, vector_file()) if isinstance(embedder, str) else embedder
    opened = open_task(task) if isinstance(task, str) else task
    metric = _text_metric(validation_cases(corpora, chosen.train), chosen.train, out)
    given = (encoder, opened, chosen, salt, open_selector(REPRESENTATIVES, encoder))
    data = training_data(corpora, open_local_model(name, chosen.train.precision), *given, on_example)
    choice = choice_of(data, chosen.train, metric)
    adapter = train(data, chosen.train, out, choice, on_step or (lambda row: None), track)
    draw_losses(adapter.metadata.training or {}, out / "losses.png")
    return adapter


def _claimed(out: Path, corpus: "Corpus | Sequence[Corpus]", resume: bool) -> "Sequence[Corpus]":
    """The corpora, of which a training's folder is none; an earlier training is removed from it unless it is resumed."""
    from unlike.data.corpus import Corpus
    from unlike.latent.train import discard

    corpora = [corpus] if isinstance(corpus, Corpus) else corpus
    for one in corpora:
        refuse_input(out, corpus=one.folder)
    if not resume:
        discard(out)
    return corpora


def _text_metric(cases: "Sequence[tuple[Corpus, Case]]", settings: "TrainSettings", out: Path) -> "TextMetric | None":
    """The metric of generated texts that chooses the checkpoint: METEOR, or ROUGE-L where they are not English.

    METEOR's data is looked for here, so that none of the training is done where the first validation would fail.
    """
    from unlike.evaluate.metrics.meteor import find_data, meteor
    from unlike.evaluate.metrics.rouge import rouge_l
    from unlike.language import language_of
    from unlike.latent.adapter import METADATA
    from unlike.latent.checkpoints import TextMetric

    if settings.choose_by != "meteor" or not cases:
        return None
    if language_of([case.reference or "" for _, case in cases]) != "english":
        return TextMetric("rougeL", rouge_l)
    if not (out / METADATA).is_file():
        find_data()
    return TextMetric("meteor", meteor)


def draw_losses(training: Mapping[str, Any], file: Path) -> None:
    """Draw the losses of an adapter's metadata as a PNG: a panel per term, since the terms differ by orders of magnitude.

    Where the NLL of validation texts chose the checkpoint, its values are dots in the first panel.
    """
    from matplotlib.figure import Figure

    titles = {"gen": "generation", "recon": "reconstruction", "sparse": "sparsity", "contrast": "contrast"}
    rows: list[dict[str, float]] = training.get("losses", [])
    terms = [term for term in titles if any(row.get(term) for row in rows)]
    if not terms:
        return
    dots = [(row["step"], row["value"]) for row in training["validations"] if training["chosen_by"] == "nll"]
    figure = Figure(figsize=(4 * len(terms), 3), layout="constrained")
    for place, term in enumerate(terms):
        axes: Any = figure.add_subplot(1, len(terms), place + 1)
        axes.plot([row["step"] for row in rows], [row[term] for row in rows], linewidth=1, color="#2a6f97")
        if term == "gen" and dots:
            axes.plot(*zip(*dots, strict=True), "o", color="#b5542b", label="validation")
            axes.legend(frameon=False)
        axes.set(title=titles[term], xlabel="step")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=120)
