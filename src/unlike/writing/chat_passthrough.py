"""Answers of chats that are passed on: their texts are cleaned and guarded like all texts, the rest is not changed.

Where the prompt holds others' texts, only OpenAI's fields are returned, since engines may repeat the prompt in fields of
their own, and in a stream everything but the text itself (arguments of tools, thoughts, probabilities of tokens) waits for
the end, so that it can be checked as a whole.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from unlike.llm.chat_passthrough import Answer, Chunks, PassedChat, PassthroughLLM, usage_in
from unlike.privacy.repeats import Others
from unlike.writing.clean import GrowingReply, clean_reply
from unlike.writing.expected import ANSWER
from unlike.writing.repeat_guard import HeldText, Repeated
from unlike.writing.write import Guard

ANSWER_FIELDS = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier"}
)
CHOICE_FIELDS = frozenset({"index", "message", "delta", "finish_reason", "logprobs"})
"""What is returned of an answer and its choices where the prompt holds others' texts."""


async def write_chat(chat: PassedChat, llm: PassthroughLLM, guard: Guard) -> Answer:
    """The whole answer to a chat.

    Raises:
        Refused: The engine does not take this request.
        CallFailed: The call failed, or cleaning leaves no words of a text.
        EngineError: The LLM cannot be used.
        Repeated: The answer repeats another person's words.
    """
    answer = await llm.whole(chat)
    if guard.on_repeat == "retry" and _repeats(answer, guard):
        first, answer = answer, await llm.whole(_again(chat))
        answer["usage"] = (answer.get("usage") or {}) | _sum(usage_in(first), usage_in(answer))
    if guard.on_repeat != "mark" and _repeats(answer, guard):
        raise Repeated(guard.others.n_words)
    answer = _without_prompt(answer, guard)
    answer["choices"] = [_cleaned(choice) for choice in answer["choices"]]
    return answer


async def write_chat_stream(chat: PassedChat, llm: PassthroughLLM, guard: Guard) -> Chunks:
    """The answer in chunks; errors as in ``write_chat``, without a second attempt."""
    others = Others(()) if guard.on_repeat == "mark" else guard.others
    growing = dict[int, _GrowingChoice]()
    async with aclosing(llm.stream(chat)) as chunks:
        async for sent in chunks:
            chunk = _without_prompt(sent, guard)
            for choice in chunk.get("choices") or ():
                index = choice.get("index", 0)
                for part in growing.setdefault(index, _GrowingChoice(others)).add(choice):
                    yield {**chunk, "choices": [part], "usage": None}
            if chunk.get("usage") or not chunk.get("choices"):
                yield {**chunk, "choices": []}


class _GrowingChoice:
    """One of the answers in a stream.

    Args:
        others: Whose words may not be repeated.
    """

    def __init__(self, others: Others) -> None:
        self._others = others
        self._reply = GrowingReply(ANSWER)
        self._held = HeldText(others)
        self._text = ""
        self._waiting = list[dict[str, Any]]()

    def add(self, choice: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The parts that can be sent once a part is added."""
        delta: dict[str, Any] = dict(choice.get("delta") or {})
        content, rest = delta.pop("content", None), {n: v for n, v in choice.items() if n != "delta"}
        finish_reason = rest.pop("finish_reason", None)
        if isinstance(content, str):
            self._text += content
            words = self._held.add(self._reply.add(content))
            if words or not content:
                delta["content"] = words
        elif content is not None or "content" in (choice.get("delta") or {}):
            delta["content"] = content
        yield from self._other_parts(rest, delta)
        if finish_reason is not None:
            yield from self._end(rest.get("index", 0), finish_reason)

    def _other_parts(self, rest: dict[str, Any], delta: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The part itself, less what has to wait."""
        if self._others.texts:
            sent = {name: delta.pop(name) for name in ("role", "content") if name in delta}
            logprobs = rest.get("logprobs")
            if delta or logprobs:
                self._waiting.append({**rest, "delta": delta, "finish_reason": None})
            rest, delta = rest | ({"logprobs": None} if logprobs else {}), sent
        if delta or rest.get("logprobs"):
            yield {**rest, "delta": delta, "finish_reason": None}

    def _end(self, index: int, finish_reason: str) -> Iterator[dict[str, Any]]:
        text = clean_reply(self._text) if self._text.strip() else ""
        words = self._held.add(self._reply.rest_of(text, self._text) if text else "") + self._held.rest()
        merged = dict[str, Any]()
        for part in self._waiting:
            _merge(merged, part["delta"])
        tokens = "".join(_tokens_in(part.get("logprobs")) for part in self._waiting)
        texts = (*_words_in(merged), *((tokens, self._text) if tokens else ()))  # thoughts in the text have tokens too
        if self._others.runs_in("\n".join(texts)):
            raise Repeated(self._others.n_words)
        if words:
            yield {"index": index, "delta": {"content": words}, "finish_reason": None}
        yield from self._waiting
        yield {"index": index, "delta": {}, "finish_reason": finish_reason}
        self._waiting = []


def _without_prompt(answer: Answer, guard: Guard) -> Answer:
    """An answer or chunk without fields in which an engine may repeat a prompt that holds others' texts."""
    if not guard.others.texts:
        return answer
    choices = [
        {name: value for name, value in choice.items() if name in CHOICE_FIELDS}
        for choice in answer.get("choices") or ()
    ]
    return {name: value for name, value in answer.items() if name in ANSWER_FIELDS} | {"choices": choices}


def _cleaned(choice: Mapping[str, Any]) -> dict[str, Any]:
    message = choice["message"]
    content = message.get("content")
    if not isinstance(content, str) or not content.strip():
        return dict(choice)
    return {**choice, "message": {**message, "content": clean_reply(content)}}


def _repeats(answer: Answer, guard: Guard) -> bool:
    choices = answer["choices"] if guard.others.texts else ()
    texts = [text for one in choices for text in (*_words_in(one["message"]), _tokens_in(one.get("logprobs")))]
    return bool(guard.others.runs_in("\n".join(texts)))


def _tokens_in(logprobs: object) -> str:
    """The text whose tokens' probabilities are given."""
    entries = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    return "".join(str(entry.get("token", "")) for entry in entries or () if isinstance(entry, Mapping))


def _words_in(part: object, name: str = "") -> Iterator[str]:
    """All texts in a message; arguments of tools are JSON, so the texts in it."""
    if isinstance(part, str):
        try:
            yield from _words_in(json.loads(part)) if name == "arguments" else (part,)
        except (ValueError, RecursionError):
            yield part
    elif isinstance(part, Mapping):
        for inner_name, inner in part.items():
            yield from _words_in(inner, str(inner_name))
    elif isinstance(part, Sequence):
        for inner in part:
            yield from _words_in(inner, name)


def _merge(into: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add a delta to a message: texts are joined, and lists merged by the index of their entries."""
    for name, value in delta.items():
        there = into.get(name)
        if isinstance(value, str) and isinstance(there, str):
            into[name] = there + value
        elif isinstance(value, Mapping):
            _merge(into.setdefault(name, {}), value)
        elif isinstance(value, list):
            entries = into.setdefault(name, {})
            for place, entry in enumerate(value):
                own = entry if isinstance(entry, Mapping) else {"entry": entry}
                _merge(entries, {str(own.get("index", place)): own})
        elif value is not None:
            into[name] = value


def _again(chat: PassedChat) -> PassedChat:
    """The same chat with another seed, where it has one."""
    seed = chat.fields.get("seed")
    return replace(chat, fields={**chat.fields, "seed": seed + 1}) if isinstance(seed, int) else chat


def _sum(first: tuple[int, int], second: tuple[int, int]) -> dict[str, int]:
    prompt, completion = (one + other for one, other in zip(first, second, strict=True))
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
