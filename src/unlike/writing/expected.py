"""What a reply is expected to be: its kind, and the words by which its prompt named the parts of the request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from unlike.prompts.prompt import Ask

Kind = Literal["text", "material", "answer"]
"""``text``: the text itself, as the user would write it. ``material``: what later prompts read (a difference, a profile,
a list of dimensions); its headings stay. ``answer``: passed on or parsed as it is (a chat, a grade), so that only
thoughts and control tokens are removed."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reply is expected to be.

    Attributes:
        kind: Decides what is removed.
        words: What the task calls texts, items, titles and ratings (``Task.words``).
        titles: Of the request and of its item; a heading with one of them repeats the prompt.
        rating: Of the request, as the prompt shows it; "" for none.
        labelled: Whether the person begins texts with their name ("Review: ..."), so that it is no label of a model.
    """

    kind: Kind
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    titles: tuple[str, ...] = ()
    rating: str = ""
    labelled: bool = False


ANSWER = Expected("answer")


def expected_of(ask: Ask, words: Mapping[str, str]) -> Expected:
    """What the reply to an ask is expected to be: the text itself where there is a request, else material.

    Args:
        ask: What the prompt is made of.
        words: Of the task.
    """
    if ask.request is None:
        return Expected("material", words)
    titles = (ask.request.title, ask.item.title if ask.item else "")
    rating = "" if ask.request.rating is None else f"{ask.request.rating:g}"
    past = (passage.text for passage in ask.passages if passage.kind == "past")
    label = re.compile(rf"\W*{re.escape(words.get('text', 'text'))}\W{{0,3}}:", re.IGNORECASE)
    labelled = any(label.match(text) for text in past)
    return Expected("text", words, tuple(title for title in titles if title), rating, labelled)
