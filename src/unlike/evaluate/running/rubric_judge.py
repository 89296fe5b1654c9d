"""The rubric judge: the share of a user's criteria (``rubric``) that a text meets.

One call per text answers all criteria; a text with an unclear answer to one of them has no score. The real text of the
case is scored by itself, as the ceiling, and another user's real text on the same item as the floor: a rubric that
does not distinguish the two measures nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b

from unlike.evaluate.running.ask_judge import Judged, NoScore, Question, grade, with_schema
from unlike.evaluate.running.rubric import Rubric, json_objects
from unlike.llm.backend import Sampling
from unlike.llm.recorded import LLM
from unlike.prompts.prompt import Ask, Passage
from unlike.prompts.task import Dimension, Task
from unlike.records import Case, Record, Records, others_on

STEP = "rubric_judge"
SAMPLING = Sampling(temperature=0.0, top_p=1.0, max_tokens=160)


@dataclass(frozen=True, slots=True)
class Written:
    """A text of a case.

    Attributes:
        case: The case.
        text: Text of a method, or a real text.
        record_ids: Id of its record, if it is a real text.
    """

    case: Case
    text: str
    record_ids: tuple[str, ...] = ()


async def judge_by_rubric(texts: Sequence[Written], rubrics: Mapping[str, Rubric], llm: LLM, task: Task) -> Judged:
    """The share of criteria that each text meets, 0..1; the texts of a user without a rubric are failures.

    Args:
        texts: One per case.
        rubrics: By user id.
        llm: The judge.
        task: Words and templates.

    Raises:
        EngineError: The judge cannot be used at all; what was answered is kept.
    """
    of_text = [(text, rubrics[text.case.user_id]) for text in texts]
    without = [NoScore(text.case.id, 0, rubric.failure, rubric.raw) for text, rubric in of_text if rubric.failure]
    judged = await grade([_question(text, rubric, llm) for text, rubric in of_text if not rubric.failure], llm, task)
    return replace(judged, n_failed=judged.n_failed + len(without), failures=(*judged.failures, *without))


def real_texts(cases: Sequence[Case]) -> list[Written]:
    """The users' own texts of the cases: the ceiling."""
    return [Written(case, case.reference, (case.id,)) for case in cases if case.reference]


def texts_of_others(cases: Sequence[Case], records: Records) -> list[Written]:
    """For each case a real text by another user on its item: the floor. Cases without one are left out."""
    found = [(case, _another(case, records)) for case in cases]
    return [Written(case, record.text, (record.id,)) for case, record in found if record]


def _another(case: Case, records: Records) -> Record | None:
    there = others_on(records, case.item_id, case.user_id, None)
    others = [record for record in there if record.text != case.reference]
    return min(others, key=lambda one: blake2b(f"{case.id}:{one.id}".encode()).digest(), default=None)


def _question(text: Written, rubric: Rubric, llm: LLM) -> Question:
    criteria = [Dimension(str(n), criterion.text) for n, criterion in enumerate(rubric.criteria, 1)]
    passage = Passage("target", text.text, record_ids=(*text.record_ids, *rubric.read))
    sampling = with_schema(SAMPLING, _schema(len(criteria)), llm)
    return Question(
        text.case.id, Ask(STEP, (passage,), dimensions=tuple(criteria)), sampling, partial(share_met, n=len(criteria))
    )


def _schema(n: int) -> str:
    numbers = [str(number) for number in range(1, n + 1)]
    schema = {
        "type": "object",
        "properties": {number: {"type": "boolean"} for number in numbers},
        "required": numbers,
        "additionalProperties": False,
    }
    return json.dumps(schema, sort_keys=True)


# Reading a reply ------------------------------------------------------------------------------------------------------

_LINE = re.compile(
    r"^\W*(?:criterion\s+)?(\d{1,2})\W{1,5}(true|false|yes|no|met|not met|unmet)(?=\W*$|\s*[.,;:(–—])",
    re.IGNORECASE | re.MULTILINE,
)
_MEANINGS = {"true": True, "yes": True, "met": True, "false": False, "no": False, "not met": False, "unmet": False}


def share_met(text: str, n: int) -> float | str:
    """The share of ``n`` criteria that a cleaned reply calls met, or the reason why there is none."""
    answers: dict[int, set[bool]] = {}
    for number, met in _in_json(text) or _in_lines(text):
        answers.setdefault(number, set()).add(met)
    unclear = [str(number) for number in range(1, n + 1) if len(answers.get(number, ())) != 1]
    if unclear:
        return f"no clear answer to criterion {', '.join(unclear)} of {n} in the judge's reply"
    return sum(answers[number].pop() for number in range(1, n + 1)) / n


def _in_json(text: str) -> list[tuple[int, bool]]:
    pairs = [pair for found in json_objects(text) for pair in found.items() if re.fullmatch(r"\d{1,2}", pair[0])]
    read = ((int(number), _MEANINGS.get(str(value).strip().lower())) for number, value in pairs)
    return [(number, met) for number, met in read if met is not None]


def _in_lines(text: str) -> Iterator[tuple[int, bool]]:
    return ((int(number), _MEANINGS[answer.lower()]) for number, answer in _LINE.findall(text))
