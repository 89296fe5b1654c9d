"""What a key may do: the scope that each route needs."""

from unlike.store.api_keys import Scope

_WRITES = ("/v1/records", "/v1/feedback", "/v1/items")
_GENERATES = ("/v1/generate", "/v1/chat/", "/v1/models")
_SPENDS = ("/v1/playground", "/v1/map")
"""They read, and may call the LLM."""


def scope_of(method: str, path: str) -> Scope:
    """The scope that a request needs; unknown routes need the highest."""
    if path.startswith(_GENERATES):
        return "generate"
    if path.startswith(_WRITES):
        return "write"
    if method in ("GET", "HEAD") and not path.endswith(("/export", "/prompts")):
        return "read"
    return "generate" if path.startswith(_SPENDS) else "administer"
