"""An experiment as a file: one TOML says what is compared, on what, with which LLMs, and how it is measured.

    title = "All methods on Digital Music"
    corpus = "corpus"                       # relative to the file
    split = "test"
    limit = 12
    embedder = "minilm"
    metrics = ["rouge1", "meteor", "bleu"]
    users = "users.csv"                     # user_id and what is known of users: whom does it serve worse?

    [llm]
    uri = "openai:Qwen/Qwen2.5-14B-Instruct@http://127.0.0.1:8000/v1"

    [settings]                              # of every method; see MethodSettings
    n_records = 8

    [[methods]]
    method = "dpl"
    settings = { selector = "random" }      # what sets this one apart

    [[adapters]]                            # trained before they are used: settings = { adapter = "dep" }
    name = "dep"
    kind = "dep"
    preset = "small"
    set = { n_records = 4 }

    [repeats]                               # every method runs once for each pair
    temperatures = [0.2, 0.4, 0.6, 0.8, 1.0]
    seeds = [0]

    [sweeps]                                # every method named here runs once more for each value
    methods = ["dpl"]
    n_peers = [1, 2, 3, 4, 5]

Unknown keys and impossible combinations are all reported at once, before the first call.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from unlike.config import MethodSettings
from unlike.errors import InputError
from unlike.evaluate.metrics import open_metric
from unlike.evaluate.running.plan_sections import (
    AdapterEntry,
    Engine,
    Judge,
    MethodEntry,
    Repeats,
    Samples,
    Section,
    Settings,
    Sweeps,
)
from unlike.methods.table import ADAPTED, METHODS

PRESETS = Path(__file__).parent / "presets"


class Plan(Section):
    """A whole experiment file."""

    title: str
    corpus: Path | None = None
    split: str = "test"
    limit: int | None = Field(default=None, ge=1)
    samples: Samples | None = None
    cases: tuple[str, ...] = ()
    """Ids of the cases, where neither all nor the first ones are wanted."""
    task: str = "review"
    prompts: Path | None = None
    users: Path | None = None
    """Table of what is known of the users, by whose columns gains are compared; see ``read_attributes``."""
    embedder: str = "minilm"
    llm: Engine = Engine()
    settings: Settings = Settings()
    methods: tuple[MethodEntry, ...] = Field(min_length=1)
    repeats: Repeats = Repeats()
    sweeps: Sweeps = Sweeps()
    metrics: tuple[str, ...] = ("rouge1", "rougeL", "meteor", "bleu")
    sanity: tuple[str, ...] = ("rouge1_cut", "meteor_cut", "distinct2", "length_ratio", "leakage")
    judge: Judge | None = None
    likelihood: int = Field(default=0, ge=0)
    """Tokens of the real text whose likelihood is measured behind each method's last prompt; 0 for none.

    Where ``metrics`` is empty no texts are written at all.
    """
    keep_prompts: bool = True
    """Whether the journal keeps prompts beside their answers, so that they can be shown."""
    adapters: tuple[AdapterEntry, ...] = ()
    paper: Literal["", "Movies & TV", "CDs & Vinyl", "Books"] = ""
    """Data set of DPL's table 8 whose figures stand beside ours."""

    @property
    def likelihood_alone(self) -> bool:
        """Whether no texts are written, because nothing is asked of them."""
        return bool(self.likelihood) and not (self.metrics or self.judge)

    @model_validator(mode="after")
    def _possible(self) -> "Plan":
        problems = [*self._unknown_names(), *self._repeated_names(), *self._unreadable_users()]
        problems += _called_alike("adapters", [entry.name for entry in self.adapters])
        if not (self.metrics or self.judge or self.likelihood):
            problems.append("nothing is measured; give metrics, a judge or likelihood")
        if sum(map(bool, (self.limit, self.samples, self.cases))) > 1:
            problems.append("limit, samples and cases exclude each other; give one")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _unknown_names(self) -> Iterator[str]:
        for entry in self.methods:
            if entry.method not in METHODS:
                yield f"unknown method {entry.method!r}; allowed are {', '.join(METHODS)}"
            if entry.method in ADAPTED and not (entry.settings.adapter or self.settings.adapter):
                yield f"method {entry.method!r} needs settings.adapter: one of [[adapters]], or an adapter's folder"
        for name in self.sweeps.methods:
            if name not in {entry.method for entry in self.methods}:
                yield f"sweeps name method {name!r}, which is not among the methods"
        if (self.sweeps.n_peers or self.sweeps.n_records) and not self.sweeps.methods:
            yield "sweeps have values but name no methods"
        for metric in (*self.metrics, *self.sanity):
            try:
                open_metric(metric)
            except InputError as error:
                yield str(error)

    def _unreadable_users(self) -> Iterator[str]:
        """Read once before the first call, so that a wrong table does not wait for the last one to be found."""
        if self.users:
            from unlike.evaluate.statistics.attributes import read_attributes

            try:
                read_attributes(self.users)
            except InputError as error:
                yield f"users: {error}"

    def _repeated_names(self) -> Iterator[str]:
        yield from _called_alike("methods", [named(entry) for entry in self.methods])


def _called_alike(what: str, names: Sequence[str]) -> Iterator[str]:
    for name in {name for name in names if names.count(name) > 1}:
        yield f"two {what} are called {name!r}; give one a name of its own"


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of one variant.

    Attributes:
        variant: Row of the table.
        method: Name of the method.
        settings: Complete settings.
        apart: What sets the variant apart from the experiment's settings.
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


def read_plan(path: Path, overrides: Mapping[str, Any] | None = None) -> Plan:
    """Read an experiment file.

    Args:
        path: The TOML file, or the name of a preset.
        overrides: Top-level keys that replace the file's.

    Raises:
        InputError: It is missing, or holds what cannot be; all that is wrong in one message.
    """
    file = path if path.exists() else PRESETS / f"{path}.toml"
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        presets = ", ".join(sorted(preset.stem for preset in PRESETS.glob("*.toml")))
        raise InputError(f"no experiment file {path}; give a TOML file or a preset: {presets}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"experiment file {file} cannot be read: {error}") from error
    raw |= {key: file.parent / raw[key] for key in ("corpus", "prompts", "users") if isinstance(raw.get(key), str)}
    raw |= {key: value for key, value in (overrides or {}).items() if value is not None}
    return plan_of(raw, f"experiment file {file}")


def plan_of(raw: Mapping[str, Any], source: str) -> Plan:
    """A plan from its values.

    Args:
        raw: By key, as in a file.
        source: Where they come from, for the error.

    Raises:
        InputError: They hold what cannot be; all that is wrong in one message.
    """
    try:
        return Plan.model_validate(raw)
    except ValidationError as error:
        wrong = "; ".join(_problem(detail["loc"], detail["msg"]) for detail in error.errors())
        raise InputError(f"{source}: {wrong}") from error


def planned_runs(plan: Plan) -> list[PlannedRun]:
    """All runs of an experiment: methods, then sweeps, each at every temperature and seed, on every sample."""
    base = MethodSettings().but(**plan.settings.given())
    variants = [(named(entry), entry.method, entry.settings.given()) for entry in plan.methods]
    variants += [variant for variant in _swept(plan, base) if variant[0] not in {name for name, _, _ in variants}]
    samples = range(plan.samples.times) if plan.samples else (None,)
    return [
        PlannedRun(name, method, settings, apart, sample)
        for name, method, apart in variants
        for settings in _repeated(base.but(**apart), plan.repeats)
        for sample in samples
    ]


def named(entry: MethodEntry) -> str:
    """The row's name: the one given, or the method with what sets it apart."""
    return entry.name or variant_name(entry.method, entry.settings.given())


def variant_name(method: str, apart: Mapping[str, Any]) -> str:
    """The method with what sets it apart, as in: dpl K=2 selector=random."""
    short = {"n_peers": "K", "n_records": "N"}
    return " ".join([method, *(f"{short.get(key, key)}={_shown(value)}" for key, value in apart.items())])


def _swept(plan: Plan, base: MethodSettings) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for method in plan.sweeps.methods:
        for setting in ("n_peers", "n_records"):
            for value in getattr(plan.sweeps, setting):
                if value != getattr(base, setting):
                    yield variant_name(method, {setting: value}), method, {setting: value}


def _repeated(settings: MethodSettings, repeats: Repeats) -> Iterator[MethodSettings]:
    for temperature in repeats.temperatures or (settings.temperature,):
        for seed in repeats.seeds or (settings.seed,):
            yield replace(settings, temperature=temperature, seed=seed)


def _shown(value: object) -> str:
    return "+".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)  # pyright: ignore


def _problem(place: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, place))}: {message}" if place else message.removeprefix("Value error, ")
