"""Compliance: does an LLM do what the prompt of a step asks for? It is measured on the replies as they came.

A better prompt or a larger model shows here first: a reply with a preface, an echo of the prompt or a missing dimension
spoils what is made of it, whatever the method.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unlike.data.corpus import Corpus
from unlike.errors import CallFailed
from unlike.evaluate.metrics.sanity import leakage, ngrams
from unlike.evaluate.running.run import read_run
from unlike.language import words
from unlike.llm.journal import Journal
from unlike.methods.aspects import by_dimension
from unlike.prompts.task import Task
from unlike.records import Generation
from unlike.writing.clean import clean_reply
from unlike.writing.expected import Expected

STEPS = ("difference", "summary", "text")
RETOLD_WORDS = 8
"""A run of so many words shared with the item's description retells it."""
LENGTH_FACTOR = 3
"""A text may be so many times shorter or longer than the median of the user's texts that were shown."""
MAX_MATERIAL_WORDS = 400
LOOP_WORDS, LOOP_TIMES = 4, 5
"""A run of so many words that comes so many times is a loop."""


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
    """Check the replies behind a run.

    Args:
        run: Folder of the run.
        journal: That kept its calls.
        corpus: Of the run.
        task: Of the run.

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
    """By step and method: the share of replies without a fault, their number, and how often each fault was seen."""
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


def text_faults(reply: str, cut: bool, expected: Expected, description: str, shown: Sequence[str]) -> tuple[str, ...]:
    """What is wrong with the text itself.

    Args:
        reply: As it came.
        cut: Whether the token limit cut it.
        expected: What was asked for.
        description: Of the item.
        shown: The user's own texts in the prompt; their median length is the one asked for.
    """
    found = list(_faults(reply, cut, expected))
    if "no text" in found:
        return tuple(found)
    text = clean_reply(reply, expected)
    if leakage([text], [[description]])[0] >= RETOLD_WORDS:
        found.append("description retold")
    if shown and not _is_of_length(text, shown):
        found.append("length")
    if shown and _script(text) != _script(" ".join(shown)):
        found.append("language")
    return tuple(found)


def material_faults(reply: str, cut: bool, expected: Expected, dimensions: Sequence[str] = ()) -> tuple[str, ...]:
    """What is wrong with a difference (``dimensions`` are the names it must have) or a profile."""
    found = list(_faults(reply, cut, expected))
    named = {name for name, said in by_dimension(reply, dimensions) if said.strip()}
    if not named.issuperset(dimensions):
        found.append("dimension missing")
    if len(words(reply)) > MAX_MATERIAL_WORDS:
        found.append("length")
    return tuple(found)


def _faults(reply: str, cut: bool, expected: Expected) -> Iterable[str]:
    if cut:
        yield "cut off"
    if _loops(reply):
        yield "loop"
    try:
        if clean_reply(reply, expected) != reply.strip():
            yield "framing"
    except CallFailed:
        yield "no text"


def _checked(row: Generation, method: str, kept: Journal, corpus: Corpus, task: Task) -> Iterable[Checked]:
    trace = row.trace
    material = Expected("material", task.words)
    names = [dimension.name for dimension in task.standard(None)]
    for difference in trace.get("differences", ()):
        yield Checked("difference", method, _of_call(difference["call"], kept, material, names))
    profile = trace.get("profile")
    if profile and "key" in profile["call"]:
        yield Checked("summary", method, _of_call(profile["call"], kept, material))
    if row.status == "failed" or "generate" not in trace:
        yield Checked("text", method, ("no text",))
        return
    case, item, call = corpus.case(row.case_id), corpus.item(row.item_id), trace["generate"]
    rating = "" if case.rating is None else f"{case.rating:g}"
    expected = Expected("text", task.words, (case.title, item.title), rating)
    shown = [corpus.record(record_id).text for record_id in trace.get("past", ())]
    faults = text_faults(_reply(call, kept), call["finish_reason"] == "length", expected, item.description, shown)
    yield Checked("text", method, faults)


def _of_call(call: Mapping[str, Any], kept: Journal, expected: Expected, names: Sequence[str] = ()) -> tuple[str, ...]:
    return material_faults(_reply(call, kept), call["finish_reason"] == "length", expected, names)


def _reply(call: Mapping[str, Any], kept: Journal) -> str:
    entry = kept.get(str(call["key"]))
    return entry.text if entry else ""


def _is_of_length(text: str, shown: Sequence[str]) -> bool:
    wanted = statistics.median(len(one) for one in shown)
    return wanted / LENGTH_FACTOR <= len(text) <= wanted * LENGTH_FACTOR


def _loops(text: str) -> bool:
    tokens = words(text)
    if len(ngrams(tokens, LOOP_WORDS)) > len(tokens) - LOOP_WORDS:
        return False
    runs = Counter(tuple(tokens[start : start + LOOP_WORDS]) for start in range(len(tokens) - LOOP_WORDS + 1))
    return max(runs.values(), default=0) >= LOOP_TIMES


def _script(text: str) -> str:
    """The script that most letters of a text are of, by the blocks of Unicode: enough to tell English from Chinese."""
    blocks = Counter(ord(char) >> 8 if ord(char) > 0x24F else 0 for char in text if char.isalpha())
    wide = Counter("cjk" if 0x2E <= block <= 0x9F else str(block) for block in blocks.elements())
    return wide.most_common(1)[0][0] if wide else ""
