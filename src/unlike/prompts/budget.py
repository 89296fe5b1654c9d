"""Making a prompt fit the model's context: whole oldest records go first, then the longest texts are shortened.

A comparison is worth what it compares: where texts of others are shown, long texts are shortened before any goes.
Instructions, the request and the item never go; the longest descriptions of items are shortened last. What was left out
is said in the trace.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from unlike.errors import InputError
from unlike.language import SENTENCE_END
from unlike.prompts.prompt import Ask, Passage, items_of, messages_of
from unlike.prompts.task import Task

SHORTEST_CHARS = 120
"""No text is cut below this."""
COMPARABLE_CHARS = 480
"""In a comparison texts are cut down to this before one of them is left out."""

DROPPED = "dropped"
"""Beginning of the note about a record that was left out."""
_PAST_LEFT_OUT = re.compile(r"(?:dropped|shortened) past (?P<id>.+?)(?: from \d+ to (?P<chars>\d+) characters)?")
"""The note about an own text."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt that fits.

    Attributes:
        ask: What is left of the ask.
        messages: The chat messages.
        left_out: One line for each record dropped and text shortened.
    """

    ask: Ask
    messages: list[dict[str, str]]
    left_out: tuple[str, ...]


def fit(ask: Ask, task: Task, limit_tokens: int | None, count: Callable[[Sequence[dict[str, str]]], int]) -> Fitted:
    """The messages of an ask in at most so many tokens.

    Args:
        ask: What the step wants to show.
        task: Its words and templates.
        limit_tokens: Tokens the prompt may have; None for no limit.
        count: Counts the tokens of messages.

    Raises:
        InputError: Even the shortest form is too long.
    """
    left_out: list[str] = []
    messages = messages_of(ask, task)
    while limit_tokens is not None and not _fits(messages, limit_tokens, count):
        smaller = _smaller(ask)
        if smaller is None:
            raise InputError(
                f"prompt of step {ask.step!r} does not fit: {count(messages)} tokens, {limit_tokens} allowed after "
                "dropping and shortening what can be; use a model with a longer context or lower --max-tokens"
            )
        ask, note = smaller
        left_out.append(note)
        messages = messages_of(ask, task)
    return Fitted(ask, messages, tuple(left_out))


def _smaller(ask: Ask) -> tuple[Ask, str] | None:
    """The ask with a little less in it and what went, the least missed first; None where nothing may go."""
    return (
        _still_comparable(ask)
        or _without_oldest(ask)
        or _with_longest_shortened(ask, SHORTEST_CHARS)
        or _with_longest_description_shortened(ask)
    )


def _fits(messages: Sequence[dict[str, str]], limit: int, count: Callable[[Sequence[dict[str, str]]], int]) -> bool:
    """A token is at least a byte, so a prompt of few bytes needs no counting."""
    n_bytes = sum(len(message["content"].encode()) + 16 for message in messages)
    return n_bytes <= limit or count(messages) <= limit


def _still_comparable(ask: Ask) -> tuple[Ask, str] | None:
    """A comparison with its longest text shortened, while that leaves enough of it to compare."""
    compares = any(passage.kind == "others" for passage in ask.passages)
    return _with_longest_shortened(ask, COMPARABLE_CHARS) if compares else None


def _without_oldest(ask: Ask) -> tuple[Ask, str] | None:
    """The ask without its oldest record of a kind that has several; a target and a profile never go."""
    kinds = [passage.kind for passage in ask.passages]
    droppable = [p for p in ask.passages if p.record and kinds.count(p.kind) > 1]
    if not droppable:
        return None
    oldest = min(droppable, key=lambda p: p.record.moment if p.record else (0, ""))
    rest = tuple(passage for passage in ask.passages if passage is not oldest)
    return replace(ask, passages=rest), f"{DROPPED} {oldest.kind} {oldest.record.id if oldest.record else ''}"


def _with_longest_shortened(ask: Ask, shortest_chars: int) -> tuple[Ask, str] | None:
    """The ask with its longest text cut by a quarter, at a sentence's end."""
    longest = max(ask.passages, key=lambda passage: len(passage.text), default=None)
    if longest is None or len(longest.text) <= shortest_chars:
        return None
    text = shortened(longest.text, max(shortest_chars, len(longest.text) * 3 // 4))
    passages = tuple(replace(p, text=text) if p is longest else p for p in ask.passages)
    return replace(
        ask, passages=passages
    ), f"shortened {_name(longest)} from {len(longest.text)} to {len(text)} characters"


def _with_longest_description_shortened(ask: Ask) -> tuple[Ask, str] | None:
    """The ask with the longest description of an item cut by a quarter, wherever the item stands."""
    items = items_of(ask, ask)
    longest = max(items, key=lambda item: len(item.description), default=None)
    if longest is None or len(longest.description) <= SHORTEST_CHARS:
        return None
    text = shortened(longest.description, max(SHORTEST_CHARS, len(longest.description) * 3 // 4))
    short = replace(longest, description=text)
    passages = tuple(replace(p, item=short) if p.item == longest else p for p in ask.passages)
    smaller = replace(ask, item=short if ask.item == longest else ask.item, passages=passages)
    return smaller, f"shortened description of {longest.id} from {len(longest.description)} to {len(text)} characters"


def shortened(text: str, max_chars: int) -> str:
    """The text cut at the last sentence's end within so many characters, or at a word where there is none."""
    if len(text) <= max_chars:
        return text
    head = text[:max_chars]
    ends = [found.end() for found in SENTENCE_END.finditer(head)]
    if ends and ends[-1] >= max_chars // 3:
        return head[: ends[-1]].rstrip()
    return (head.rsplit(" ", 1)[0] or head).rstrip()


def shown_texts(texts: Mapping[str, str], left_out: Sequence[str]) -> dict[str, str]:
    """The user's own texts as a prompt showed them, by record id.

    Args:
        texts: Of the records that the step wanted to show.
        left_out: What did not fit (``Fitted``).
    """
    shown = dict(texts)
    for note in left_out:
        if found := _PAST_LEFT_OUT.fullmatch(note):
            shown[found["id"]] = shown[found["id"]][: int(found["chars"] or 0)]
    return {record_id: text for record_id, text in shown.items() if text}


def _name(passage: Passage) -> str:
    return f"{passage.kind} {passage.record.id}" if passage.record else passage.kind
