"""A chat's answer, and how OpenAI writes it: whole, or in chunks."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from unlike.errors import CallFailed, UnlikeError
from unlike.memory.answers import Written
from unlike.memory.ladder import Known
from unlike.memory.memory import Memory
from unlike.memory.request import Prepared
from unlike.memory.writing import write_stream
from unlike.privacy.repeats import Others
from unlike.serve.answers import event
from unlike.serve.chat_bodies import ChatBody
from unlike.serve.errors import ErrorBody
from unlike.serve.service import Service
from unlike.writing.expected import ANSWER

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat ready for the LLM.

    Attributes:
        prepared: Messages, sampling, and what they were made from.
        profile_version: Of the profile in the messages.
        usage: Whether the chunks end with the number of tokens.
    """

    prepared: Prepared
    profile_version: int | None
    usage: bool


async def prepare_chat(body: ChatBody, memory: Memory) -> Chat:
    """The prompt of a chat: as it came, or with the user's part before it.

    Raises:
        NotOffered: Where something is asked for that is not offered.
        BudgetSpent: The tenant's tokens of the day are used up.
    """
    sampling, messages = body.sampling(memory.backend), body.prompt()
    if body.user is None:
        await memory.check_budget()
        # Whoever names no user shares the engine's cache with the tenant's others who name none, and with nobody else.
        sampling = replace(sampling, cache_salt=f"tenant {memory.tenant.id}")
        return Chat(
            Prepared(messages, sampling, Known("plain", "no user is named"), Others(()), ANSWER), None, body.tells_usage
        )
    own = await memory.personalise(messages, body.user, body.item_id)
    sampling = replace(sampling, cache_salt=own.cache_salt)
    known = Known(own.rung, own.why)
    return Chat(Prepared(own.messages, sampling, known, own.others, ANSWER), own.profile_version, body.tells_usage)


async def answer(chat: Chat, memory: Memory) -> dict[str, Any]:
    """A chat completion."""
    written = await memory.write(chat.prepared)
    message = {"role": "assistant", "content": written.text}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": written.finish_reason}
    return _head("chat.completion", chat, memory) | {"choices": [choice], "usage": _usage(written)}


async def chunks(chat: Chat, service: Service, memory: Memory) -> AsyncGenerator[bytes]:
    """The events of a chat completion; what goes wrong before the first of them is raised."""
    head = _head("chat.completion.chunk", chat, memory)
    cost = _Cost(chat, memory)
    try:
        async with aclosing(write_stream(chat.prepared, memory.backend, memory.settings, cost.hear)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Written):
                    await memory.spend(cost.known(piece.prompt_tokens + piece.completion_tokens))
                    service.answered(piece.prompt_tokens, piece.completion_tokens)
                    yield event(head | _choice({}, piece.finish_reason))
                    if chat.usage:
                        yield event(head | {"choices": [], "usage": _usage(piece)})
                    yield DONE
                else:
                    yield event(head | _choice({"content": piece} if cost.begun else _first(piece)))
                    cost.begun = True
    except UnlikeError as error:
        if isinstance(error, CallFailed) and error.tokens:
            await memory.spend(cost.known(error.tokens))
        if not cost.begun:
            raise
        yield event(ErrorBody(service.failed(error).text))
    finally:
        if cost.n_chars and not cost.is_known:
            service.later(cost.estimated())


@dataclass(slots=True)
class _Cost:
    """What an answer costs the tenant, also where it is broken off and the engine never tells.

    Attributes:
        begun: Whether some of it was sent to the caller.
        n_chars: What the engine wrote so far, thoughts included.
    """

    chat: Chat
    memory: Memory
    begun: bool = False
    n_chars: int = 0
    is_known: bool = False

    def hear(self, piece: str) -> None:
        self.n_chars += len(piece)

    def known(self, tokens: int) -> int:
        self.is_known = True
        return tokens

    async def estimated(self) -> None:
        prompt = await asyncio.to_thread(self.memory.backend.count_tokens, self.chat.prepared.messages)
        await self.memory.spend(prompt + (self.n_chars + 2) // 3)


def _head(kind: str, chat: Chat, memory: Memory) -> dict[str, Any]:
    known = chat.prepared.known
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": memory.backend.model,
        "unlike": {"rung": known.rung, "why": known.why, "profile_version": chat.profile_version},
    }


def _first(piece: str) -> dict[str, str]:
    return {"role": "assistant", "content": piece}


def _choice(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]}


def _usage(written: Written) -> dict[str, int]:
    prompt, completion = written.prompt_tokens, written.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
