"""The OpenAI chat API as endpoints really speak it: what is sent, what is refused, what is read.

Endpoints know different parts of it. A field that one refuses is left out from then on, or sent under its other name.
"""

import json
import re
from collections.abc import Callable, Mapping, Set
from typing import Any

from unlike.errors import EmptyAnswer
from unlike.llm.backend import Completion, Sampling, no_words, response_format
from unlike.llm.chat_passthrough import PassedChat, usage_in
from unlike.llm.http_client import StatusError
from unlike.llm.retry import TryAgain
from unlike.llm.system_role import SYSTEM_ROLE, refuses_system

REFUSING_STATUS = frozenset({400, 422, 501})
"""What endpoints answer that do not know a field; also what they answer when something else is wrong."""
SAID_BY_NAME = ("max_tokens", "cache_salt", "stream_options", "seed")
"""Fields that are given up only where the refusal names them."""
UNKNOWN = r"un(?:recogni[sz]ed|known|supported|expected)|not (?:permitted|supported|allowed)|forbidden|extra"
"""What refusals say next to a field they do not know. One that is only out of range must stay, and so must a salt that
an endpoint knows and finds badly made: without it, its cache would be shared with others unawares."""


def chat_fields(sampling: Sampling, refused: Set[str], *, stream: bool = False) -> dict[str, Any]:
    """All of a request but model, messages and ``stream``.

    Args:
        sampling: How the text is sampled.
        refused: Fields that this endpoint does not know.
        stream: Whether the answer is to come in pieces.
    """
    # The reasoning models of OpenAI know the limit only by its newer name, many other endpoints only by the older.
    limit = "max_completion_tokens" if "max_tokens" in refused else "max_tokens"
    fields: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        limit: sampling.max_tokens,
        "seed": sampling.seed,
    }
    if sampling.schema:
        fields["response_format"] = response_format(sampling.schema)
    if sampling.cache_salt:
        fields["cache_salt"] = sampling.cache_salt
    if sampling.logit_bias:
        fields["logit_bias"] = {
            str(token): value for token, value in sampling.logit_bias
        }  # JSON has no numbers as keys
    if stream:
        fields["stream_options"] = {"include_usage": True}
    return {name: value for name, value in fields.items() if name not in refused}


def passed_fields(
    chat: PassedChat, refused: Set[str], *, stream: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a request that is passed on, and those among them that the caller did not send.

    Args:
        chat: The request.
        refused: Fields that this endpoint does not know; those of the caller are sent all the same.
        stream: Whether the answer is to come in chunks.
    """
    ours: dict[str, Any] = {"cache_salt": chat.cache_salt} if chat.cache_salt else {}
    if stream:
        ours["stream_options"] = {**(chat.fields.get("stream_options") or {}), "include_usage": True}
    ours = {name: value for name, value in ours.items() if name not in refused}
    return {**chat.fields, **ours}, ours


def refused_field(refusal: StatusError, fields: Mapping[str, Any]) -> str | None:
    """Which field of a request its refusal is about, as far as one can tell; None where it is about something else.

    Few endpoints say in so many words that they know no schemas, so one that was sent is the last suspect.
    """
    if refusal.status not in REFUSING_STATUS:
        return None
    if SYSTEM_ROLE in fields and refuses_system(refusal.body):
        return SYSTEM_ROLE
    named = (name for name in SAID_BY_NAME if name in fields and _is_unknown(name, refusal.body))
    return next(named, "response_format" if "response_format" in fields else None)


def read_answer(body: str) -> dict[str, Any]:
    """A chat completion, parsed and otherwise unchanged.

    Raises:
        TryAgain: No JSON, or JSON without an answer in it.
    """
    try:
        answer: Any = json.loads(body)
        if all(isinstance(choice["message"], dict) for choice in answer["choices"]) and answer["choices"]:
            return answer
    except (ValueError, LookupError, TypeError, RecursionError):
        pass
    raise TryAgain(f"the answer holds no completion: {one_line(body)}", raw=body)


def ends_answer(chunk: Mapping[str, Any]) -> bool:
    """Whether a chunk ends one of the answers.

    Raises:
        LookupError, TypeError, AttributeError: This is no chunk of a chat stream.
    """
    choices = chunk.get("choices") or ()
    for choice in choices:
        if not isinstance(choice.get("delta") or {}, Mapping) or not isinstance(choice.get("index", 0), int):
            raise TypeError("a choice without index and delta")
    return any(choice.get("finish_reason") for choice in choices)


def as_chunk(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A whole answer as the only chunk of a stream."""
    choices = [
        {name: value for name, value in choice.items() if name != "message"} | {"delta": choice["message"]}
        for choice in answer["choices"]
    ]
    return {**answer, "object": "chat.completion.chunk", "choices": choices}


def read_completion(
    body: str, wall_s: float, text_of: Callable[[Any], Any] = lambda choice: choice["message"]["content"]
) -> Completion:
    """What the body of a completion says.

    Args:
        body: JSON.
        wall_s: Seconds it took.
        text_of: From a choice to its text; where a chat completion has it, if nothing is given.

    Raises:
        TryAgain: No JSON, or JSON without an answer in it.
        EmptyAnswer: An answer without text; only other random numbers may give another.
    """
    try:
        answer: Any = json.loads(body)
        choice = answer["choices"][0]
        text = text_of(choice) or ""
        prompt_tokens, completion_tokens = usage_in(answer)
        completion = Completion(
            # Half a surrogate pair is valid JSON and cannot be stored.
            text=text.encode("utf-8", "replace").decode(),
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            finish_reason=str(choice.get("finish_reason") or "stop"),
            wall_s=wall_s,
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise TryAgain(f"the answer holds no completion: {one_line(body)}", raw=body) from error
    if not completion.text.strip():
        tokens = completion.prompt_tokens + completion.completion_tokens
        raise EmptyAnswer(no_words(completion.finish_reason), body, tokens)
    return completion


def _is_unknown(field: str, said: str) -> bool:
    return (
        re.search(rf"(?:{UNKNOWN}).{{0,40}}\b{field}\b|\b{field}\b.{{0,60}}(?:{UNKNOWN})", said, re.I | re.S)
        is not None
    )


def one_line(text: str) -> str:
    """The start of a body, fit for a one-line message."""
    return " ".join(text[:400].split())[:200] or "an empty body"
