"""What a reply is expected to be: its kind, and the words by which its prompt named the parts of the request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from unlike.prompts.prompt import Ask
from unlike.records import Item

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
        past: The user's own texts that the prompt shows; blank ones are left out.
        description: Of the item, as the prompt shows it.
        dimensions: Names of the dimensions that a difference is asked for.
    """

    kind: Kind
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    titles: tuple[str, ...] = ()
    rating: str = ""
    past: tuple[str, ...] = ()
    description: str = ""
    dimensions: tuple[str, ...] = ()

    @property
    def labelled(self) -> bool:
        """Whether the person begins texts with their name ("Review: ..."), so that it is no label of a model."""
        label = re.compile(rf"\W*{re.escape(self.words.get('text', 'text'))}\W{{0,3}}:", re.IGNORECASE)
        return any(label.match(text) for text in self.past)


ANSWER = Expected("answer")


def expected_of(ask: Ask, words: Mapping[str, str]) -> Expected:
    """What the reply to an ask is expected to be: the text itself where there is a request, else material.

    Args:
        ask: What the prompt is made of.
        words: Of the task.
    """
    if ask.request is None:
        compares = any(passage.kind == "others" for passage in ask.passages)
        return Expected("material", words, dimensions=tuple(one.name for one in ask.dimensions if compares))
    item = ask.item or Item(id="")
    titles = tuple(title for title in (ask.request.title, item.title) if title)
    rating = "" if ask.request.rating is None else f"{ask.request.rating:g}"
    past = tuple(one.text for one in ask.passages if one.kind == "past" and one.text.strip())
    return Expected("text", words, titles, rating, past, item.description)
