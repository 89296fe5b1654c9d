"""The trace of a generation: ids and calls, enough to show and to repeat every step. It holds no record's text."""

from collections.abc import Sequence
from typing import Any

from unlike.config import MethodSettings
from unlike.methods.kit import Outcome
from unlike.methods.steps import Difference, Reply
from unlike.records import Record


def outcome(
    draft: Reply,
    settings: MethodSettings,
    history: Sequence[Record] = (),
    past: Sequence[Record] = (),
    differences: Sequence[Difference] = (),
    profile: Reply | None = None,
) -> Outcome:
    """The outcome of a method with the trace of its steps."""
    trace = {
        "time_rule": settings.time_rule,
        "history_records": len(history),
        "past": [record.id for record in past],
        "differences": [_difference(difference) for difference in differences],
        "profile": {"text": profile.text, "call": profile.call} if profile else None,
        "generate": draft.call,
    }
    return Outcome(draft.text, trace)


def records_read(past: Sequence[Record], differences: Sequence[Difference]) -> list[str]:
    """Ids of every record whose words a profile was made from, each once."""
    ids = [record.id for record in past]
    for difference in differences:
        compared = difference.comparison
        ids += [compared.record.id, *(record.id for record in compared.representatives)]
    return list(dict.fromkeys(ids))


def _difference(difference: Difference) -> dict[str, Any]:
    compared = difference.comparison
    return {
        "record": compared.record.id,
        "item": compared.item.id,
        "n_peers": compared.n_peers,
        "representatives": [record.id for record in compared.representatives],
        "text": difference.reply.text,
        "call": difference.reply.call,
    }
