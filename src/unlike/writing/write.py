"""From a draft to its text: written whole or in pieces, cleaned, and guarded against repeats of others' words."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from unlike.llm.backend import Backend, Completion
from unlike.llm.recorded import LLM, Answer, RecordedLLM, n_prompt_tokens
from unlike.privacy.repeats import Others
from unlike.writing.clean import clean_reply, cleaned
from unlike.writing.draft import Draft, Reply
from unlike.writing.faults import NO_TEXT, lasting_faults
from unlike.writing.repeat_guard import OnRepeat, Repeated, guarded

_COST = ("prompt_tokens", "completion_tokens", "wall_s")
NOT_WRITTEN = "(not written: only the likelihood of the real text is measured)"


@dataclass(frozen=True, slots=True)
class Guard:
    """What a text may not repeat, and what happens if it does.

    Attributes:
        others: Texts of others whose words may not be repeated.
        on_repeat: Refuse at once ("block"), write once more before that ("retry"), or mark and return ("mark").
    """

    others: Others
    on_repeat: OnRepeat = "retry"


NO_GUARD = Guard(Others(()))


async def write(draft: Draft, llm: LLM, guard: Guard = NO_GUARD) -> Reply:
    """The reply to a draft.

    Raises:
        CallFailed: The call failed, or cleaning leaves no words of its answer; the journal keeps the raw answer.
        EngineError: The LLM cannot be used.
        Repeated: The text repeats another person's words.
    """
    reply = await _answered(draft, llm)
    found = guard.others.runs_in(reply.text)
    if found and guard.on_repeat == "retry":
        first, again = reply, replace(draft, call=replace(draft.call, repeat=draft.call.repeat + draft.rewrites + 1))
        reply = await _answered(again, llm)
        reply = _with_cost(reply, [first.call[name] for name in _COST])
        found = guard.others.runs_in(reply.text)
    if found and guard.on_repeat != "mark":
        raise Repeated(guard.others.n_words)
    return replace(reply, repeats=tuple(found))


async def write_stream(draft: Draft, llm: RecordedLLM, guard: Guard = NO_GUARD) -> AsyncGenerator[str | Reply]:
    """The pieces of a text, then the whole reply; it is not journalled.

    Closed early, it stops the engine. Pieces that were sent cannot be taken back, so where ``write`` would write again, this
    raises Repeated.

    Raises:
        CallFailed: As ``write``.
        EngineError: As ``write``.
        Repeated: The text was about to repeat another person's words.
    """
    marks = guard.on_repeat == "mark"
    pieces = cleaned(llm.stream(draft.call), draft.expected)
    async with aclosing(guarded(pieces, Others(()) if marks else guard.others)) as safe:
        async for piece in safe:
            if isinstance(piece, str):
                yield piece
            else:
                found = guard.others.runs_in(piece.text) if marks else []
                yield replace(_reply(draft, piece.text, Answer.of(piece, "", cached=False)), repeats=tuple(found))


def not_written(draft: Draft, backend: Backend) -> Reply:
    """A placeholder where no reply is needed: the tokens of the prompt, and no text."""
    n_tokens = n_prompt_tokens(draft.call, backend)
    return _reply(draft, NOT_WRITTEN, Completion("", n_tokens, 0, "left out"))


async def _answered(draft: Draft, llm: LLM) -> Reply:
    """The reply; where it is not as asked and may be written again, the first without faults or the one with the fewest."""
    if not draft.rewrites:
        answer = await llm.call(draft.call)
        return _reply(draft, clean_reply(answer.text, draft.expected), answer)
    tried = list[tuple[Answer, tuple[str, ...]]]()
    while len(tried) <= draft.rewrites and (not tried or tried[-1][1]):
        answer = await llm.call(replace(draft.call, repeat=draft.call.repeat + len(tried)))
        tried.append((answer, lasting_faults(answer.text, answer.finish_reason == "length", draft.expected)))
    best, left = min(tried, key=lambda one: (NO_TEXT in one[1], len(one[1])))
    reply = _reply(draft, clean_reply(best.text, draft.expected), best)
    for other in (answer for answer, _ in tried if answer is not best):
        reply = _with_cost(reply, (other.prompt_tokens, other.completion_tokens, other.wall_s))
    return replace(reply, call={**reply.call, "rewrites": len(tried) - 1, "faults": list(left)})


def _reply(draft: Draft, text: str, answer: Answer | Completion) -> Reply:
    facts = {
        "step": draft.call.step,
        "key": answer.key if isinstance(answer, Answer) else "",
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "finish_reason": answer.finish_reason,
        "wall_s": round(answer.wall_s, 3),
        "left_out": list(draft.left_out),
    }
    return Reply(text, facts, draft.call.record_ids)


def _with_cost(reply: Reply, other: Sequence[float]) -> Reply:
    """The reply with the cost of another attempt added."""
    cost = {name: round(reply.call[name] + used, 3) for name, used in zip(_COST, other, strict=True)}
    return replace(reply, call={**reply.call, **cost})
