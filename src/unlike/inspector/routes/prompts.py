"""The prompts of a case, from the journal."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from unlike.errors import InputError
from unlike.evaluate.running.progress import SentCall, journal_of, sent_calls
from unlike.evaluate.statistics.calls import keys_in
from unlike.inspector.routes.parameters import CaseId, Here, RunName, ascii_json_response
from unlike.prompts.slots import show_slots

router = APIRouter(prefix="/inspect/api", tags=["runs"])


@router.get("/case/prompts")
def prompts(here: Here, run: RunName, case: CaseId) -> Response:
    """Every call of a case, with its prompt and its answer."""
    found, row = here.run(run), here.rows(run).row(case)
    journal = journal_of(found.folder)
    if journal is None:
        raise InputError("the journal is not beside this run, so there are no prompts to show")
    keys = keys_in(row.trace)
    calls = sent_calls(journal, keys)
    return ascii_json_response(
        {"calls": [_shown(call) for call in calls if call.messages is not None], "note": _note(keys, calls)}
    )


def _shown(call: SentCall) -> dict[str, Any]:
    messages = [{**message, "content": show_slots(message["content"])} for message in call.messages or ()]
    return asdict(call) | {"messages": messages}


def _note(keys: list[str], calls: list[SentCall]) -> str:
    without, missing = sum(call.messages is None for call in calls), len(keys) - len(calls)
    notes = [f"{without} made with --no-keep-prompts"] if without else []
    notes += [f"{missing} not in the journal"] if missing else []
    return f"prompts that are not shown: {', '.join(notes)}" if notes else ""
