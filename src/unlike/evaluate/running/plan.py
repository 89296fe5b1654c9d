"""An experiment as a TOML file: what is compared, on what data, with which LLMs, and how it is measured.

    title = "All methods on Digital Music"
    corpus = "corpus"                       # relative to the file
    split = "test"
    limit = 12
    embedder = "minilm"
    metrics = ["rouge1", "meteor", "bleu"]
    users = "users.csv"                     # user_id and attributes of users, by which gains are compared
    judges = ["s-72b@http://127.0.0.1:8001/v1", "openai:gpt-4o-mini"]

    [llm]
    uri = "openai:Qwen/Qwen2.5-14B-Instruct@http://127.0.0.1:8000/v1"

    [settings]                              # of every method; see MethodSettings
    n_records = 8

    [[methods]]
    method = "dpl"
    settings = { selector = "random" }      # its own settings

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

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from unlike.config import MethodSettings, changes_of, problems_of, read_toml
from unlike.data.folder import read_manifest
from unlike.errors import InputError
from unlike.evaluate.metrics import open_metric
from unlike.evaluate.running.judge import JUDGE, with_preset
from unlike.llm.open import check_llm
from unlike.methods.table import ADAPTED, METHODS
from unlike.prompts.task import open_task
from unlike.records import TimeRule

PRESETS = Path(__file__).parent / "presets"

if TYPE_CHECKING:
    MethodTable = dict[str, Any]
else:
    MethodTable = changes_of(MethodSettings)


class Section(BaseModel):
    """A table of the file; unknown keys fail."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MethodEntry(Section):
    """A method in the comparison."""

    method: str
    name: str = ""
    """Its name in the tables; made of method and settings where it is empty."""
    settings: MethodTable = Field(default_factory=dict)


class Engine(Section):
    """An LLM and what it costs."""

    uri: str = ""
    concurrency: int = Field(default=16, ge=1)
    context_tokens: int | None = Field(default=None, ge=256)
    """Tokens of a prompt and its answer together; longer prompts lose their oldest records. None for the model's own limit."""
    price_in: float | None = Field(default=None, ge=0)
    """Price of a million prompt tokens."""
    price_out: float | None = Field(default=None, ge=0)
    """Price of a million completion tokens."""


class Judge(Engine):
    """An LLM that grades, at an endpoint of its own; a file may also give its name or URI alone, as ``--judge`` does."""

    name: str = Field(default="", pattern=r"^[\w.-]*$")
    """In the tables; a key of ``JUDGES`` gives LLM and repeats of a judge of the papers. The model's where it is empty."""
    uri: str  # pyright: ignore[reportGeneralTypeIssues] - without a default, unlike the engine's
    repeats: int = Field(default=2, ge=1)
    """Grades per text, averaged."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:  # noqa: ANN401 - before validation
        return with_preset(given)

    @property
    def metric(self) -> str:
        """Name of the metric of its grades."""
        model = self.uri.partition("@http")[0].partition(":")[2].rpartition("/")[2]
        return f"{JUDGE}{self.name or model}"


class Repeats(Section):
    """Every method runs once for each pair of temperature and seed."""

    temperatures: tuple[float, ...] = ()
    seeds: tuple[int, ...] = ()


class Samples(Section):
    """Instead of all cases: several seeded random samples of them (Yelp in DPL: 5 times 100)."""

    size: int = Field(ge=1)
    times: int = Field(default=1, ge=1)


class Sweeps(Section):
    """Values of one setting at a time."""

    methods: tuple[str, ...] = ()
    n_peers: tuple[int, ...] = ()
    n_records: tuple[int, ...] = ()


class AdapterEntry(Section):
    """An adapter that the experiment trains before it is used; methods name it in ``settings.adapter``.

    It is trained once for each seed of the experiment's repeats, because training is random too.
    """

    name: str = Field(pattern=r"^[\w.-]+$")
    kind: Literal["dep", "pplug", "prompt_tuning"]
    preset: str = "paper"
    set: dict[str, bool | int | float | str | list[str]] = {}
    """Settings of adapter, training and loss, as ``unlike train --set`` takes them; ``time_rule`` is the methods' own
    where ``settings`` of the plan has one."""


class Plan(Section):
    """A whole experiment file."""

    title: str
    corpus: Path | None = None
    split: str = "test"
    limit: int | None = Field(default=None, ge=1)
    samples: Samples | None = None
    cases: tuple[str, ...] = ()
    """Ids of the cases; empty for all, or the first ``limit``."""
    task: str = "review"
    prompts: Path | None = None
    users: Path | None = None
    """Table with attributes of the users, by which gains are compared; see ``read_attributes``."""
    embedder: str = "minilm"
    llm: Engine = Engine()
    settings: MethodTable = Field(default_factory=dict)
    methods: tuple[MethodEntry, ...] = Field(min_length=1)
    repeats: Repeats = Repeats()
    sweeps: Sweeps = Sweeps()
    metrics: tuple[str, ...] = ("rouge1", "rougeL", "meteor", "bleu")
    sanity: tuple[str, ...] = ("rouge1_cut", "meteor_cut", "distinct2", "length_ratio", "leakage")
    judges: tuple[Judge, ...] = ()
    likelihood: int = Field(default=0, ge=0)
    """Tokens of the real text whose likelihood is measured behind each method's last prompt; 0 for none.

    Where ``metrics`` is empty no texts are written.
    """
    keep_prompts: bool = True
    """Whether the journal keeps prompts beside their answers, so that they can be shown."""
    adapters: tuple[AdapterEntry, ...] = ()
    train_on: tuple[Path, ...] = ()
    """Corpora that the adapters are trained on together; empty for ``corpus``."""
    adapters_at: Path | None = None
    """Folder of the adapters, where several experiments share them; None for one in the experiment's folder."""

    @property
    def likelihood_alone(self) -> bool:
        """Whether no texts are written, because only likelihoods are measured."""
        return bool(self.likelihood) and not (self.metrics or self.judges)


def _contradictions(plan: Plan, made: Collection[str]) -> Iterator[str]:
    """Problems of a plan whose values are allowed one by one."""
    for entry in plan.methods:
        if entry.method not in METHODS and entry.method not in made:
            yield f"unknown method {entry.method!r}; allowed are {', '.join(METHODS)}"
        if entry.method in ADAPTED and not (entry.settings.get("adapter") or plan.settings.get("adapter")):
            yield f"method {entry.method!r} needs settings.adapter: one of [[adapters]], or an adapter's folder"
    yield from _duplicates("methods", [name_of(entry) for entry in plan.methods])
    yield from _duplicates("adapters", [entry.name for entry in plan.adapters])
    for name in plan.sweeps.methods:
        if name not in {entry.method for entry in plan.methods}:
            yield f"sweeps name method {name!r}, which is not among the methods"
    if (plan.sweeps.n_peers or plan.sweeps.n_records) and not plan.sweeps.methods:
        yield "sweeps have values but name no methods"
    yield from _duplicates("judges", [judge.metric.removeprefix(JUDGE) for judge in plan.judges])
    if not (plan.metrics or plan.judges or plan.likelihood):
        yield "nothing is measured; give metrics, a judge or likelihood"
    if sum(map(bool, (plan.limit, plan.samples, plan.cases))) > 1:
        yield "limit, samples and cases exclude each other; give one"
    yield from _unusable_files(plan)


def _unusable_files(plan: Plan) -> Iterator[str]:
    """Problems of metrics and the table of users, found before the first call."""
    for metric in (*plan.metrics, *plan.sanity):
        try:
            open_metric(metric)
        except InputError as error:
            yield str(error)
    if plan.users:
        from unlike.evaluate.statistics.attributes import read_attributes

        try:
            read_attributes(plan.users)
        except InputError as error:
            yield f"users: {error}"


def _not_ready(plan: Plan) -> Iterator[str]:
    """What a plan lacks before it can run, or names and is not there."""
    if plan.corpus is None:
        yield "it names no corpus: give --corpus"
    if not plan.llm.uri:
        yield "it names no LLM: give --llm"
    uris = [uri for uri in (plan.llm.uri, *(judge.uri for judge in plan.judges)) if uri]
    checks = [partial(check_llm, uri) for uri in uris]
    checks += [partial(read_manifest, folder) for folder in (plan.corpus, *plan.train_on) if folder]
    for check in (*checks, partial(open_task, plan.task, plan.prompts)):
        try:
            check()
        except InputError as error:
            yield str(error)


def _duplicates(what: str, names: Sequence[str]) -> Iterator[str]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two {what} are called {name!r}; give one another name"


def read_plan(
    path: Path, overrides: Mapping[str, Any] | None = None, llm: str | None = None, *, runs: bool = False
) -> Plan:
    """Read an experiment file.

    Args:
        path: The TOML file, or the name of a preset.
        overrides: Top-level keys that replace the file's.
        llm: URI of an LLM that replaces the file's.
        runs: Check also that corpus and LLM are named and can be found.

    Raises:
        InputError: It is missing or has values that are not allowed; the message lists all of them.
    """
    file = path if path.exists() else PRESETS / f"{path}.toml"
    if not file.exists():
        presets = ", ".join(sorted(preset.stem for preset in PRESETS.glob("*.toml")))
        raise InputError(f"no experiment file {path}; give a TOML file or a preset: {presets}")
    raw = read_toml(file, "experiment file")
    paths = ("corpus", "prompts", "users", "adapters_at")
    raw |= {key: file.parent / raw[key] for key in paths if isinstance(raw.get(key), str)}
    if isinstance(listed := raw.get("train_on"), list):
        raw["train_on"] = [file.parent / name if isinstance(name, str) else name for name in listed]
    raw |= {key: value for key, value in (overrides or {}).items() if value is not None}
    if llm:
        given = raw.get("llm")
        raw["llm"] = {**(given if isinstance(given, dict) else {}), "uri": llm}
    return plan_of(raw, f"experiment file {file}", runs=runs)


def plan_of(raw: Mapping[str, Any], source: str, *, made: Collection[str] = (), runs: bool = False) -> Plan:
    """A plan from its values.

    Args:
        raw: By key, as in a file.
        source: Where they come from, for the message.
        made: Methods that have run already, so they need not be known here.
        runs: As in ``read_plan``.

    Raises:
        InputError: Some values are not allowed or contradict each other; the message lists all of them.
    """
    problems: list[str] = []
    try:
        plan = Plan.model_validate(raw)
    except ValidationError as error:
        problems = problems_of(error, Plan)
        plan = _valid_part(raw, [detail["loc"] for detail in error.errors()])
    if plan:
        problems += [*_contradictions(plan, made), *(_not_ready(plan) if runs else ())]
    if problems or not plan:
        raise InputError(f"{source}: {'; '.join(problems)}")
    rule = plan.settings.get("time_rule")
    adapters = [entry.model_copy(update={"set": {"time_rule": rule} | entry.set}) for entry in plan.adapters]
    return plan.model_copy(update={"adapters": tuple(adapters)}) if rule else plan


def at_time(plan: Plan, rule: TimeRule) -> Plan:
    """The plan with one time rule for all methods and adapters."""

    def ruled(changes: Mapping[str, Any]) -> dict[str, Any]:
        return {**changes, "time_rule": rule}

    methods = [
        entry.model_copy(update={"settings": ruled(entry.settings)}) if "time_rule" in entry.settings else entry
        for entry in plan.methods
    ]
    adapters = [entry.model_copy(update={"set": ruled(entry.set)}) for entry in plan.adapters]
    changed = {"settings": ruled(plan.settings), "methods": tuple(methods), "adapters": tuple(adapters)}
    return plan.model_copy(update=changed)


def _valid_part(raw: Mapping[str, Any], wrong: Sequence[tuple[int | str, ...]]) -> Plan | None:
    """The plan without its invalid values, so that the rest is checked for the same message; None where that fails."""
    rest: dict[str, Any] = {
        key: list(value) if isinstance(value, list | tuple) else value for key, value in raw.items()
    }
    for key, *inner in sorted(set(wrong), key=str, reverse=True):
        if inner and isinstance(rest.get(str(key)), list) and isinstance(inner[0], int):
            rest[str(key)][inner[0]] = None
        else:
            rest.pop(str(key), None)
    for key, value in rest.items():
        rest[key] = [part for part in value if part is not None] if isinstance(value, list) else value
    try:
        return Plan.model_validate({"title": ""} | rest)
    except ValidationError:
        return None


def name_of(entry: MethodEntry) -> str:
    """The row's name: the given one, or the method with its own settings."""
    return entry.name or variant_name(entry.method, entry.settings)


def variant_name(method: str, apart: Mapping[str, Any]) -> str:
    """The method with its own settings, as in: dpl K=2 selector=random."""
    short = {"n_peers": "K", "n_records": "N"}
    return " ".join([method, *(f"{short.get(key, key)}={_shown(value)}" for key, value in apart.items())])


def _shown(value: str | float | tuple[str, ...] | None) -> str:
    return "+".join(value) or "none" if isinstance(value, tuple) else str(value)
