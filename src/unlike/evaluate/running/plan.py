"""An experiment as a TOML file: what is compared, on what data, with which LLMs, and how it is measured.

    title = "All methods on Digital Music"
    corpus = "corpus"                       # relative to the file
    split = "test"
    limit = 12
    embedder = "minilm"
    metrics = ["rouge1", "meteor", "bleu"]
    users = "users.csv"                     # user_id and attributes of users, by which gains are compared
    judges = ["s-72b@http://127.0.0.1:8001/v1", "openai:gpt-4o-mini", "rubric:openai:gpt-4o-mini"]

    [llm]                                   # or in one line: llm = "URI"
    uri = "openai:Qwen/Qwen2.5-14B-Instruct@http://127.0.0.1:8000/v1"

    [settings]                              # of every method; see MethodSettings
    n_records = 8

    [[methods]]                             # or in one line, without settings: methods = ["dpl", "rag"]
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

``read_plan`` reads and checks it before the first call.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from unlike.evaluate.running.judge import JUDGE, RUBRIC, with_preset
from unlike.records import TimeRule
from unlike.settings import MethodSettings, changes_of

if TYPE_CHECKING:
    MethodTable = dict[str, Any]
else:
    MethodTable = changes_of(MethodSettings)


class Section(BaseModel):
    """A table of the file; unknown keys fail."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MethodEntry(Section):
    """A method in the comparison; a file may also give its name alone."""

    method: str
    """Name of a method."""
    name: str = ""
    """Its name in the tables; empty for one made of method and settings."""
    settings: MethodTable = Field(default_factory=dict)
    """Settings in which it differs from the other methods."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:  # noqa: ANN401 - before validation
        return {"method": given} if isinstance(given, str) else given


class Engine(Section):
    """An LLM and what it costs; a file may also give its URI alone."""

    uri: str = ""
    """The LLM, as ``unlike run --llm`` takes it."""
    concurrency: int = Field(default=16, ge=1)
    """Maximum number of calls at the same time."""
    context_tokens: int | None = Field(default=None, ge=256)
    """Tokens of a prompt and its answer together; longer prompts lose their oldest records. Left out: the model's own limit."""
    price_in: float | None = Field(default=None, ge=0)
    """Price of a million prompt tokens."""
    price_out: float | None = Field(default=None, ge=0)
    """Price of a million completion tokens."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:  # noqa: ANN401 - before validation
        return {"uri": given} if isinstance(given, str) else given


class Judge(Engine):
    """An LLM that grades, at an endpoint of its own; a file may also give its name or URI alone, as ``--judge`` does."""

    kind: Literal["grade", "rubric"] = "grade"
    """``grade``: closeness to the real text, 0 to 10. ``rubric``: share of the user's criteria met."""
    name: str = Field(default="", pattern=r"^[\w.-]*$")
    """Name in the tables; empty for the model's. A key of ``JUDGES`` sets LLM and repeats as in the papers."""
    uri: str  # pyright: ignore[reportGeneralTypeIssues] - without a default, unlike the engine's
    """The LLM that grades, as ``unlike run --llm`` takes it."""
    repeats: int = Field(default=2, ge=1)
    """Grades per text, averaged; 1 for a rubric, whose answers are not sampled."""
    floor_and_ceiling: bool = True
    """Whether a rubric is also applied to the users' real texts and to others' real texts on the same items."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:  # noqa: ANN401 - before validation
        return with_preset(given)

    @model_validator(mode="after")
    def _of_its_kind(self) -> "Judge":
        if self.kind == "rubric" and self.repeats != 1:
            raise ValueError(f"repeats is {self.repeats}; a rubric judge answers once per text, so leave it out")
        if self.kind == "grade" and not self.floor_and_ceiling:
            raise ValueError('floor_and_ceiling is for kind = "rubric" only; leave it out')
        return self

    @property
    def metric(self) -> str:
        """Name of the metric of its grades."""
        model = self.uri.partition("@http")[0].partition(":")[2].rpartition("/")[2]
        return f"{RUBRIC if self.kind == 'rubric' else JUDGE}{self.name or model}"

    @property
    def label(self) -> str:
        """Kind and LLM."""
        return f"{'rubric judge' if self.kind == 'rubric' else 'judge'} {self.uri}"

    @property
    def calls(self) -> str:
        """What it is asked for, in words."""
        return "criteria per user, one answer per text" if self.kind == "rubric" else f"{self.repeats} grades per text"


class Repeats(Section):
    """Every method runs once for each pair of temperature and seed."""

    temperatures: tuple[float, ...] = ()
    """Empty for that of the settings."""
    seeds: tuple[int, ...] = ()
    """Empty for that of the settings."""


class Samples(Section):
    """Seeded random samples of the cases, in place of all of them (Yelp in DPL: 5 times 100)."""

    size: int = Field(ge=1)
    """Cases of a sample."""
    times: int = Field(default=1, ge=1)
    """Number of samples; sample n is drawn with seed n, counted from 0, and every method runs once on each."""


class Sweeps(Section):
    """Values of one setting at a time."""

    methods: tuple[str, ...] = ()
    """The methods that run once more for each value."""
    n_peers: tuple[int, ...] = ()
    """Values of K."""
    n_records: tuple[int, ...] = ()
    """Values of N."""


class AdapterEntry(Section):
    """An adapter that the experiment trains before it is used; methods name it in ``settings.adapter``.

    It is trained once for each seed of the experiment's repeats, because training is random too.
    """

    name: str = Field(pattern=r"^[\w.-]+$")
    """What methods name in ``settings.adapter``."""
    kind: Literal["dep", "pplug", "prompt_tuning"]
    """What it is."""
    preset: str = "paper"
    """Preset that ``set`` changes: small, paper or released."""
    set: dict[str, bool | int | float | str | list[str]] = {}
    """Settings of adapter, training and loss, as ``unlike train --set`` takes them; ``time_rule`` is the methods' own
    where ``settings`` of the plan has one."""

    @model_validator(mode="after")
    def _without_seed(self) -> "AdapterEntry":
        if "seed" in self.set:
            raise ValueError("set has a seed; an adapter is trained once for each seed of [repeats], so leave it out")
        return self


DEFAULT_SANITY = ("rouge1_cut", "meteor_cut", "distinct2", "length_ratio", "leakage")


class Plan(Section):
    """A whole experiment file."""

    title: str
    """Heading of the report."""
    corpus: Path | None = None
    """Folder of the corpus, relative to the file; it may be given to the command instead."""
    split: str = "test"
    """Split of the cases: test, validation or train."""
    limit: int | None = Field(default=None, ge=1)
    """Only the first cases, in the order of the users' ids; one of ``limit``, ``samples`` and ``cases`` may be given."""
    samples: Samples | None = None
    """Random samples of the cases, in place of the first: a table, see below."""
    cases: tuple[str, ...] = ()
    """Only these cases, by id: ``case_id`` in a run's generations.jsonl, ``id`` in the corpus's cases."""
    task: str = "review"
    """What the texts are: review, review_papers, mail or meeting."""
    prompts: Path | None = None
    """Folder whose task and templates override the built-in ones."""
    users: Path | None = None
    """Table with attributes of the users, by which gains are compared: a column user_id, and one for each attribute."""
    embedder: str = "minilm"
    """The encoder, as ``unlike run --embedder`` takes it."""
    llm: Engine = Engine()
    """The LLM that writes: its URI, or a table, see below."""
    settings: MethodTable = Field(default_factory=dict)
    """Settings of all methods."""
    methods: tuple[MethodEntry, ...] = Field(min_length=1)
    """What is compared: names, or tables, see below."""
    repeats: Repeats = Repeats()
    """Temperatures and seeds: a table, see below."""
    sweeps: Sweeps = Sweeps()
    """Values of N and K that methods are run with once more: a table, see below."""
    metrics: tuple[str, ...] = ("rouge1", "rougeL", "meteor", "bleu")
    """The main metrics."""
    sanity: tuple[str, ...] | None = None
    """Metrics beside the main ones; left out: rouge1_cut, meteor_cut, distinct2, length_ratio and leakage."""
    judges: tuple[Judge, ...] = ()
    """LLMs that grade: names, or tables, see below."""
    likelihood: int = Field(default=0, ge=0)
    """Tokens of the real text whose likelihood is measured given each method's last prompt; 0 for none.

    Where ``metrics`` is empty no texts are written.
    """
    keep_prompts: bool = True
    """Whether the journal keeps prompts beside their answers, so that they can be shown."""
    adapters: tuple[AdapterEntry, ...] = ()
    """What is trained before it is used: tables, see below."""
    train_on: tuple[Path, ...] = ()
    """Corpora that the adapters are trained on together; empty for ``corpus``."""
    adapters_at: Path | None = None
    """Folder of the adapters, where several experiments share them; left out: one in the experiment's folder."""
    journal: Path | None = None
    """File that keeps all LLM calls, which several experiments and runs may share; left out: one in the experiment's folder."""

    @property
    def checks(self) -> tuple[str, ...]:
        """The metrics of ``sanity``; METEOR's, which needs a download, by default only where METEOR itself is asked for."""
        if self.sanity is not None:
            return self.sanity
        return tuple(name for name in DEFAULT_SANITY if name != "meteor_cut" or "meteor" in self.metrics)

    @property
    def likelihood_alone(self) -> bool:
        """Whether no texts are written, because only likelihoods are measured."""
        return bool(self.likelihood) and not (self.metrics or self.judges)


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


def name_of(entry: MethodEntry) -> str:
    """The row's name: the given one, or the method with its own settings."""
    return entry.name or variant_name(entry.method, entry.settings)


def variant_name(method: str, apart: Mapping[str, Any]) -> str:
    """The method with its own settings, as in: dpl K=2 selector=random."""
    short = {"n_peers": "K", "n_records": "N"}
    return " ".join([method, *(f"{short.get(key, key)}={_shown(value)}" for key, value in apart.items())])


def _shown(value: str | float | tuple[str, ...] | None) -> str:
    return "+".join(value) or "none" if isinstance(value, tuple) else str(value)
