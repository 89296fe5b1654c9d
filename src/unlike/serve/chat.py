"""Chat completions in OpenAI's form, whole or in chunks: the LLM's own, or built from text of an LLM in this process."""

import secrets
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from unlike.errors import Refused
from unlike.llm.backend import Sampling
from unlike.memory.answers import Written
from unlike.memory.memory import Memory
from unlike.memory.request import Prepared
from unlike.serve.answers import event
from unlike.serve.chat_bodies import ChatBody
from unlike.serve.errors import RefusedByLLM
from unlike.serve.service import Service

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class AnswerMessage:
    """The LLM's answer, with whatever else it sent, such as `tool_calls`."""

    role: str
    content: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer."""

    index: int
    message: AnswerMessage
    finish_reason: str | None
    logprobs: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class TokensUsed:
    """Tokens of a call."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """How personal an answer is, and why; see ``POST /v1/generate``.

    Attributes:
        item: Id of the item that the LLM was told of; null for none.
    """

    rung: str
    why: str
    profile_version: int | None
    item: str | None


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """A chat completion, with OpenAI's fields and one of ours."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    unlike: MadeFrom
    usage: TokensUsed | None = None


async def prepared_chat(body: ChatBody, memory: Memory) -> Prepared:
    """The prompt of a chat: unchanged, or with what is known of the user before it.

    Raises:
        NotOffered: Where something is asked for that is not offered.
        BudgetSpent: The tenant's tokens of the day are used up.
    """
    if memory.passes_chats:
        messages, sampling = body.passed_messages(), Sampling(max_tokens=body.reserved_tokens)
    else:
        messages, sampling = body.plain_messages(), body.sampling(memory.backend)
    return await memory.prepare_chat(messages, sampling, body.user, body.item_id)


async def answer(chat: Prepared, body: ChatBody, service: Service, memory: Memory) -> Mapping[str, Any]:
    """A chat completion."""
    head = {"object": "chat.completion", **_head(chat, body, memory)}
    if memory.passes_chats:
        try:
            sent = await memory.chat(chat, body.passed_fields())
        except Refused as refusal:
            raise RefusedByLLM(refusal) from refusal
        service.answered()
        return sent | head
    written = await memory.write(chat)
    service.answered()
    choice = Choice(0, AnswerMessage("assistant", written.text), written.finish_reason)
    return head | {"choices": [choice], "usage": _tokens_used(written.prompt_tokens, written.completion_tokens)}


async def chunks(chat: Prepared, body: ChatBody, service: Service, memory: Memory) -> AsyncGenerator[bytes]:
    """The events of a chat completion.

    Args:
        chat: The prompt.
        body: The request: the fields to pass on, and whether the chunks end with the number of tokens.
        service: Notes the LLM's answer.
        memory: Calls the LLM.
    """
    head = _head(chat, body, memory) | {"object": "chat.completion.chunk"}
    parts = _passed_chunks(chat, body, service, memory) if memory.passes_chats else _local_chunks(chat, service, memory)
    async with aclosing(parts):
        async for part in parts:
            usage = part.pop("usage", None)
            if body.wants_usage and not part["choices"]:
                yield event({**part, **head, "usage": usage})
            elif part["choices"]:
                yield event({**part, **head})
    yield DONE


async def _passed_chunks(
    chat: Prepared, body: ChatBody, service: Service, memory: Memory
) -> AsyncGenerator[dict[str, Any]]:
    """The LLM's own chunks."""
    try:
        async with aclosing(memory.chat_stream(chat, body.passed_fields())) as parts:
            async for part in parts:
                yield part
    except Refused as refusal:
        raise RefusedByLLM(refusal) from refusal
    service.answered()


async def _local_chunks(chat: Prepared, service: Service, memory: Memory) -> AsyncGenerator[dict[str, Any]]:
    """Chunks of the text of an LLM in this process."""
    start = {"role": "assistant"}
    async with aclosing(memory.write_stream(chat)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Written):
                service.answered()
                yield _choice({}, piece.finish_reason)
                yield {"choices": [], "usage": _tokens_used(piece.prompt_tokens, piece.completion_tokens)}
            else:
                yield _choice(start | {"content": piece})
                start = {}


def _head(chat: Prepared, body: ChatBody, memory: Memory) -> dict[str, Any]:
    context = chat.context
    misnamed = body.misnamed_item
    why = context.why + (f"; metadata has {misnamed!r}, but the item is read from 'item_id'" if misnamed else "")
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "created": int(time.time()),
        "model": memory.backend.model,
        "unlike": MadeFrom(context.rung, why, context.profile_version, chat.chat_item),
    }


def _choice(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]}


def _tokens_used(prompt: int, completion: int) -> TokensUsed:
    return TokensUsed(prompt, completion, prompt + completion)
