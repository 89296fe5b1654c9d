"""The adapters of an experiment: trained once per seed before the runs; one that was trained differently is refused."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlike.errors import InputError
from unlike.evaluate.running.planned import planned_runs
from unlike.experiments.watch import Watch

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.experiments.experiment import Experiment
    from unlike.latent.adapter import Adapter
    from unlike.latent.settings import Recipe


@dataclass(frozen=True)
class WantedAdapter:
    """An adapter that runs of a plan need.

    Attributes:
        name: As the plan calls it.
        seed: Of the training and of the runs.
        recipe: What the plan asks for.
        folder: Its folder, which may not exist yet.
    """

    name: str
    seed: int
    recipe: "Recipe"
    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether its training is finished."""
        from unlike.latent.adapter import METADATA

        return (self.folder / METADATA).is_file()

    def n_steps(self, corpus: "Corpus") -> int:
        """Steps of its training."""
        from unlike.latent.train import n_steps_of
        from unlike.latent.training_data import training_cases

        return n_steps_of(self.recipe.train, len(training_cases(corpus, self.recipe.train)))


def train_adapters(opened: "Experiment", untrained: Sequence[WantedAdapter], watch: Watch) -> None:
    """Train the adapters that ``untrained_adapters`` found.

    Raises:
        InputError: There are no training cases.
        EngineError: A training failed; the message says what to lower.
    """
    from unlike.experiments.train import train
    from unlike.prompts.task import open_task

    plan, corpus = opened.plan, opened.corpus
    entries = {entry.name: entry for entry in plan.adapters}
    for adapter in untrained:
        entry = entries[adapter.name]
        watch.say(f"adapter {adapter.name}, seed {adapter.seed}")
        trained = train(
            corpus,
            entry.kind,
            plan.llm.uri,
            adapter.folder,
            embedder=opened.encoder,
            preset=entry.preset,
            settings={**entry.set, "seed": adapter.seed},
            task=open_task(plan.task, plan.prompts),
            salt=corpus.hash[:16],
            on_step=watch.training,
        )
        watch.say(summary_of(trained, adapter.folder))


def summary_of(adapter: "Adapter", folder: Path) -> str:
    """One line: kind, examples, how the checkpoint was chosen, and the files."""
    metadata, training = adapter.metadata, adapter.metadata.training or {}
    size_mb = sum(file.stat().st_size for file in folder.glob("adapter.*")) / 2**20
    return (
        f"{metadata.settings.kind}: {training['plan']['n_examples']} examples of {len(metadata.users)} users, checkpoint "
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
        if adapter.is_there:
            _check_trained_as_planned(adapter, opened)
    untrained = [adapter for adapter in wanted if not adapter.is_there]
    uri = opened.plan.llm.uri
    if untrained and not uri.startswith("transformers:"):
        raise InputError(f"adapters are trained on the model itself: llm {uri!r} is not transformers:MODEL")
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

    plan = (load_adapter(adapter.folder).metadata.training or {}).get("plan")
    if plan is None:
        raise InputError(
            f"the adapter in {adapter.folder} was not trained by an experiment; use another name in [[adapters]]"
        )
    asked = _by_name(asdict(adapter.recipe.adapter), asdict(adapter.recipe.train))
    asked |= {"embedder": opened.encoder.name, "corpus_hash": opened.corpus.hash}
    # A setting that did not exist at the time had its default.
    seen = _by_name(asdict(Recipe().adapter), asdict(Recipe().train)) | _by_name(plan["adapter"], plan["train"])
    seen |= {name: plan[name] for name in ("embedder", "corpus_hash")}
    differing = [f"{name} {seen[name]!r}, asked {value!r}" for name, value in asked.items() if seen[name] != value]
    if differing:
        raise InputError(
            f"adapter {adapter.name!r} in {adapter.folder} was trained differently: {'; '.join(differing)}; "
            "use another name in [[adapters]], or delete the folder to train it again"
        )


def _by_name(adapter: Mapping[str, Any], train: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that determine an adapter, in the types of JSON."""
    from unlike.latent.settings import NOT_COMPARED

    # The weights of the loss are compared by their own names.
    every = {**adapter, **train, **train["weights"]}
    ignored = ("weights", *NOT_COMPARED)
    return json.loads(json.dumps({name: value for name, value in every.items() if name not in ignored}))
