"""Under which conditions variants were made, and where they differ: figures are compared within one LLM and one task."""

from collections.abc import Mapping, Sequence
from typing import Any

from unlike.llm.open import model_of

Facts = Mapping[str, Any]
"""The content of a run.json."""
FactsOf = Mapping[str, Sequence[Facts]]
"""By variant: the facts of its runs."""

REPEATED = ("temperature", "seed")
"""Settings in which the runs of one variant may differ."""


def llm_and_task(facts: Facts) -> tuple[str, str]:
    """What two variants must share to be compared; the same LLM at another address is the same one."""
    return model_of(facts.get("llm", "")), str(facts.get("task", ""))


def differing(of_variant: FactsOf) -> dict[str, dict[str, Any]]:
    """By variant: LLM, task, templates, embedder and settings in which variants differ, without its own settings.

    A variant's own settings ("apart" in run.json) are what an experiment varies; they count for no other variant.
    Temperatures and seeds differ where no value is common to all variants.
    """
    found = {name: _conditions(facts) for name, facts in of_variant.items()}
    values: dict[str, list[Any]] = {}
    for conditions in found.values():
        for label, value in conditions.items():
            values.setdefault(label, []).append(value)
    varied = {label for label, seen in values.items() if _differ(label, seen)}
    return {
        name: {label: value for label, value in conditions.items() if label in varied}
        for name, conditions in found.items()
    }


def _differ(label: str, seen: Sequence[Any]) -> bool:
    if label in REPEATED:
        return not set[str].intersection(*(set(values.split(", ")) for values in seen))
    return any(value != seen[0] for value in seen)


def _conditions(runs: Sequence[Facts]) -> dict[str, Any]:
    first = runs[0]
    own = {"adapter", *REPEATED, *first.get("apart", {})}
    llm, task = llm_and_task(first)
    settings = {label: value for label, value in first["settings"].items() if label not in own}
    named = {"LLM": llm, "task": task, "templates": first.get("templates", ""), "embedder": first.get("embedder", "")}
    return named | settings | {label: repeats(runs, label) for label in REPEATED if label not in first.get("apart", {})}


def repeats(runs: Sequence[Facts], setting: str) -> str:
    """The values of a setting in some runs, each once."""
    return ", ".join(map(str, dict.fromkeys(run["settings"][setting] for run in runs)))


def stated(values: Mapping[str, str]) -> str:
    """A value that all variants share; otherwise each value with its variants."""
    names: dict[str, list[str]] = {}
    for name, value in values.items():
        names.setdefault(value, []).append(name)
    if len(names) == 1:
        return next(iter(names))
    return "differs: " + "; ".join(f"{value or 'none'} ({', '.join(having)})" for value, having in names.items())


def across(of_variant: FactsOf) -> list[str]:
    """A note where variants have different LLMs or tasks; none where all are comparable."""
    made = dict.fromkeys(llm_and_task(facts[0]) for facts in of_variant.values())
    if len(made) < 2:
        return []
    return [
        f"The variants are of {len(made)} combinations of LLM and task ({'; '.join(', '.join(one) for one in made)}): "
        "ranks and tests are within one of them, and nothing is compared across."
    ]
