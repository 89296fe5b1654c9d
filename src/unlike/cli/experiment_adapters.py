"""The adapters of an experiment: trained before they are used, once for each seed, and never used for others than asked."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlike.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from unlike.cli.experiment_setup import Setup
    from unlike.latent.settings import Recipe

NO_MATTER = ("weights", "checkpoint_min")
"""Not compared: the weights of the loss stand under their own names, and how often checkpoints are written changes nothing."""


@dataclass(frozen=True)
class WantedAdapter:
    """An adapter that runs of a plan need, with their seed.

    Attributes:
        name: As the plan calls it.
        seed: Of the training and of the runs.
        recipe: What the plan asks for.
        folder: Where it lies, or will.
    """

    name: str
    seed: int
    recipe: "Recipe"
    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether it is trained, to the end."""
        from unlike.latent.adapter import METADATA

        return (self.folder / METADATA).is_file()


def train_adapters(console: "Console", setup: "Setup") -> None:
    """Train what the plan's methods need and what is not there yet.

    Raises:
        InputError: See ``untrained_adapters``; or there is nothing to learn.
        EngineError: A training failed; the message says what to lower.
    """
    from unlike import api
    from unlike.cli.train import print_trained, step_printer
    from unlike.prompts.task import open_task

    plan, corpus = setup.plan, setup.corpus
    entries = {entry.name: entry for entry in plan.adapters}
    for adapter in untrained_adapters(setup):
        entry = entries[adapter.name]
        console.print(f"adapter {adapter.name}, seed {adapter.seed}", highlight=False)
        trained = api.train(
            corpus, entry.kind, plan.llm.uri, adapter.folder, embedder=setup.encoder, preset=entry.preset,
            settings={**entry.set, "seed": adapter.seed}, task=open_task(plan.task, plan.prompts),
            salt=corpus.hash[:16], on_step=step_printer(console),
        )  # fmt: skip
        print_trained(trained, adapter.folder, console)


def untrained_adapters(setup: "Setup") -> list[WantedAdapter]:
    """The adapters that must be trained first.

    Raises:
        InputError: One that is there was trained otherwise than the plan asks, a setting cannot be, or the LLM is none
            that adapters can be trained on.
    """
    wanted = _wanted(setup)
    for adapter in wanted:
        if adapter.is_there:
            _check_as_asked(adapter, setup)
    untrained = [adapter for adapter in wanted if not adapter.is_there]
    uri = setup.plan.llm.uri
    if untrained and not uri.startswith("transformers:"):
        raise InputError(f"adapters are trained on the model itself: llm {uri!r} is not transformers:MODEL")
    return untrained


def _wanted(setup: "Setup") -> list[WantedAdapter]:
    from unlike.evaluate.running.plan import planned_runs
    from unlike.latent.settings import recipe

    entries = {entry.name: entry for entry in setup.plan.adapters}
    settings = [planned.settings for planned in planned_runs(setup.plan) if planned.settings.adapter in entries]
    folders = {(each.adapter, each.seed): setup.adapter_folder(each) for each in settings}
    return [
        WantedAdapter(name, seed, recipe(entry.preset, entry.kind, {**entry.set, "seed": seed}), folder)
        for (name, seed), folder in folders.items()
        for entry in [entries[name]]
    ]


def _check_as_asked(adapter: WantedAdapter, setup: "Setup") -> None:
    """Refuse an adapter that was trained with other settings, or on other words, than the plan says now."""
    from unlike.latent.adapter import load_adapter
    from unlike.latent.settings import Recipe

    plan = (load_adapter(adapter.folder).metadata.training or {}).get("plan")
    if plan is None:
        raise InputError(
            f"the adapter in {adapter.folder} was not trained by an experiment; name another in [[adapters]]"
        )
    asked = _by_name(asdict(adapter.recipe.adapter), asdict(adapter.recipe.train))
    asked |= {"embedder": setup.encoder.name, "corpus_hash": setup.corpus.hash}
    # A setting that was not there yet at the time was as it is by default.
    seen = _by_name(asdict(Recipe().adapter), asdict(Recipe().train)) | _by_name(plan["adapter"], plan["train"])
    seen |= {name: plan[name] for name in ("embedder", "corpus_hash")}
    differing = [f"{name} {seen[name]!r}, asked {value!r}" for name, value in asked.items() if seen[name] != value]
    if differing:
        raise InputError(
            f"adapter {adapter.name!r} in {adapter.folder} was trained otherwise: {'; '.join(differing)}; "
            "name another in [[adapters]], or delete the folder to train it anew"
        )


def _by_name(adapter: Mapping[str, Any], train: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that make an adapter what it is, as JSON holds them."""
    every = {**adapter, **train, **train["weights"]}
    return json.loads(json.dumps({name: value for name, value in every.items() if name not in NO_MATTER}))
