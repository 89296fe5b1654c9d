"""Answers of chats that are passed on: their texts are cleaned and guarded like all texts, the rest is as it came.

While others' words may not be repeated, everything but the text itself (arguments of tools, thoughts, probabilities of
tokens) waits for the end of the stream, so that it can be checked as a whole.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from unlike.llm.chat_passthrough import Answer, Chunks, PassedChat, PassingLLM, usage_in
from unlike.privacy.repeats import Others
from unlike.writing.clean import GrowingReply, clean_reply
from unlike.writing.expected import ANSWER
from unlike.writing.repeat_guard import Repeated
from unlike.writing.write import Guard


async def write_chat(chat: PassedChat, llm: PassingLLM, guard: Guard) -> Answer:
    """The whole answer to a chat.

    Raises:
        Refused: The engine does not take this request.
        CallFailed: The call failed, or cleaning leaves no words of a text.
        EngineError: The LLM cannot be used.
        Repeated: The answer repeats another person's words.
    """
    answer = await llm.whole(chat)
    if _repeats(answer, guard) and guard.on_repeat == "retry":
        first, answer = answer, await llm.whole(_again(chat))
        answer["usage"] = (answer.get("usage") or {}) | _sum(usage_in(first), usage_in(answer))
    if _repeats(answer, guard) and guard.on_repeat != "mark":
        raise Repeated(guard.others.n_words)
    answer["choices"] = [_cleaned(choice) for choice in answer["choices"]]
    return answer


async def write_chat_stream(chat: PassedChat, llm: PassingLLM, guard: Guard) -> Chunks:
    """The answer in chunks; errors as in ``write_chat``, without a second attempt."""
    others = Others(()) if guard.on_repeat == "mark" else guard.others
    growing = dict[int, _GrowingChoice]()
    async with aclosing(llm.stream(chat)) as chunks:
        async for chunk in chunks:
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
        self._text, self._held = "", ""
        self._waiting = list[dict[str, Any]]()

    def add(self, choice: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The parts that can be sent once a part has come."""
        delta: dict[str, Any] = dict(choice.get("delta") or {})
        content, rest = delta.pop("content", None), {n: v for n, v in choice.items() if n != "delta"}
        finish_reason = rest.pop("finish_reason", None)
        if isinstance(content, str):
            self._text += content
            words = self._unguarded(self._reply.add(content))
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
        self._held += self._reply.rest_of(text, self._text) if text else ""
        merged = dict[str, Any]()
        for part in self._waiting:
            _merge(merged, part["delta"])
        if self._others.runs_in(self._held) or self._others.runs_in("\n".join(_words_in(merged))):
            raise Repeated(self._others.n_words)
        if self._held:
            yield {"index": index, "delta": {"content": self._held}, "finish_reason": None}
        yield from self._waiting
        yield {"index": index, "delta": {}, "finish_reason": finish_reason}
        self._held, self._waiting = "", []

    def _unguarded(self, words: str) -> str:
        """The words that can no longer become part of a run of others' words."""
        self._held += words
        first, whole = self._others.cut(self._held)
        if self._others.runs_in(self._held[:whole]):
            raise Repeated(self._others.n_words)
        sent, self._held = self._held[:first], self._held[first:]
        return sent


def _cleaned(choice: Mapping[str, Any]) -> dict[str, Any]:
    message = choice["message"]
    content = message.get("content")
    if not isinstance(content, str) or not content.strip():
        return dict(choice)
    return {**choice, "message": {**message, "content": clean_reply(content)}}


def _repeats(answer: Answer, guard: Guard) -> bool:
    words = (word for choice in answer["choices"] for word in _words_in(choice["message"]))
    return bool(guard.others.texts) and bool(guard.others.runs_in("\n".join(words)))


def _words_in(part: object, name: str = "") -> Iterator[str]:
    """All texts in a message; of a tool's arguments, which are JSON, those that it holds."""
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
    """Add the part of a message to what has come of it: texts are joined, lists by the index of their entries."""
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
