"""Bodies of OpenAI's chat completions: fields that the service does not read itself are passed on to the LLM unchanged.

An LLM in this process has no such API: supported parameters are used, and all others refused by name.
"""

import json
import re
import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from unlike.llm.backend import Backend, Sampling
from unlike.serve.bodies import MAX_NUMBER, Body, Id, example
from unlike.serve.errors import NotOffered

DEFAULT_MAX_TOKENS = 2048
"""If the caller sets no limit: the maximum that an LLM in this process writes, and what is reserved of a budget."""
OURS = frozenset({"model", "messages", "user", "metadata", "stream"})
"""Fields that the service reads itself; the user's id never goes to the LLM."""
_NOTHING: tuple[Any, ...] = (None, False, 0, "", [], {})
_ASKS_FOR_NOTHING: Mapping[str, tuple[Any, ...]] = {
    "n": (None, 1),
    "best_of": (None, 1),
    "tool_choice": (None, "none", "auto"),
    "function_call": (None, "none", "auto"),
    "modalities": (None, ["text"]),
}
"""Values with which an unsupported parameter changes nothing, where they differ from _NOTHING."""
_IGNORED = frozenset(
    {"parallel_tool_calls", "prompt_cache_key", "reasoning_effort", "safety_identifier", "service_tier", "store"}
)
"""Parameters that an LLM in this process may ignore, since they change no answer."""
_LIKE_ITEM_ID = re.compile(r"items?[\W_]*(ids?)?", re.IGNORECASE)
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
"""Of messages for an LLM in this process."""


class Message(Body):
    """A message of a chat, with whatever else OpenAI's API allows in it: tool calls, images, names."""

    model_config = ConfigDict(extra="allow")

    role: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    content: str | Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None


class ChatBody(Body):
    """A chat to continue; ``user`` makes the answer personal."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra=example(
            model="unlike",
            messages=[{"role": "user", "content": "Write two sentences on this album."}],
            user="ada",
            metadata={"item_id": "album-7"},
        ),
    )

    model: str
    """Any name: there is one model, which `GET /v1/models` names."""
    messages: Annotated[list[Message], Field(min_length=1, max_length=2_000)]
    user: Id | None = None
    metadata: dict[str, str] | None = None
    """`item_id` names the item that the chat is about; the rest is passed on."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=MAX_NUMBER)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=MAX_NUMBER)] | None = None
    seed: int | None = None
    """Random if omitted."""
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _can_be_passed_on(self) -> "ChatBody":
        """Refuse NaN, infinities and lone surrogates, which Python's JSON accepts and engines do not."""
        json.dumps(self.passed_messages() + [self.passed_fields()], allow_nan=False, ensure_ascii=False).encode()
        return self

    def passed_messages(self) -> list[dict[str, Any]]:
        """The messages, unchanged."""
        return [message.model_dump(exclude_unset=True) for message in self.messages]

    def passed_fields(self) -> dict[str, Any]:
        """The other fields, unchanged, without those that the service reads itself."""
        fields = self.model_dump(exclude_unset=True, exclude=set(OURS))
        other = {name: value for name, value in (self.metadata or {}).items() if name != "item_id"}
        return fields | ({"metadata": other} if other else {})

    def plain_messages(self) -> list[dict[str, str]]:
        """The messages as LLMs in this process take them.

        Raises:
            NotOffered: One is more than text.
        """
        return [_plain(message, f"messages[{place}]") for place, message in enumerate(self.messages)]

    def sampling(self, backend: Backend) -> Sampling:
        """How an LLM in this process is to answer; OpenAI's defaults, not the papers'.

        Raises:
            NotOffered: Where something is asked for that is not offered.
        """
        self._refuse_what_is_not_offered()
        return Sampling(
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            max_tokens=self._max_tokens,
            seed=secrets.randbelow(MAX_NUMBER) if self.seed is None else self.seed % (MAX_NUMBER + 1),
            schema=self._schema(backend),
        )

    @property
    def reserved_tokens(self) -> int:
        """Tokens that all answers may have together, if the engine obeys the caller's limit."""
        n = (self.model_extra or {}).get("n")
        return min(self._max_tokens * (n if isinstance(n, int) and n > 1 else 1), MAX_NUMBER)

    @property
    def item_id(self) -> str | None:
        """The item of the memory that the chat is about."""
        return (self.metadata or {}).get("item_id")

    @property
    def misnamed_item(self) -> str | None:
        """A key of the metadata that looks like a misspelt ``item_id``, where that is missing."""
        names = self.metadata or {}
        return None if "item_id" in names else next((name for name in names if _LIKE_ITEM_ID.fullmatch(name)), None)

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with the number of tokens."""
        return bool((self.stream_options or {}).get("include_usage"))

    @property
    def _max_tokens(self) -> int:
        return self.max_completion_tokens or self.max_tokens or DEFAULT_MAX_TOKENS

    def _refuse_what_is_not_offered(self) -> None:
        for name, value in (self.model_extra or {}).items():
            if name not in _IGNORED and value not in _ASKS_FOR_NOTHING.get(name, _NOTHING):
                raise NotOffered(f"{name!r} is not offered with this value by this LLM; leave it out", name)

    def _schema(self, backend: Backend) -> str:
        wanted = self.response_format or {"type": "text"}
        if wanted.get("type") == "text":
            return ""
        described = wanted.get("json_schema")
        schema: Any = described.get("schema") if isinstance(described, dict) else None
        if wanted.get("type") != "json_schema" or not isinstance(schema, dict) or not backend.offers_schema:
            offered = "text or json_schema with a schema" if backend.offers_schema else "text"
            message = f"this 'response_format' is not offered by this LLM; allowed is {offered}"
            raise NotOffered(message, "response_format")
        return json.dumps(schema, sort_keys=True)


def _plain(message: Message, place: str) -> dict[str, str]:
    for name, value in (message.model_extra or {}).items():
        if value and name != "name":
            raise NotOffered(f"{name!r} of a message is not offered by this LLM; leave it out", f"{place}.{name}")
    if message.role not in _ROLES:
        raise NotOffered(f"this LLM knows the roles {', '.join(_ROLES)}; another one was sent", f"{place}.role")
    parts = message.content if isinstance(message.content, list) else [{"type": "text", "text": message.content}]
    texts = [part.get("text") for part in parts if part.get("type") == "text"]
    if not all(isinstance(text, str) and text for text in texts) or len(texts) < len(parts):
        raise NotOffered("this LLM reads messages of text only, and none that are empty", f"{place}.content")
    return {"role": _ROLES[message.role], "content": "".join(map(str, texts))}
