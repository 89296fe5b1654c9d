"""Custom templates that no step of a run or an experiment reads."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unlike.llm.soft_prompt import SOFT_STEPS
from unlike.methods.table import ADAPTED, STEPS
from unlike.prompts.check import SHARED
from unlike.prompts.task import templates_of
from unlike.settings import MethodSettings
from unlike.writing.draft import WRITING_STEPS

if TYPE_CHECKING:
    from unlike.evaluate.running.plan import Plan

JUDGE_STEPS = {"grade": ("judge",), "rubric": ("rubric", "rubric_judge")}
"""By kind of judge: its templates."""


def unread_of_plan(plan: "Plan") -> list[str]:
    """A line for each template in the plan's folder that no method and no judge of the plan reads."""
    from unlike.evaluate.running.planned import planned_runs
    from unlike.latent.settings import recipe

    runs = planned_runs(plan)
    trained = {entry.name: recipe(entry.preset, entry.kind, entry.set).adapter.layout for entry in plan.adapters}
    judged = [step for judge in plan.judges for step in JUDGE_STEPS[judge.kind]]
    soft = [SOFT_STEPS[trained[run.settings.adapter]] for run in runs if run.settings.adapter in trained]
    every_adapter_is_known = all(run.settings.adapter in trained for run in runs if run.method in ADAPTED)
    more = [*judged, *(soft if every_adapter_is_known else SOFT_STEPS.values())]
    return unread_templates(plan.prompts, [(run.method, run.settings) for run in runs], more)


def unread_templates(
    folder: Path | None, runs: Sequence[tuple[str, MethodSettings]], more: Iterable[str] = ()
) -> list[str]:
    """A line for each template in a folder that no run reads.

    A method that is not built in may read any template, but those that write texts of another layout.

    Args:
        folder: The prompts folder; None for none.
        runs: Method and settings of each run.
        more: Other steps that are read.
    """
    own = {name: text for name, text in sorted(templates_of(folder).items()) if name.endswith(".jinja")}
    layouts = dict.fromkeys(settings.layout for _, settings in runs)
    writing = [f"{WRITING_STEPS[layout]}.jinja" for layout in layouts]
    methods = list(dict.fromkeys(method for method, _ in runs))
    steps = {*more, *(step for method in methods for step in STEPS.get(method, ()))}
    read = {SHARED, *writing, *(f"{step}.jinja" for step in steps)}
    others = {f"{step}.jinja" for step in WRITING_STEPS.values()}
    if not all(method in STEPS for method in methods):
        read |= own.keys() - others
    included = {name for name in own for other in read & own.keys() if name in own[other] and name != other}
    return [
        f"{name} is not read with layout {' and '.join(layouts)}, which reads {' and '.join(writing)}"
        if name in others
        else f"{name} is not read by {', '.join(methods)}"
        for name in own
        if name not in read | included
    ]
