"""The trace of a generation: ids and calls, enough to show and to repeat every step. It holds no record's text."""

from collections.abc import Sequence
from typing import Any

from unlike.config import MethodSettings
from unlike.methods.kit import Outcome
from unlike.methods.steps import MOST_PEERS, Difference, Reply
from unlike.records import Record


def outcome(
    draft: Reply,
    settings: MethodSettings,
    history: Sequence[Record] = (),
    past: Sequence[Record] = (),
    differences: Sequence[Difference] = (),
    profile: Reply | None = None,
    **more: Any,  # noqa: ANN401  (what only one method has, JSON-able)
) -> Outcome:
    """The outcome of a method with the trace of its steps."""
    trace = {
        "time_rule": settings.time_rule,
        "history_records": len(history),
        "past": [record.id for record in past],
        "differences": [_difference(difference) for difference in differences],
        "profile": reply_trace(profile) if profile else None,
        **more,
        "generate": draft.call,
    }
    return Outcome(draft.text, trace)


def reply_trace(reply: Reply) -> dict[str, Any]:
    """A reply in a trace."""
    return {"text": reply.text, "call": reply.call}


def _difference(difference: Difference) -> dict[str, Any]:
    compared = difference.comparison
    return {
        "record": compared.record.id,
        "item": compared.item.id,
        "n_peers": compared.n_peers,
        **({"n_sampled": MOST_PEERS} if compared.n_peers > MOST_PEERS else {}),
        "representatives": [record.id for record in compared.representatives],
        **reply_trace(difference.reply),
    }
