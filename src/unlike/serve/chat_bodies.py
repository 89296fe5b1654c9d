"""Bodies of OpenAI's chat completions: supported parameters are used, unsupported ones are refused by name."""

import json
import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from unlike.llm.backend import Backend, Sampling
from unlike.serve.bodies import MAX_NUMBER, Body, Id, Text, example
from unlike.serve.errors import NotOffered

MAX_TOKENS = 2048
"""If the caller sets no limit."""
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
"""Parameters that are accepted and ignored, since they change no answer."""


class TextPart(Body):
    """A part of a message."""

    type: Literal["text"]
    text: Text


class Message(Body):
    """A message of a chat."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[TextPart], Field(min_length=1)]
    name: str | None = None
    """Not read."""

    def plain(self) -> dict[str, str]:
        """As engines take it."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class StreamOptions(Body):
    """What a stream contains besides the pieces of the answer."""

    include_usage: bool = False


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
    """`item_id` names the item that the chat is about; the rest is not read."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=32_768)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=32_768)] | None = None
    seed: Annotated[int, Field(ge=0, le=MAX_NUMBER)] | None = None
    """Random if omitted."""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: dict[str, Any] | None = None

    def prompt(self) -> list[dict[str, str]]:
        """The messages as engines take them."""
        return [message.plain() for message in self.messages]

    def sampling(self, backend: Backend) -> Sampling:
        """How the engine is to answer; OpenAI's defaults, not the papers'.

        Raises:
            NotOffered: Where something is asked for that is not offered.
        """
        self._refuse_what_is_not_offered()
        return Sampling(
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            max_tokens=self.max_completion_tokens or self.max_tokens or MAX_TOKENS,
            seed=secrets.randbelow(MAX_NUMBER) if self.seed is None else self.seed,
            schema=self._schema(backend),
        )

    @property
    def item_id(self) -> str | None:
        """The item of the memory that the chat is about."""
        return (self.metadata or {}).get("item_id")

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with the number of tokens."""
        return self.stream_options is not None and self.stream_options.include_usage

    def _refuse_what_is_not_offered(self) -> None:
        for name, value in (self.model_extra or {}).items():
            if name not in _IGNORED and value not in _ASKS_FOR_NOTHING.get(name, _NOTHING):
                raise NotOffered(f"{name!r} is not offered with this value; leave it out")

    def _schema(self, backend: Backend) -> str:
        wanted = self.response_format or {"type": "text"}
        if wanted.get("type") == "text":
            return ""
        described = wanted.get("json_schema")
        schema: Any = described.get("schema") if isinstance(described, dict) else None
        if wanted.get("type") != "json_schema" or not isinstance(schema, dict) or not backend.offers_schema:
            offered = "text or json_schema with a schema" if backend.offers_schema else "text"
            raise NotOffered(f"this 'response_format' is not offered; allowed is {offered}")
        return json.dumps(schema, sort_keys=True)
