"""Criteria by which a user's texts are recognised: what they have in common and others' texts on the same items do not.

One call per user learns them, before and apart from any method, so all methods are graded by the same rubric. It sees
earlier texts that the time rule lets the first case of the user see, and none on an item of a case. A criterion counts
only with a quotation that is in the user's texts and in none of the others'. After an idea of DPL's authors (PARL); prompt
and checks are ours.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from unlike.errors import CallFailed
from unlike.evaluate.running.ask_judge import draft_to_parse, with_schema
from unlike.language import as_whole_words
from unlike.llm.backend import PLACEHOLDER, Sampling
from unlike.llm.recorded import LLM
from unlike.methods.steps import sampled, together
from unlike.prompts.prompt import Ask, own_record
from unlike.prompts.task import Task
from unlike.records import Case, Record, Records, TimeRule, others_on, visible
from unlike.writing.write import write

STEP = "rubric"
SAMPLING = Sampling(temperature=0.0, top_p=1.0, max_tokens=900)
MAX_PAST, MAX_OTHERS = 12, 2
"""Texts of the user that are shown, and texts of others per item."""
SEED = 0
"""Seed of the choice of others' texts."""
MIN_PAST = 3
"""What fewer texts have in common may be chance."""
MIN_CRITERIA, MAX_CRITERIA = 2, 6
MIN_QUOTED_CHARS = 4
NOT_LEARNED = "no rubric: its criteria are not learned yet"
"""The failure of a rubric in a forecast, where the reply is not known."""
MIN_TITLE_CHARS = 6
"""A shorter title may be a common word."""
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "criteria": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"criterion": {"type": "string"}, "quotation": {"type": "string"}},
                    "required": ["criterion", "quotation"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["criteria"],
        "additionalProperties": False,
    },
    sort_keys=True,
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """A habit of a user, as the LLM stated it.

    Attributes:
        text: What to look for in a text.
        quotation: Words of the user that show it.
        dropped: Why it does not count; empty where it counts.
    """

    text: str
    quotation: str
    dropped: str = ""


@dataclass(frozen=True, slots=True)
class Rubric:
    """The criteria of one user.

    Attributes:
        user_id: Id of the user.
        found: All criteria that were learned, including those that do not count.
        read: Ids of the records whose words were in the prompt; empty where nothing was asked.
        failure: Why there is no rubric; empty where there is one.
        raw: The reply, or what the engine sent, where there is no rubric.
    """

    user_id: str
    found: tuple[Criterion, ...] = ()
    read: tuple[str, ...] = ()
    failure: str = ""
    raw: str = ""

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """The criteria that count."""
        return tuple(criterion for criterion in self.found if not criterion.dropped)


@dataclass(frozen=True, slots=True)
class Material:
    """What one user's criteria are learned from, oldest first."""

    user_id: str
    past: tuple[Record, ...]
    others: tuple[Record, ...]

    @property
    def problem(self) -> str:
        """Why nothing can be learned from it; empty where it suffices."""
        if len(self.past) < MIN_PAST:
            return f"no rubric: {len(self.past)} earlier texts, at least {MIN_PAST} are needed"
        return "" if self.others else "no rubric: no text by others on the items of the earlier texts"


async def learn_rubrics(
    cases: Sequence[Case], llm: LLM, records: Records, task: Task, rule: TimeRule
) -> dict[str, Rubric]:
    """The rubric of each user, by user id; one call per user, which the journal keeps.

    Args:
        cases: All cases of the experiment.
        llm: Learns the criteria.
        records: Earlier texts, items, and texts of others.
        task: Words and templates.
        rule: Which texts of others may be seen.

    Raises:
        EngineError: The LLM cannot be used at all; what was answered is kept.
        InputError: The time rule needs a corpus with splits.
    """
    by_user: dict[str, list[Case]] = {}
    for case in cases:
        by_user.setdefault(case.user_id, []).append(case)
    material = await asyncio.to_thread(lambda: [material_of(own, records, rule) for own in by_user.values()])
    return {rubric.user_id: rubric for rubric in await together([_learn(one, llm, records, task) for one in material])}


def material_of(cases: Sequence[Case], records: Records, rule: TimeRule) -> Material:
    """The texts from which the criteria of one user are learned: earlier than all cases, and on none of their items.

    Texts on whose items others wrote come first, then the latest. A text that repeats a real text of a case is left out.

    Args:
        cases: The user's cases.
        records: Where the texts are.
        rule: Which texts of others may be seen.
    """
    first = min(cases, key=lambda case: case.moment)
    items, held_out = {case.item_id for case in cases}, {case.reference for case in cases}
    seen, before = visible(records, rule, first.split), first.peers_before(rule)
    own = [
        record
        for record in records.history(first.user_id, first.moment)
        if record.item_id not in items and record.text not in held_out
    ]
    on_item = {
        item_id: sampled(others_on(seen, item_id, first.user_id, before), SEED, MAX_OTHERS)
        for item_id in {record.item_id for record in own}
    }
    chosen = sorted(own, key=lambda record: (bool(on_item[record.item_id]), record.moment))[-MAX_PAST:]
    past = sorted(chosen, key=lambda record: record.moment)
    others = {other.id: other for record in past for other in on_item[record.item_id]}
    return Material(first.user_id, tuple(past), tuple(others.values()))


async def _learn(material: Material, llm: LLM, records: Records, task: Task) -> Rubric:
    rubric = Rubric(material.user_id, failure=material.problem)
    if rubric.failure:
        return rubric
    past = [own_record(record, records.item(record.item_id)) for record in material.past]
    others = [own_record(record, records.item(record.item_id), "others") for record in material.others]
    try:
        sampling = with_schema(SAMPLING, SCHEMA, llm)
        draft = await draft_to_parse(Ask(STEP, (*past, *others)), llm, task, sampling)
        rubric = replace(rubric, read=draft.call.record_ids)
        reply = await write(draft, llm)
    except CallFailed as failure:
        return replace(rubric, failure=f"no rubric: {failure}", raw=failure.raw)
    if reply.call["finish_reason"] == PLACEHOLDER:
        return replace(rubric, failure=NOT_LEARNED)
    titles = [passage.item.title for passage in past if passage.item]
    found = checked(read_criteria(reply.text), material, titles)
    n_kept = sum(not criterion.dropped for criterion in found)
    counted = f"{n_kept} of {len(found)} criteria count" if found else "the judge's reply has no readable criteria"
    lacking = "" if n_kept >= MIN_CRITERIA else f"no rubric: {counted}"
    return replace(rubric, found=found, failure=lacking, raw=reply.text if lacking else "")


# Checking criteria ----------------------------------------------------------------------------------------------------


def checked(found: Sequence[Criterion], material: Material, titles: Sequence[str]) -> tuple[Criterion, ...]:
    """The criteria, with the reason for each that does not count.

    Args:
        found: As the LLM stated them.
        material: What they were learned from.
        titles: Titles of the items; a criterion that names one is about an item and not about the user.
    """
    own, others = ([_plain(record.text) for record in records] for records in (material.past, material.others))
    named = [as_whole_words(title) for title in titles if len(title) >= MIN_TITLE_CHARS]
    about_item = re.compile("|".join(named) or r"(?!)", re.IGNORECASE)
    made: list[Criterion] = []
    for criterion in found:
        quotation = _plain(criterion.quotation).strip("\"' ")
        counting = {one.text.casefold() for one in made if not one.dropped}
        faults = {
            "the quotation is too short to show anything": len(quotation) < MIN_QUOTED_CHARS,
            "the quotation is not in the user's texts": not any(quotation in text for text in own),
            "the quotation is in others' texts too": any(quotation in text for text in others),
            "it is about one item": about_item.search(criterion.text) is not None,
            "it is there already": criterion.text.casefold() in counting,
            f"{MAX_CRITERIA} others count": len(counting) == MAX_CRITERIA,
        }
        made.append(replace(criterion, dropped=next((fault for fault, there in faults.items() if there), "")))
    return tuple(made)


def _plain(text: str) -> str:
    """A text with plain quotation marks and single spaces; capitals stay, since they may be the habit."""
    return " ".join(text.translate(str.maketrans("’‘‚“”„«»", '\'\'\'"""""')).split())


# Reading a reply ------------------------------------------------------------------------------------------------------


def read_criteria(text: str) -> list[Criterion]:
    """The criteria in a cleaned reply, each a JSON object with criterion and quotation; any text around them is ignored."""
    fields = [(found.get("criterion"), found.get("quotation")) for found in json_objects(text)]
    return [
        Criterion(" ".join(criterion.split()), quotation.strip())
        for criterion, quotation in fields
        if isinstance(criterion, str) and isinstance(quotation, str) and criterion.strip()
    ]


def json_objects(text: str) -> Iterator[Mapping[str, Any]]:
    """Every JSON object in a text, outer before inner; of a truncated list, the complete ones."""
    decoder, place = json.JSONDecoder(strict=False), text.find("{")
    while place >= 0:
        try:
            found, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            yield from _with_inner(found)
        place = text.find("{", end)


def _with_inner(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        yield found
        value = list(found.values())
    if isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _with_inner(inner)
