"""The LLM judge: how close a generated text comes to the real one, 0 to 10 as asked, 0 to 1 as a metric.

A reply without a clear number is a recorded failure, never a score: the released code counts it as 0, or crashes.
Where an engine offers it, the reply is bound to a JSON schema. Source: DPL and DEP, evaluation; the prompt is ours, in
``judge.jinja``.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from unlike.errors import InputError
from unlike.evaluate.running.ask_judge import Judged, Question, grade, with_schema
from unlike.llm.backend import Sampling
from unlike.llm.recorded import LLM
from unlike.prompts.prompt import Ask, Passage
from unlike.prompts.task import Task
from unlike.records import Case, Item, Records

STEP = "judge"
SAMPLING = Sampling(temperature=0.8, top_p=0.95, max_tokens=64)
"""As in both papers, except for the length: one line is asked for."""
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"score": {"type": "number"}},
        "required": ["score"],
        "additionalProperties": False,
    },
    sort_keys=True,
)
"""The reply. The number has no bounds, because the strict mode of some endpoints (Azure OpenAI's) takes none; a score
outside 0..10 is a missing grade like every other."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A judge of the papers: its LLM, and how many grades are averaged. The prompt is ours, so grades are not theirs."""

    uri: str
    repeats: int


JUDGES: dict[str, Preset] = {
    "s-72b": Preset("openai:Qwen/Qwen2.5-72B-Instruct-AWQ", repeats=2),
    "s-gpt": Preset("openai:gpt-4o-mini", repeats=5),
}
JUDGE, RUBRIC = "judge:", "rubric:"
"""Prefixes of the metric of a judge, by its kind."""


def with_preset(given: Any) -> Any:  # noqa: ANN401 - a value of a file
    """The table of a judge, completed with LLM and repeats of the preset that it names.

    Args:
        given: A table, or in its place "s-72b", "s-72b@http://HOST:PORT/v1" or the URI of an LLM; for a rubric judge
            with "rubric:" before it.

    Raises:
        ValueError: The name is neither a preset nor a URI.
    """
    if isinstance(given, str):
        if given.startswith(RUBRIC):
            return with_preset(given.removeprefix(RUBRIC)) | {"kind": "rubric", "repeats": 1}
        name, at, address = given.partition("@")
        if name in JUDGES:
            return {"name": name, "uri": JUDGES[name].uri + at + address, "repeats": JUDGES[name].repeats}
        if ":" not in name:
            raise ValueError(f"unknown judge {given!r}; allowed are {', '.join(JUDGES)}, or the URI of an LLM")
        return {"uri": given}
    if isinstance(given, Mapping):
        table = dict(cast("Mapping[str, Any]", given))
        if str(table.get("uri")).partition("@")[0] in JUDGES:
            table = with_preset(str(table.pop("uri"))) | table
        preset = JUDGES.get(str(table.get("name")))
        known: dict[str, Any] = {"uri": preset.uri, "repeats": preset.repeats} if preset else {}
        return known | ({"repeats": 1} if table.get("kind") == "rubric" else {}) | table
    return given


async def judge(
    texts: Sequence[tuple[Case, str]],
    llm: LLM,
    records: Records,
    task: Task,
    repeats: int = 2,
    sampling: Sampling = SAMPLING,
) -> Judged:
    """Grade generated texts, all side by side; the journal keeps every grade.

    Args:
        texts: Cases with the text one method wrote for each; the case's ``reference`` is the real text.
        llm: The judge.
        records: Where the items come from.
        task: Words and templates.
        repeats: Grades per case; each is a call with its own seed.
        sampling: Sampling of every call; the schema is added where the engine offers it.

    Raises:
        InputError: A case occurs twice or has no real text.
        EngineError: The judge cannot be used at all; what was answered is kept.
    """
    _check(texts)
    sampling = with_schema(sampling, SCHEMA, llm)
    asks = [(case.id, _ask(case, text, records.item(case.item_id))) for case, text in texts]
    judged = await grade([Question(case_id, ask, sampling, _score) for case_id, ask in asks], llm, task, repeats)
    return replace(judged, per_case={case_id: score / 10 for case_id, score in judged.per_case.items()})


def _check(texts: Sequence[tuple[Case, str]]) -> None:
    ids = [case.id for case, _ in texts]
    if len(set(ids)) < len(ids):
        raise InputError(
            f"judge: {len(ids)} texts of {len(set(ids))} cases; one text per case is allowed; judge per run"
        )
    without = [case.id for case, _ in texts if case.reference is None]
    if without:
        raise InputError(f"judge: {len(without)} cases have no real text, for example {without[0]!r}; leave them out")


def _ask(case: Case, text: str, item: Item) -> Ask:
    """What the judge sees: both texts, the item's title and description, rating and title of the request."""
    real = Passage("target", case.reference or "", record_ids=(case.id,))
    return Ask(STEP, (real, Passage("others", text)), item, case)


# Reading a reply ----------------------------------------------------------------------------------------------------

# A number that stands alone: not a part of another, of a range, a date or a percentage, not "of" anything but ten.
_NUMBER = (
    r"(?<![\w.,/\-–−])(?<!\bto )(?<!\bor )(\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?![.,]?\d|e[+-]?\d)"
    r"(?![ \t]*(?:%|(?:-|–|to|or)[ \t]*\d|(?:/|out of)(?![ \t]*10\b(?!/|[.,]\d))))"
)
_GAP = r"""(?:\s*\([^)]*\))?(?:\s+(?:is|of|would\ be))?[\s:="'*_`|]*(?:\s-\s+)?"""
_FORMS = tuple(
    re.compile(form, re.IGNORECASE | re.MULTILINE)
    for form in (
        rf"^\W*(?:(?:final|overall|total)\s+)?score\b{_GAP}{_NUMBER}",  # the line that was asked for, or JSON
        rf"\bscore\b{_GAP}{_NUMBER}",
        rf"{_NUMBER}\W{{0,3}}(?:/|out of)\s*10\b",
        rf"\A\W*{_NUMBER}\W*\Z",
    )
)
"""From the clearest to the barest; the first form that is found decides."""


def _score(text: str) -> float | str:
    """The score in a judge's cleaned reply, 0..10, or the reason why there is none."""
    score = read_score(text)
    return "no clear number from 0 to 10 in the judge's reply" if score is None else score


def read_score(text: str) -> float | None:
    """The score in a judge's cleaned reply, 0..10; None where there is no clear one.

    Read are "8", "8.5", "Score: 8/10", "**Score:** 7", "8 out of 10", {"score": 8} and the like. Two different
    numbers of the same form, a number beyond 0..10 and a number in a sentence about something else are no score.
    """
    for form in _FORMS:
        numbers = {float(number) for number in form.findall(text)}
        if numbers:
            number = numbers.pop()
            return number if not numbers and number <= 10 else None
    return None
