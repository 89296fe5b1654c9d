"""Drafts and replies: what a method returns, and what an LLM makes of it.

A draft is the prompt of a text with all that is needed to write it, to score a real text behind it, to count it or to
show it. The calls before the text are drafts too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from unlike.llm.backend import Backend, Sampling
from unlike.llm.journal import Call
from unlike.llm.soft_prompt import SoftAsk
from unlike.prompts.budget import fit
from unlike.prompts.prompt import Ask, Passage, items_of, record_ids_of
from unlike.prompts.task import Task
from unlike.records import Case, Item
from unlike.writing.expected import Expected, expected_of

WRITING_STEPS = {"single": "generate", "turns": "generate_turns"}
"""The template of the step that writes the text, by layout."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an LLM wrote.

    Attributes:
        text: Its words, cleaned; see ``clean_reply``.
        call: Step, journal key, tokens, and what was left out of the prompt; JSON-able.
        read: Ids of all records whose words were in the prompt, directly or through another reply.
        repeats: Runs of others' words in it, where the guard only marks them.
    """

    text: str
    call: Mapping[str, Any]
    read: tuple[str, ...] = ()
    repeats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A text and how it came about.

    Attributes:
        text: What the user would write, according to the method.
        trace: Ids of all records used, differences, profile, calls and what was left out of prompts; JSON-able.
    """

    text: str
    trace: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """A prompt, and how it came about.

    Attributes:
        call: The prompt with its step, its sampling and the ids of all records whose words are in it.
        expected: What the reply is expected to be, which says how it is cleaned.
        left_out: What did not fit into the prompt.
        trace: Of the steps before; JSON-able, without any record's text.
        rewrites: How many times the LLM is asked again for a reply that is not as asked.
    """

    call: Call
    expected: Expected
    left_out: tuple[str, ...] = ()
    trace: Mapping[str, Any] = field(default_factory=dict[str, Any])
    rewrites: int = 0

    @property
    def max_rewrites(self) -> int:
        """``rewrites``; 0 at temperature 0, where the LLM would answer the same and is not asked again."""
        return self.rewrites if self.call.sampling.temperature else 0

    def outcome(self, reply: Reply) -> Outcome:
        """The reply to the draft, with the trace of all steps."""
        return Outcome(reply.text, {**self.trace, "generate": dict(reply.call)})


def draft_of(ask: Ask, task: Task, backend: Backend, sampling: Sampling, tenant: str = "", rewrites: int = 0) -> Draft:
    """The prompt of a step, made to fit the LLM's context.

    Args:
        ask: What the prompt is made of.
        task: Words and templates.
        backend: The LLM that will read it.
        sampling: How it will answer.
        tenant: Whose data it is.
        rewrites: How many times it is asked again for a reply that is not as asked.

    Raises:
        InputError: It cannot be made to fit.
    """
    limit = prompt_limit(backend.context_tokens, sampling.max_tokens)
    fitted = fit(ask, task, limit, backend.count_tokens)
    sampling = answer_within(sampling, backend.context_tokens)
    call = Call(
        step=ask.step,
        template=task.sources[ask.step],
        messages=fitted.messages,
        sampling=sampling,
        record_ids=record_ids_of(fitted.ask.passages),
        tenant=tenant,
        items=tuple(items_of(ask, fitted.ask)),
    )
    return Draft(call, expected_of(fitted.ask, task.words), fitted.left_out, rewrites=rewrites)


def soft_draft(
    soft: SoftAsk, item: Item, request: Case, task: Task, sampling: Sampling, backend: Backend, tenant: str = ""
) -> Draft:
    """A soft prompt as a draft.

    Args:
        soft: The prompt.
        item: The item of the request.
        request: What is asked for.
        task: Words and templates.
        sampling: How the LLM will answer.
        backend: The LLM that will read it.
        tenant: Whose data it is.
    """
    sampling = answer_within(sampling, backend.context_tokens)
    template = task.sources[soft.step]
    call = Call(
        soft.step, template, soft.messages, sampling, soft.record_ids, tenant, soft=soft.prompt, items=soft.items
    )
    ask = Ask(soft.step, tuple(Passage("past", text) for text in soft.past.values()), item, request)
    return Draft(call, expected_of(ask, task.words), soft.left_out)


def answer_within(sampling: Sampling, context_tokens: int | None) -> Sampling:
    """The sampling with an answer of at most half of the context."""
    limit = prompt_limit(context_tokens, sampling.max_tokens)
    if not context_tokens or not limit:
        return sampling
    return replace(sampling, max_tokens=min(sampling.max_tokens, context_tokens - limit))


def prompt_limit(context_tokens: int | None, max_tokens: int) -> int | None:
    """Tokens left for a prompt beside the answer, at least half of the context; None where the context is not known."""
    return None if context_tokens is None else max(context_tokens - max_tokens, context_tokens // 2)
