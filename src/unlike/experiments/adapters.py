"""The adapters of an experiment: trained once per seed before the runs; one that was trained differently is refused."""

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from unlike.errors import InputError
from unlike.evaluate.running.planned import planned_runs
from unlike.experiments.watch import Watch
from unlike.llm.open import open_counter, trained_model
from unlike.llm.soft_prompt import SOFT_STEPS, takes_soft_prompts
from unlike.progress import n_of
from unlike.settings import MethodSettings

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.experiments.open import Experiment
    from unlike.latent.adapter import Adapter
    from unlike.latent.settings import Recipe


@dataclass(frozen=True)
class WantedAdapter:
    """An adapter that runs of a plan need.

    Attributes:
        name: Its name in the plan.
        seed: Seed of the training and of the runs.
        recipe: What the plan asks for.
        folder: Its folder, which may not exist yet.
    """

    name: str
    seed: int
    recipe: "Recipe"
    folder: Path

    @property
    def is_trained(self) -> bool:
        """Whether its training is finished."""
        from unlike.latent.adapter import METADATA

        return (self.folder / METADATA).is_file()


@dataclass(frozen=True)
class TrainingForecast:
    """The work of training an adapter.

    Attributes:
        adapter: The adapter, which is not trained yet.
        n_steps: Steps of its training, with those of a warm start.
        n_texts: Texts that the LLM writes to choose the checkpoint.
    """

    adapter: WantedAdapter
    n_steps: int
    n_texts: int


def forecast_training(adapter: WantedAdapter, corpora: "Sequence[Corpus]") -> TrainingForecast:
    """The steps and the validation texts of a training."""
    from unlike.latent.train import n_steps_of, n_validations_of
    from unlike.latent.training_data import training_cases, validation_cases

    settings = adapter.recipe.train
    n_examples = len(training_cases(corpora, settings))
    n_each = len(validation_cases(corpora, settings)) if settings.choose_by == "meteor" else 0
    n_steps = settings.warm_start_steps + n_steps_of(settings, n_examples)
    return TrainingForecast(adapter, n_steps, n_each * n_validations_of(settings, n_examples))


@contextmanager
def placeholder_adapters(
    opened: "Experiment", untrained: Sequence[WantedAdapter]
) -> Generator[Callable[[MethodSettings], Path]]:
    """A function from settings to an adapter folder; adapters not trained yet get a temporary one with untrained weights.

    A prompt's length does not depend on the weights, so calls and tokens can be counted with these.

    Raises:
        InputError: The LLM takes no soft prompts.
    """
    if not untrained:
        yield opened.adapter_folder
        return
    from unlike.latent.adapter import AdapterMetadata, new_module, save_adapter

    backend = open_counter(opened.plan.llm.uri)
    if not takes_soft_prompts(backend):
        raise InputError(f"{backend.model} takes no soft prompts; use transformers:MODEL or vllm:MODEL")
    dim = opened.encoder.encode(["a text"]).shape[1]
    with TemporaryDirectory() as temporary:
        folders = {adapter.folder: Path(temporary) / str(number) for number, adapter in enumerate(untrained)}
        for adapter in untrained:
            metadata = AdapterMetadata(
                adapter.recipe.adapter, backend.model, backend.llm_hash, opened.encoder.name, dim, backend.hidden
            )
            save_adapter(folders[adapter.folder], new_module(metadata), metadata)
        yield lambda settings: folders.get(own := opened.adapter_folder(settings), own)


def train_adapters(opened: "Experiment", untrained: Sequence[WantedAdapter], watch: Watch) -> None:
    """Train the adapters that ``untrained_adapters`` found.

    Raises:
        InputError: There are no training cases.
        EngineError: A training failed; the message says what to lower.
    """
    if not untrained:
        return
    from accelerate.utils.memory import clear_device_cache

    from unlike.experiments.train import train

    plan, corpora = opened.plan, opened.training_corpora
    entries = {entry.name: entry for entry in plan.adapters}
    for adapter in untrained:
        entry = entries[adapter.name]
        watch.say(f"adapter {adapter.name}, seed {adapter.seed}")
        trained = train(
            corpora,
            entry.kind,
            plan.llm.uri,
            adapter.folder,
            embedder=opened.encoder,
            preset=entry.preset,
            settings={**entry.set, "seed": adapter.seed},
            task=opened.task,
            salt=corpora[0].hash[:16],
            on_step=watch.training,
            on_example=watch.examples,
        )
        watch.say(summary_of(trained, adapter.folder))
        clear_device_cache(garbage_collection=True)  # GPU memory for the engine that is opened next


def summary_of(adapter: "Adapter", folder: Path) -> str:
    """One line: kind, steps and examples, how the checkpoint was chosen, and the files."""
    metadata, training = adapter.metadata, adapter.metadata.training or {}
    plan = training["plan"]
    n_steps, n_examples = len(training["losses"]), plan["n_examples"]
    n_learned = min(n_examples, n_steps * plan["train"]["batch"] * plan["train"]["accumulate"])
    of_all = f"{n_learned:,} of " if n_learned < n_examples else ""
    size_mb = sum(file.stat().st_size for file in folder.glob("adapter.*")) / 2**20
    return (
        f"{metadata.settings.kind}: {n_of(n_steps, 'step')} over {of_all}{n_of(n_examples, 'example')} of "
        f"{n_of(len(metadata.users), 'user')}, checkpoint "
        f"chosen by {training['chosen_by']}; adapter: {folder} ({size_mb:.1f} MB), losses: {folder / 'losses.png'}"
    )


def untrained_adapters(opened: "Experiment") -> list[WantedAdapter]:
    """The adapters that must be trained first.

    Raises:
        InputError: An existing one was trained differently, a setting is not allowed, or the LLM is not one that
            adapters can be trained on.
    """
    wanted = _wanted(opened)
    for adapter in wanted:
        if adapter.is_trained:
            _check_trained_as_planned(adapter, opened)
    untrained = [adapter for adapter in wanted if not adapter.is_trained]
    if untrained:
        trained_model(opened.plan.llm.uri)
    return untrained


def _wanted(opened: "Experiment") -> list[WantedAdapter]:
    from unlike.latent.settings import recipe

    entries = {entry.name: entry for entry in opened.plan.adapters}
    settings = [planned.settings for planned in planned_runs(opened.plan) if planned.settings.adapter in entries]
    folders = {(each.adapter, each.seed): opened.adapter_folder(each) for each in settings}
    return [
        WantedAdapter(name, seed, recipe(entry.preset, entry.kind, {**entry.set, "seed": seed}), folder)
        for (name, seed), folder in folders.items()
        for entry in [entries[name]]
    ]


def _check_trained_as_planned(adapter: WantedAdapter, opened: "Experiment") -> None:
    """Refuse an adapter that was trained with other settings, or on other texts, than the plan says now."""
    from unlike.latent.adapter import load_adapter
    from unlike.latent.settings import Recipe
    from unlike.latent.training_data import corpus_hash

    plan = (load_adapter(adapter.folder).metadata.training or {}).get("plan")
    if plan is None:
        raise InputError(
            f"the adapter in {adapter.folder} was not trained by an experiment; use another name in [[adapters]]"
        )
    asked = _compared(asdict(adapter.recipe.adapter), asdict(adapter.recipe.train))
    asked |= {"embedder": opened.encoder.name, "corpus_hash": corpus_hash(opened.training_corpora)}
    asked |= {"prompts": opened.task.digest(SOFT_STEPS[adapter.recipe.adapter.layout])}
    # A setting that did not exist at the time had its default; prompts are not known.
    seen = _compared(asdict(Recipe().adapter), asdict(Recipe().train)) | _compared(plan["adapter"], plan["train"])
    seen |= {"prompts": asked["prompts"]} | {
        name: plan[name] for name in ("embedder", "corpus_hash", "prompts") if name in plan
    }
    differing = [f"{name} {seen[name]!r}, asked {value!r}" for name, value in asked.items() if seen[name] != value]
    if differing:
        raise InputError(
            f"adapter {adapter.name!r} in {adapter.folder} was trained differently: {'; '.join(differing)}; "
            "use another name in [[adapters]], or delete the folder to train it again"
        )


def _compared(adapter: Mapping[str, Any], train: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that determine an adapter, in the types of JSON."""
    from unlike.latent.settings import NOT_COMPARED

    # The weights of the loss are compared by their own names.
    every = {**adapter, **train, **train["weights"]}
    ignored = ("weights", *NOT_COMPARED)
    return json.loads(json.dumps({name: value for name, value in every.items() if name not in ignored}))
