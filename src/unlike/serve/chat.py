"""A chat's answer, and how OpenAI writes it: whole, or in chunks."""

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from unlike.errors import UnlikeError
from unlike.memory.answers import Written
from unlike.memory.memory import Memory
from unlike.memory.request import Prepared
from unlike.serve.answers import event
from unlike.serve.chat_bodies import ChatBody
from unlike.serve.errors import ErrorBody
from unlike.serve.service import Service

DONE = b"data: [DONE]\n\n"


async def prepared_chat(body: ChatBody, memory: Memory) -> Prepared:
    """The prompt of a chat: as it came, or with the user's part before it.

    Raises:
        NotOffered: Where something is asked for that is not offered.
        BudgetSpent: The tenant's tokens of the day are used up.
    """
    return await memory.prepare_chat(body.prompt(), body.sampling(memory.backend), body.user, body.item_id)


async def answer(chat: Prepared, memory: Memory) -> dict[str, Any]:
    """A chat completion."""
    written = await memory.write(chat)
    message = {"role": "assistant", "content": written.text}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": written.finish_reason}
    return _head("chat.completion", chat, memory) | {"choices": [choice], "usage": _usage(written)}


async def chunks(chat: Prepared, with_usage: bool, service: Service, memory: Memory) -> AsyncGenerator[bytes]:
    """The events of a chat completion; what goes wrong before the first of them is raised.

    Args:
        chat: What is answered.
        with_usage: Whether the chunks end with the number of tokens.
        service: Notes how the LLM does.
        memory: Writes.
    """
    head, begun = _head("chat.completion.chunk", chat, memory), False
    try:
        async with aclosing(memory.write_stream(chat)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Written):
                    service.answered(piece.prompt_tokens, piece.completion_tokens)
                    yield event(head | _choice({}, piece.finish_reason))
                    if with_usage:
                        yield event(head | {"choices": [], "usage": _usage(piece)})
                    yield DONE
                else:
                    yield event(head | _choice({"content": piece} if begun else _first(piece)))
                    begun = True
    except UnlikeError as error:
        if not begun:
            raise
        yield event(ErrorBody(service.failed(error).text))


def _head(kind: str, chat: Prepared, memory: Memory) -> dict[str, Any]:
    context = chat.context
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": memory.backend.model,
        "unlike": {"rung": context.rung, "why": context.why, "profile_version": context.profile_version},
    }


def _first(piece: str) -> dict[str, str]:
    return {"role": "assistant", "content": piece}


def _choice(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]}


def _usage(written: Written) -> dict[str, int]:
    prompt, completion = written.prompt_tokens, written.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
