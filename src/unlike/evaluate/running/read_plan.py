"""Reads experiment files and checks them: all unknown keys and impossible combinations are reported at once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from unlike.data.folder import read_manifest
from unlike.errors import InputError
from unlike.evaluate.metrics import open_metric
from unlike.evaluate.metrics.table import is_ranked
from unlike.evaluate.running.judge import JUDGE
from unlike.evaluate.running.plan import MethodEntry, Plan, name_of
from unlike.evaluate.running.planned import planned_runs
from unlike.llm.open import check_llm
from unlike.methods.table import ADAPTED, METHODS
from unlike.prompts.task import open_task
from unlike.settings import problems_of, read_toml

PRESETS = Path(__file__).parent / "presets"


def read_plan(
    path: Path,
    overrides: Mapping[str, Any] | None = None,
    llm: str | None = None,
    *,
    runs: bool = False,
    opened: bool = False,
) -> Plan:
    """Read an experiment file.

    Args:
        path: The TOML file, or the name of a preset.
        overrides: Top-level keys that replace the file's.
        llm: URI of an LLM that replaces the file's.
        runs: Check also that corpus and LLM are named and can be found.
        opened: Whether ``llm`` is the name of a backend that is open already.

    Raises:
        InputError: It is missing or has values that are not allowed; the message lists all of them.
    """
    file = path if path.exists() and not path.is_dir() else PRESETS / f"{path}.toml"
    if not file.exists():
        presets = ", ".join(sorted(preset.stem for preset in PRESETS.glob("*.toml")))
        raise InputError(f"no experiment file {path}; give a TOML file or a preset: {presets}")
    raw = read_toml(file, "experiment file")
    paths = ("corpus", "prompts", "users", "adapters_at", "journal")
    raw |= {key: file.parent / raw[key] for key in paths if isinstance(raw.get(key), str)}
    if isinstance(listed := raw.get("train_on"), list):
        raw["train_on"] = [file.parent / name if isinstance(name, str) else name for name in listed]
    raw |= {key: value for key, value in (overrides or {}).items() if value is not None}
    if llm:
        given = raw.get("llm")
        raw["llm"] = {**(given if isinstance(given, dict) else {}), "uri": llm}
    return plan_of(raw, f"experiment file {file}", runs=runs, opened=opened)


def plan_of(
    raw: Mapping[str, Any], source: str, *, made: Collection[str] = (), runs: bool = False, opened: bool = False
) -> Plan:
    """A plan from its values.

    Args:
        raw: The values by key, as in a file.
        source: Where they come from, for the message.
        made: Methods that have run already, so they need not be known here.
        runs: As in ``read_plan``.
        opened: As in ``read_plan``.

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
        problems += [*_contradictions(plan, made), *(_not_ready(plan, opened) if runs else ())]
    if problems or not plan:
        raise InputError(f"{source}: {'; '.join(problems)}")
    rule = plan.settings.get("time_rule")
    adapters = [entry.model_copy(update={"set": {"time_rule": rule} | entry.set}) for entry in plan.adapters]
    return plan.model_copy(update={"adapters": tuple(adapters)}) if rule else plan


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


def _contradictions(plan: Plan, made: Collection[str]) -> Iterator[str]:
    """Problems of a plan whose values are allowed one by one."""
    for entry in plan.methods:
        yield from _wrong_in_entry(entry, plan, made)
    names = [name_of(entry) for entry in plan.methods]
    yield from _duplicates("methods", names)
    if len(set(names)) == len(names):
        yield from _shared_folders(plan)
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


def _wrong_in_entry(entry: MethodEntry, plan: Plan, made: Collection[str]) -> Iterator[str]:
    if entry.method not in METHODS and entry.method not in made:
        yield f"unknown method {entry.method!r}; allowed are {', '.join(METHODS)}"
    if entry.method in ADAPTED and not (entry.settings.get("adapter") or plan.settings.get("adapter")):
        yield f"method {entry.method!r} needs settings.adapter: one of [[adapters]], or an adapter's folder"
    for name in ("temperature", "seed"):
        if name in entry.settings and getattr(plan.repeats, f"{name}s"):
            yield f"method {name_of(entry)!r} has a {name}, and repeats have {name}s for every method; leave one out"


def _shared_folders(plan: Plan) -> Iterator[str]:
    """Runs that would replace each other: in a folder's name, spaces are "_" and slashes "-"."""
    folders = [run.folder for run in planned_runs(plan)]
    if shared := next((name for name in folders if folders.count(name) > 1), None):
        yield f"two runs have the folder {shared!r}; give methods other names, and each seed, temperature and value once"


def _unusable_files(plan: Plan) -> Iterator[str]:
    """Problems of metrics and the table of users, found before the first call."""
    if plan.metrics and not any(map(is_ranked, plan.metrics)) and not (plan.judges or plan.likelihood):
        yield f"metrics: {', '.join(plan.metrics)} cannot rank methods; add one that can, such as rouge1"
    for metric in (*plan.metrics, *plan.checks):
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


def _not_ready(plan: Plan, opened: bool) -> Iterator[str]:
    """What a run needs that the plan does not name, or names but cannot be found."""
    if plan.corpus is None:
        yield "it names no corpus: give --corpus"
    if not plan.llm.uri:
        yield "it names no LLM: give --llm"
    uris = [uri for uri in ("" if opened else plan.llm.uri, *(judge.uri for judge in plan.judges)) if uri]
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
