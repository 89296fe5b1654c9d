"""Models whose chat template knows no system role: what the system part says goes to the front of the first user's turn."""

import re
from typing import Any

from unlike.llm.backend import Messages

SYSTEM_ROLE = "system role"
"""What a refusal is about that is about the system part; a name beside those of a request's fields."""

_REFUSED = re.compile(
    r"system\W{0,3}(?:role|message|prompt)s?\b.{0,40}\bnot\b|\bnot\b.{0,40}\bsystem\W{0,3}(?:role|message|prompt)"
    r"|roles? must alternate|only (?:the )?user (?:and|, ).{0,30}roles?",
    re.IGNORECASE | re.DOTALL,
)


def has_system(messages: Messages) -> bool:
    """Whether messages have a system part."""
    return any(message["role"] == "system" for message in messages)


def without_system(messages: Messages) -> list[dict[str, Any]]:
    """The messages with the system part, a blank line after it, at the beginning of the first user's turn."""
    said = "\n\n".join(_text_of(message["content"]) for message in messages if message["role"] == "system")
    rest = [dict(message) for message in messages if message["role"] != "system"]
    if not said:
        return rest
    if not rest or rest[0]["role"] != "user":
        return [{"role": "user", "content": said}, *rest]
    content = rest[0]["content"]
    if isinstance(content, list):
        return [rest[0] | {"content": [{"type": "text", "text": f"{said}\n\n"}, *content]}, *rest[1:]]
    return [rest[0] | {"content": f"{said}\n\n{content}"}, *rest[1:]]


def _text_of(content: Any) -> str:  # noqa: ANN401 - text, or parts of a message
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or ())


def refuses_system(said: str) -> bool:
    """Whether an engine's refusal is about the system part."""
    return _REFUSED.search(said) is not None
