"""Compliance: does an LLM do what the prompt of a step asks for? It is measured on the raw replies.

A better prompt or a larger model shows here first: a reply with a preface, an echo of the prompt or a missing dimension
spoils the result of any method.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unlike.data.corpus import Corpus
from unlike.evaluate.running.run_method import read_run
from unlike.llm.journal import Journal
from unlike.methods.drp import dimensions_in
from unlike.prompts.budget import shown_texts
from unlike.prompts.prompt import Ask, Passage
from unlike.prompts.task import Dimension, Task
from unlike.records import Generation
from unlike.writing.expected import Expected, expected_of
from unlike.writing.faults import NO_TEXT, faults

STEPS = ("difference", "summary", "text")


@dataclass(frozen=True, slots=True)
class Checked:
    """A reply and what is wrong with it.

    Attributes:
        step: One of STEPS.
        method: The variant that made the call, or its method where a run names no variant.
        faults: Names of what is wrong; () for a reply that does what was asked.
    """

    step: str
    method: str
    faults: tuple[str, ...]


def compliance_of(run: Path, journal: Path, corpus: Corpus, task: Task) -> list[Checked]:
    """Check the replies that a run was made from.

    Args:
        run: Folder of the run.
        journal: The journal that has its calls.
        corpus: The run's corpus.
        task: The run's task.

    Raises:
        InputError: Run or journal cannot be read.
    """
    rows, facts = read_run(run)
    kept = Journal.open(journal)
    try:
        name = str(facts.get("variant") or facts["method"])
        return [checked for row in rows for checked in _checked(row, name, kept, corpus, task)]
    finally:
        kept.close()


def shares(checked: Iterable[Checked]) -> dict[tuple[str, str], tuple[float, int, Counter[str]]]:
    """By step and method: the share of replies without a fault, the number of replies, and the count of each fault."""
    grouped: dict[tuple[str, str], list[Checked]] = {}
    for one in checked:
        grouped.setdefault((one.step, one.method), []).append(one)
    return {
        group: (
            sum(not one.faults for one in all_) / len(all_),
            len(all_),
            Counter(f for one in all_ for f in one.faults),
        )
        for group, all_ in grouped.items()
    }


def _checked(row: Generation, method: str, kept: Journal, corpus: Corpus, task: Task) -> Iterable[Checked]:
    trace = row.trace
    material = Expected("material", task.words)
    for difference, dimensions in _compared(trace, task):
        asked = replace(material, dimensions=tuple(dimension.name for dimension in dimensions))
        yield Checked("difference", method, _of_call(difference["call"], kept, asked))
    profile = trace.get("profile")
    if profile and "key" in profile["call"]:
        yield Checked("summary", method, _of_call(profile["call"], kept, material))
    if row.status == "failed" or "generate" not in trace:
        yield Checked("text", method, (NO_TEXT,))
        return
    past = {record_id: corpus.record(record_id).text for record_id in trace.get("past", ())}
    shown = shown_texts(past, trace["generate"].get("left_out", ()))
    passages = tuple(Passage("past", text) for text in shown.values())
    ask = Ask(trace["generate"]["step"], passages, corpus.item(row.item_id), corpus.case(row.case_id))
    yield Checked("text", method, _of_call(trace["generate"], kept, expected_of(ask, task.words)))


def _compared(trace: Mapping[str, Any], task: Task) -> Iterable[tuple[Mapping[str, Any], Sequence[Dimension]]]:
    """The differences of a trace with the dimensions they were asked for; those of ``drp_filtered`` before its filter."""
    found = trace.get("unfiltered") or trace.get("differences", ())
    own = trace.get("dimensions")  # DRP only: the LLM's dimensions for each difference
    standard = task.standard(None)
    return [(one, dimensions_in(own[place]["text"]) if own else standard) for place, one in enumerate(found)]


def _of_call(call: Mapping[str, Any], kept: Journal, expected: Expected) -> tuple[str, ...]:
    entry = kept.get(str(call["key"]))
    return faults(entry.text if entry else "", call["finish_reason"] == "length", expected)
