"""A folder belongs to one plan, so that no table mixes rows that were made under different conditions.

The conditions are stored in the folder with their hash. The same plan may grow: more methods, more repeats, more cases.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from unlike.errors import InputError
from unlike.evaluate.running.plan import Plan
from unlike.evaluate.running.planned import planned_runs
from unlike.evaluate.running.run_method import JOURNAL, RUN, write_whole
from unlike.experiments.calls_left import existing_journal
from unlike.llm.open import model_of
from unlike.prompts.task import digest_of

PLAN = "plan.json"


def check_folder(folder: Path, plan: Plan, corpus_hash: str) -> None:
    """Check that a folder belongs to a plan or to none; one without results belongs to none.

    Raises:
        InputError: It belongs to another plan, would get fewer cases than it has, or is an input of the plan.
    """
    refuse_input(folder, prompts=plan.prompts, corpus=plan.corpus)
    file = folder / PLAN
    if not file.is_file() or not _has_results(folder):
        return
    found = _read(file)
    if problems := [*_differences(found["conditions"], conditions(plan, corpus_hash)), *_shrinks(found, plan)]:
        raise InputError(
            f"folder {folder} belongs to another plan ({'; '.join(problems)}): give --out ANOTHER_FOLDER, or delete "
            f"{folder} if you do not need its results"
        )


def claim_folder(folder: Path, plan: Plan, corpus_hash: str) -> None:
    """Assign a folder to a plan, if it belongs to no other.

    Raises:
        InputError: As ``check_folder``, or it cannot be written.
    """
    check_folder(folder, plan, corpus_hash)
    wanted = conditions(plan, corpus_hash)
    kept = {
        "hash": digest(wanted),
        "title": plan.title,
        "limit": plan.limit,
        "metrics": plan.metrics,
        "conditions": wanted,
    }
    write_whole(folder / PLAN, json.dumps(kept | {"runs": _runs(plan)}, indent=1, ensure_ascii=False) + "\n")


def planned_metrics(path: Path) -> tuple[str, ...]:
    """The metrics of the experiment that a folder belongs to: its own, or that of one of its runs; () where none is known.

    Raises:
        InputError: The experiment's plan cannot be read.
    """
    places = [path, *([path.resolve().parents[1]] if path.resolve().parent.name == "runs" else [])]
    file = next((place / PLAN for place in places if (place / PLAN).is_file()), None)
    return tuple(_read(file).get("metrics", ())) if file else ()


def _has_results(folder: Path) -> bool:
    """Whether a run, an adapter or an answered call is kept."""
    if any((folder / "runs").glob(f"*/{RUN}")) or any((folder / "adapters").glob("*/*")):
        return True
    with existing_journal(folder / JOURNAL) as known:
        return known is not None and bool(known.mean_completion_tokens())


def conditions(plan: Plan, corpus_hash: str) -> dict[str, Any]:
    """The conditions that all runs of a plan share; with other conditions it is another experiment."""
    fixed = {
        "corpus": corpus_hash[:16],
        "split": plan.split,
        "samples": plan.samples.model_dump() if plan.samples else None,
        "cases": list(plan.cases),
        "task": plan.task,
        "templates": digest_of(plan.prompts),
        "embedder": plan.embedder,
        "llm": model_of(plan.llm.uri),
        "context_tokens": plan.llm.context_tokens,
        "settings": plan.settings,
        "texts are written": not plan.likelihood_alone,
    }
    return json.loads(json.dumps(fixed))


def digest(wanted: Mapping[str, Any]) -> str:
    """Hash of the conditions."""
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def refuse_other_run(folder: Path, facts: Mapping[str, Any], n_cases: int) -> None:
    """Check that a run folder is free, or holds the same run with no more cases.

    Args:
        folder: The run folder.
        facts: Corpus, method, split, LLM, task, templates and settings of the new run, by their names in run.json.
        n_cases: Cases of the new run.

    Raises:
        InputError: It holds another run, or more cases.
    """
    if not (folder / RUN).is_file():
        return
    found = _read(folder / RUN)
    found |= found.get("settings", {}) | {"llm": model_of(found.get("llm", ""))}
    # A run that was made before a setting existed had its default.
    wanted = {name: value for name, value in json.loads(json.dumps(facts)).items() if name in found}
    if problems := _differences(found, wanted):
        raise InputError(f"run folder {folder} holds another run ({'; '.join(problems)}): name another folder")
    if found.get("n_cases", 0) > n_cases:
        raise InputError(
            f"run folder {folder} holds {found['n_cases']} cases, and this run has {n_cases}: a run only grows; raise "
            "--limit, or name another folder"
        )


def refuse_input(out: Path, **inputs: Path | None) -> None:
    """Check that results are not written into a folder that is read.

    Args:
        out: The folder of the results.
        **inputs: What is read, by its name.

    Raises:
        InputError: It is one of them.
    """
    for name, folder in inputs.items():
        if folder and folder.resolve() == out.resolve():
            raise InputError(
                f"results would be written to {out}, which is the {name} folder; give another one: --out FOLDER"
            )


def _runs(plan: Plan) -> dict[str, Any]:
    return {run.folder: json.loads(json.dumps(asdict(run.settings))) for run in planned_runs(plan)}


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    return [f"{name} {found.get(name)!r}, now {value!r}" for name, value in wanted.items() if found.get(name) != value]


def _shrinks(found: Mapping[str, Any], plan: Plan) -> list[str]:
    """Cases and runs that the folder has and the plan lacks."""
    before, runs = found.get("limit"), _runs(plan)
    fewer_cases = plan.limit is not None and (before is None or plan.limit < before)
    problems = [f"limit {before or 'none'}, now {plan.limit}: a run only grows"] if fewer_cases else []
    lacking = [name for name in found.get("runs", {}) if name not in runs]
    problems += [f"run {lacking[0]!r} is not among its runs"] if lacking else []
    return problems + [
        f"run {name!r} has other settings"
        for name, settings in found.get("runs", {}).items()
        if runs.get(name, settings) != settings
    ]


def _read(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read: {error}; name another folder") from error
