"""A chat's answer, and how OpenAI writes it: whole, or in chunks."""

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from unlike.memory.answers import Written
from unlike.memory.memory import Memory
from unlike.memory.request import Prepared
from unlike.serve.answers import event
from unlike.serve.chat_bodies import ChatBody
from unlike.serve.service import Service

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class AnswerMessage:
    """The LLM's answer."""

    role: Literal["assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer."""

    index: int
    message: AnswerMessage
    finish_reason: str
    logprobs: None = None


@dataclass(frozen=True, slots=True)
class TokensUsed:
    """Tokens of a call."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """How much of the user an answer was written from, and why; see ``POST /v1/generate``."""

    rung: str
    why: str
    profile_version: int | None


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """A chat completion, with OpenAI's fields and one of ours."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: TokensUsed
    unlike: MadeFrom


async def prepared_chat(body: ChatBody, memory: Memory) -> Prepared:
    """The prompt of a chat: as it came, or with the user's part before it.

    Raises:
        NotOffered: Where something is asked for that is not offered.
        BudgetSpent: The tenant's tokens of the day are used up.
    """
    return await memory.prepare_chat(body.prompt(), body.sampling(memory.backend), body.user, body.item_id)


async def answer(chat: Prepared, service: Service, memory: Memory) -> ChatCompletion:
    """A chat completion."""
    written = await memory.write(chat)
    service.answered(written)
    choice = Choice(0, AnswerMessage("assistant", written.text), written.finish_reason)
    return ChatCompletion(
        object="chat.completion", **_head(chat, memory), choices=[choice], usage=_tokens_used(written)
    )


async def chunks(chat: Prepared, with_usage: bool, service: Service, memory: Memory) -> AsyncGenerator[bytes]:
    """The events of a chat completion.

    Args:
        chat: What is answered.
        with_usage: Whether the chunks end with the number of tokens.
        service: Notes the LLM's answer.
        memory: Writes.
    """
    head = _head(chat, memory) | {"object": "chat.completion.chunk"}
    start = {"role": "assistant"}
    async with aclosing(memory.write_stream(chat)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Written):
                service.answered(piece)
                yield event(head | _choice({}, piece.finish_reason))
                if with_usage:
                    yield event(head | {"choices": [], "usage": _tokens_used(piece)})
                yield DONE
            else:
                yield event(head | _choice(start | {"content": piece}))
                start = {}


def _head(chat: Prepared, memory: Memory) -> dict[str, Any]:
    context = chat.context
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "created": int(time.time()),
        "model": memory.backend.model,
        "unlike": MadeFrom(context.rung, context.why, context.profile_version),
    }


def _choice(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]}


def _tokens_used(written: Written) -> TokensUsed:
    prompt, completion = written.prompt_tokens, written.completion_tokens
    return TokensUsed(prompt, completion, prompt + completion)
