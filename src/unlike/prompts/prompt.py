"""From passages to the messages of one call.

A passage is a piece of text that a prompt quotes. Its words come from users or from an LLM that read users, so they
enter as data: every line of them is marked as quoted, which no text can undo, and a chat template's control tokens are
taken apart.
"""

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Literal

from unlike.prompts.slots import without_slots
from unlike.prompts.task import Dimension, Task
from unlike.records import Case, Item, Record

Kind = Literal["past", "target", "others", "neighbours", "differences", "blocks", "profile"]
"""The part a passage plays; the name of the list (or of the single piece) that a template sees."""

_SINGLE: tuple[Kind, ...] = ("target", "profile")
_LONGEST_WORD_CHARS = 15
"""Mean characters of a word, spaces included, above which a text has no spaces between its words."""
_MANY: tuple[Kind, ...] = ("past", "others", "neighbours", "differences", "blocks")
_INVISIBLE = r"[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]{0,9}"
_HTML = "a|b|big|blockquote|br|code|div|em|h[1-6]|hr|i|img|li|ol|p|pre|small|span|strong|sub|sup|u|ul"
_CONTROL_WORDS = "INST|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|SYSTEM_PROMPT|[GS]?MASK|CLS|SEP|PAD|UNK|BOS|EOS|IMG"
_OPENING = "<＜﹤[［"
"""The characters that ``_CONTROL`` begins with."""
_CONTROL = re.compile(
    rf"[<＜﹤](?!/?(?:{_HTML})\b[^<>|]{{0,99}}>)(?={_INVISIBLE}[|｜¦/!<＜a-z_]|{_INVISIBLE}0x)"
    rf"|[\[［](?={_INVISIBLE}/?{_INVISIBLE}(?:{_CONTROL_WORDS})[\]］])",
    re.IGNORECASE,
)
"""The first character of a control token of some chat template, or of what looks like one; not of HTML in reviews."""


@dataclass(frozen=True)
class Passage:
    """A piece of text in a prompt.

    Attributes:
        kind: The part it plays.
        text: The words.
        item: What they are about, where the template shows it.
        record: Whose record they are, or are mainly about; None for a profile.
        record_ids: Every record whose words are in it.
        n_others: For a difference: how many others were compared.
        slots: Places of soft vectors that belong to it, by the name the template knows.
    """

    kind: Kind
    text: str
    item: Item | None = None
    record: Record | None = None
    record_ids: tuple[str, ...] = ()
    n_others: int = 0
    slots: Mapping[str, str] = field(default_factory=dict[str, str])

    @cached_property
    def size(self) -> tuple[int, int]:
        """Words and characters of the text."""
        return size_of(self.text)

    @cached_property
    def view(self) -> SimpleNamespace:
        """What a template sees of it; made once, since a service shows a user's records again and again."""
        text = quoted(self.text)
        return SimpleNamespace(
            text=text,
            quote=block_quote(text),
            length=asked_length([self.size]),
            item=_item_view(self.item),
            n_others=self.n_others,
            slots=self.slots,
            **_facts(self.record),
        )


def own_record(record: Record, item: Item, kind: Kind = "past") -> Passage:
    """A record as a passage."""
    return Passage(kind, record.text, item, record, (record.id,))


@dataclass(frozen=True, slots=True)
class Ask:
    """Everything one step puts before the LLM.

    Attributes:
        step: Name of the template.
        passages: In the order in which they are shown.
        item: The item that is compared or written about.
        request: What is asked for, where the step writes the text itself.
        dimensions: The comparison standard S.
        slots: Places of soft vectors that belong to no passage, and the note that explains all vectors.
    """

    step: str
    passages: tuple[Passage, ...] = ()
    item: Item | None = None
    request: Case | None = None
    dimensions: tuple[Dimension, ...] = ()
    slots: Mapping[str, str] = field(default_factory=dict[str, str])


def messages_of(ask: Ask, task: Task) -> list[dict[str, str]]:
    """The chat messages of an ask."""
    context: dict[str, Any] = {
        "item": _item_view(ask.item),
        "request": SimpleNamespace(**_facts(ask.request)),
        "slots": ask.slots,
        "dimensions": [Dimension(_one_line(d.name), _one_line(d.look_at)) for d in ask.dimensions],
        "length": asked_length([passage.size for passage in ask.passages if passage.kind == "past"]),
    }
    for kind in _MANY:
        context[kind] = [passage.view for passage in ask.passages if passage.kind == kind]
    for kind in _SINGLE:
        context[kind] = next((passage.view for passage in ask.passages if passage.kind == kind), None)
    return task.render(ask.step, context)


def quoted(text: str) -> str:
    """Text that can neither pass for a control token nor claim a soft vector."""
    text = without_slots(text).replace("\0", "")
    if not any(sign in text for sign in _OPENING):  # much faster than the regular expression
        return text
    return _CONTROL.sub(lambda found: "(" if found.group() in "[［" else "‹", text)


def block_quote(text: str) -> str:
    """Every line with the sign of a quotation before it: whatever the text says, it cannot leave the quotation."""
    return "\n".join(f"> {line}" for line in text.splitlines() or [""])


def size_of(text: str) -> tuple[int, int]:
    """Words and characters of a text."""
    return len(text.split()), len(text)


def asked_length(sizes: Sequence[tuple[int, int]]) -> str:
    """How long a text should be, in words for a person: the median of the user's own texts; "" where there are none.

    Scripts without spaces between words are counted in characters.

    Args:
        sizes: Of the user's texts, see ``size_of``.
    """
    of_texts = [size for size in sizes if size[0]]
    if not of_texts:
        return ""
    words, chars = map(statistics.median, zip(*of_texts, strict=True))
    if chars > _LONGEST_WORD_CHARS * words:
        return f"{_rounded(chars)} characters"
    return f"{_rounded(words)} words"


def _rounded(count: float) -> int:
    """Rounded to five below a hundred, to ten above."""
    step = 5 if count < 100 else 10
    return max(step, round(count / step) * step)


def _item_view(item: Item | None) -> SimpleNamespace | None:
    if item is None:
        return None
    title, description = _one_line(item.name), _one_line(item.description)
    return SimpleNamespace(id=item.id, title=title, description=description)


def _facts(piece: Record | Case | None) -> Mapping[str, Any]:
    rating = piece.rating if piece else None
    return {
        "rating": None if rating is None else f"{rating:g}",
        "title": _one_line(piece.title) if piece else "",
    }


def _one_line(text: str) -> str:
    return quoted(" ".join(text.split()))


def record_ids_of(passages: Sequence[Passage]) -> tuple[str, ...]:
    """Every record whose words are in the passages, each once, in order."""
    return tuple(dict.fromkeys(record_id for passage in passages for record_id in passage.record_ids))


def items_of(ask: Ask, fitted: Ask) -> list[Item]:
    """The items of an ask whose titles and descriptions are in what fitted, as they were before they were shortened."""
    shown = {item.id for item in _items(fitted)}
    return [item for item in _items(ask) if item.id in shown]


def _items(ask: Ask) -> list[Item]:
    return [item for item in (ask.item, *(passage.item for passage in ask.passages)) if item]
