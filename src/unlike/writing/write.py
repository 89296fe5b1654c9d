"""From a draft to its text: written whole or in pieces, cleaned, and guarded against repeats of others' words."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from unlike.errors import CallFailed, EmptyAnswer
from unlike.llm.backend import PLACEHOLDER, Backend, Completion
from unlike.llm.recorded import LLM, Answer, RecordedLLM, n_prompt_tokens
from unlike.privacy.repeats import Others
from unlike.writing.clean import clean_reply, cleaned
from unlike.writing.draft import Draft, Reply
from unlike.writing.faults import NO_TEXT, lasting_faults
from unlike.writing.repeat_guard import OnRepeat, Repeated, guarded

REWRITE = 1_000
"""Added to a call's repeat number, and so to its seed, for each rewrite: a run with the next seed has other random numbers."""
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
        again = replace(draft, call=replace(draft.call, repeat=draft.call.repeat + 1))
        reply = _after(reply, await _answered(again, llm))
        found = guard.others.runs_in(reply.text)
    if found and guard.on_repeat != "mark":
        raise Repeated(guard.others.n_words)
    return replace(reply, repeats=tuple(found)) if found else reply


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
    """The first reply without a lasting fault, or else the one with the fewest, of at most ``rewrites`` + 1.

    An empty answer is asked for again too. A later attempt that fails loses nothing: the best of those before it is the reply.
    """
    call = draft.call
    answers, found, n_rewrites, failed_tokens = list[Answer](), list[tuple[str, ...]](), 0, 0
    for n in range(draft.max_rewrites + 1):
        n_rewrites = n
        try:
            answers.append(await llm.call(replace(call, repeat=call.repeat + REWRITE * n)))
        except EmptyAnswer as failure:
            if not answers and n == draft.max_rewrites:
                raise
            failed_tokens += failure.tokens
            continue
        except CallFailed as failure:
            if not answers:
                raise
            failed_tokens += failure.tokens
            break
        found.append(_faults(draft, answers[-1]))
        if not found[-1]:
            break
    best = min(range(len(found)), key=lambda place: (NO_TEXT in found[place], len(found[place])))
    reply = _reply(draft, clean_reply(answers[best].text, draft.expected), answers[best])
    others = answers[:best] + answers[best + 1 :]
    for other in others:
        reply = _with_cost(reply, (other.prompt_tokens, other.completion_tokens, other.wall_s))
    if not draft.rewrites:
        return reply
    reply = _with_cost(reply, (0, failed_tokens, 0.0))  # as usage counts them: what a failure reports is not divided
    keys = [other.key for other in others if other.key]
    attempts = {"rewrites": n_rewrites, **({"other_keys": keys} if keys else {})}
    return replace(reply, call={**reply.call, **attempts, "faults": list(found[best])})


def _faults(draft: Draft, answer: Answer) -> tuple[str, ...]:
    """The faults for which an LLM is asked again; () where it is not asked, or would answer the same."""
    if not draft.max_rewrites or answer.finish_reason == PLACEHOLDER:
        return ()
    return lasting_faults(answer.text, answer.finish_reason == "length", draft.expected)


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


def _after(first: Reply, second: Reply) -> Reply:
    """The second reply with the cost and the attempts of the first, which was one too many."""
    reply = _with_cost(second, [first.call[name] for name in _COST])
    n_rewrites = first.call.get("rewrites", 0) + 1 + second.call.get("rewrites", 0)
    keys = [*first.call.get("other_keys", ()), first.call["key"], *second.call.get("other_keys", ())]
    attempts = {"rewrites": n_rewrites, "other_keys": list(filter(None, keys))}
    return replace(reply, call={**reply.call, **attempts})


def _with_cost(reply: Reply, other: Sequence[float]) -> Reply:
    """The reply with the cost of another attempt added."""
    cost = {name: round(reply.call[name] + used, 3) for name, used in zip(_COST, other, strict=True)}
    return replace(reply, call={**reply.call, **cost})
