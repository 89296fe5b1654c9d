"""The runs that a plan asks for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from unlike.evaluate.running.plan import Plan, Repeats, name_of, variant_name
from unlike.methods.table import ADAPTED
from unlike.settings import MethodSettings


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of one variant.

    Attributes:
        variant: Name of its row in the tables.
        method: Name of the method.
        settings: Complete settings.
        apart: Settings of the variant that differ from the experiment's.
        sample: Number of the sample of cases; None for all.
    """

    variant: str
    method: str
    settings: MethodSettings
    apart: Mapping[str, Any]
    sample: int | None = None

    @property
    def folder(self) -> str:
        """Name of the run's folder."""
        words = [self.variant, f"t{self.settings.temperature:g}", f"s{self.settings.seed}"]
        words += [] if self.sample is None else [f"sample{self.sample}"]
        return " ".join(words).replace(" ", "_").replace("/", "-")


def planned_runs(plan: Plan) -> list[PlannedRun]:
    """All runs of an experiment: methods, then sweeps, each at every temperature and seed, on every sample."""
    base = MethodSettings().but(**plan.settings)
    variants = [(name_of(entry), entry.method, entry.settings) for entry in plan.methods]
    variants += [variant for variant in _swept(plan, base) if variant[0] not in {name for name, _, _ in variants}]
    samples = range(plan.samples.times) if plan.samples else (None,)
    return [
        PlannedRun(name, method, settings, apart, sample)
        for name, method, apart in variants
        for settings in _repeated(base.but(**apart), plan.repeats)
        for sample in samples
    ]


def given_adapters(plan: Plan) -> list[Path]:
    """Folders of the adapters that runs of a plan need and that the plan does not train."""
    trained = {entry.name for entry in plan.adapters}
    named = dict.fromkeys(run.settings.adapter for run in planned_runs(plan) if run.method in ADAPTED)
    return [Path(name) for name in named if name and name not in trained]


def _swept(plan: Plan, base: MethodSettings) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Variants of a method without settings of its own where it is compared, otherwise of each of its entries."""
    for method in plan.sweeps.methods:
        own_settings = [entry.settings for entry in plan.methods if entry.method == method]
        swept = [{}] if {} in own_settings else own_settings
        for setting in ("n_peers", "n_records"):
            for own, value in product(swept, getattr(plan.sweeps, setting)):
                if value != getattr(base.but(**own), setting):
                    apart = {**own, setting: value}
                    yield variant_name(method, apart), method, apart


def _repeated(settings: MethodSettings, repeats: Repeats) -> Iterator[MethodSettings]:
    for temperature in repeats.temperatures or (settings.temperature,):
        for seed in repeats.seeds or (settings.seed,):
            yield replace(settings, temperature=temperature, seed=seed)
