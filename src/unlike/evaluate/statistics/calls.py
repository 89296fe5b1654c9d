"""The LLM calls of a trace, wherever its method put them; an entry stands for a call and its rewrites."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast


def calls_in(trace: object) -> list[Mapping[str, Any]]:
    """Every LLM call of a trace, wherever the method put it."""
    if isinstance(trace, Mapping):
        found = cast("Mapping[str, Any]", trace)
        inner = [call for value in found.values() for call in calls_in(value)]
        return [found, *inner] if "completion_tokens" in found else inner
    if isinstance(trace, list | tuple):
        return [call for value in cast("Sequence[object]", trace) for call in calls_in(value)]
    return []


def n_calls(calls: Iterable[Mapping[str, Any]]) -> int:
    """How many calls some entries of a trace stand for: each one has the cost of its rewrites too."""
    return sum(1 + call.get("rewrites", 0) for call in calls)


def keys_in(trace: Mapping[str, Any]) -> list[str]:
    """Journal keys of all calls of a trace, each once; for a failed case, of the calls that were made."""
    calls = [*calls_in(trace), *trace.get("calls", ())]
    keys = (key for call in calls for key in (call.get("key"), *call.get("other_keys", ())))
    return list(dict.fromkeys(str(key) for key in keys if key))
