"""Where the text begins and ends in what an assistant wrote around it.

The same questions are asked of a whole reply and of one that still grows; of the latter the answer may be that more has to
be read.
"""

from typing import Any

import regex

from unlike.writing.expected import Expected
from unlike.writing.framing import BREAK, RULE, Framing, Pattern, framing

_TITLE = "Title"
"""What models call a heading beside the task's own word for it."""
_MOST_HEADING_WORDS = 12
_MOST_TITLE_CHARS = 100
_LABELLED = regex.compile(r"[A-Z][\w ]{0,30}:")
_CODE = regex.compile(
    r"```(?:[\w+-]*[ \t]*\n(?P<lines>.*?)\n?[ \t]*|(?P<line>[^`\n]+))```\s*\Z|```[\w+-]*[ \t]*\n(?P<cut>.*)",
    regex.DOTALL,
)
_QUOTED = regex.compile(r"^[ \t]*>[ \t]?", regex.MULTILINE)
"""How prompts mark the lines of a quotation."""
_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“"}


class _MoreNeeded(Exception):  # noqa: N818 - a signal, not an error
    """What was read so far may go on in several ways."""


def framing_of(expected: Expected) -> Framing:
    """The expressions for what is expected."""
    words = expected.words
    text = words.get("text", "text")
    labels = (*(words.get(name, "") for name in ("item", "description", "title", "rating")), _TITLE)
    known = tuple(dict.fromkeys(label for label in labels if label))
    return framing(text, words.get("texts", f"{text}s"), known, expected.kind == "material")


def beginning_of(said: str, expected: Expected, last: bool = True) -> int | None:
    """Where the text itself begins; None while more words may change that.

    Args:
        said: What the model said, without its thoughts.
        expected: What the reply is expected to be.
        last: Whether nothing follows.
    """
    first = place = len(said) - len(said.lstrip())
    reader = _Reader(f"{said}\n\n" if last else said, expected, last)
    try:
        while (after := reader.after(place, framed=place > first)) != place:
            place = after
    except _MoreNeeded:
        return None
    return min(place, len(said))


class _Reader:
    """Reads what stands before a text.

    Args:
        text: What was said.
        expected: What the reply is expected to be.
        last: Whether nothing follows.
    """

    def __init__(self, text: str, expected: Expected, last: bool) -> None:
        self._text, self._expected, self._last = text, expected, last
        self._frame = framing_of(expected)

    def after(self, place: int, framed: bool) -> int:
        """The end of the next part of the framing, or the place itself where there is none."""
        frame = self._frame
        for pattern in (frame.announcement, frame.tag, *([RULE] if framed else [])):
            if found := self._match(pattern, place):
                return found.end()
        if self._expected.kind != "text":
            return place
        heading = self._match(frame.heading, place)
        if heading and self._is_heading(heading["heading"]):
            return heading.end()
        if (end := self._after_fields(place)) > place:
            return end
        label = None if self._expected.labelled else self._match(frame.label, place)
        return label.end() if label else place

    def _match(self, pattern: Pattern, place: int) -> Any:  # noqa: ANN401 - a match of the regex library
        found = pattern.match(self._text, place, partial=not self._last)
        if found and found.partial:
            raise _MoreNeeded
        return found

    def _after_fields(self, place: int) -> int:
        """The end of a list of fields that repeats the request; a single line may be a person's own habit."""
        lines, end = list[Any](), place
        while found := self._match(self._frame.field, end):
            lines.append(found)
            end = found.end()
        is_list = len({line["label"].casefold() for line in lines}) > 1 or any(
            self._is_of_request(line["value"]) for line in lines
        )
        if not lines or is_list or self._match(self._frame.label, end):
            return end
        titles = {self._expected.words.get("title", "").casefold(), _TITLE.casefold()}
        is_title = lines[0]["label"].casefold() in titles
        is_alone = is_title and len(lines[0]["value"]) <= _MOST_TITLE_CHARS and not self._match(_LABELLED, end)
        return end if is_alone else place

    def _is_heading(self, heading: str) -> bool:
        words = heading.split()
        text = regex.escape(self._expected.words.get("text", "text"))
        named = regex.search(rf"\b{text}\b", heading, regex.IGNORECASE) and len(words) <= _MOST_HEADING_WORDS
        return bool(named) or self._is_of_request(heading)

    def _is_of_request(self, value: str) -> bool:
        bare = value.strip(" \t*_#:\"“”'").casefold()
        return bare in {title.strip().casefold() for title in self._expected.titles} or self._is_rating(bare)

    def _is_rating(self, value: str) -> bool:
        found = regex.match(r"(\d+(?:\.\d+)?)(?:\s*(?:/\s*\d+|out\s+of\s+\d+|stars?))?\Z", value)
        return found is not None and self._expected.rating != "" and float(found[1]) == float(self._expected.rating)


def remarks_from(text: str, expected: Expected, framed: bool) -> int:
    """Where the assistant's remarks behind a text begin; its length where there are none.

    Args:
        text: What was said, without what stands before the text.
        expected: What the reply is expected to be.
        framed: Whether something stood before the text, so that an assistant is speaking.
    """
    frame, run, sure = framing_of(expected), len(text), framed
    padded = f"{text}\n"
    for found in reversed(list(BREAK.finditer(padded))):
        is_empty = not padded[found.end() :].strip()
        is_remark = not is_empty and frame.remark.match(padded, found.end())
        if not (is_empty or is_remark or frame.wish.match(padded, found.end())):
            break
        sure = sure or bool(is_remark) or bool(found["rule"] and not is_empty)
        run = found.start()
    return run if sure else len(text)


def settled_to(text: str, sent: int, expected: Expected) -> int:
    """Number of characters of a growing text that can be sent: all that cannot turn out to be remarks after it.

    Args:
        text: The reply so far, without what stands before the text.
        sent: Number of characters already sent.
        expected: What the reply is expected to be.
    """
    frame, end = framing_of(expected), len(text.rstrip())
    for found in reversed(list(BREAK.finditer(text, sent, partial=True))):
        place = len(text) if found.partial else found.end()
        if not any(pattern.match(text, place, partial=True) for pattern in (frame.remark, frame.wish, RULE)):
            break
        end = min(end, found.start())
    return end


def unwrapped(text: str) -> str:
    """A text without the code fence, the quotation marks or the signs of a quotation around the whole of it."""
    found = _CODE.match(text)
    if found:
        inside = next(group for group in (found["lines"], found["line"], found["cut"]) if group is not None)
        return text if "```" in inside else inside
    if _is_quoted(text):
        return _QUOTED.sub("", text)
    closing, inside = _QUOTES.get(text[:1], ""), text[1:-1]
    if len(text) < 3 or text[-1] != closing or text[0] in inside or closing in inside:
        return text
    return inside


def may_be_wrapped(text: str) -> bool:
    """Whether a text that grows may turn out to stand in a fence or in a quotation as a whole."""
    closing = _QUOTES.get(text[:1], "")
    if not closing:
        return text.startswith("```"[: len(text)]) or _is_quoted(text)
    inside, found, behind = text[1:].partition(closing)
    if text[0] in inside:
        return False
    more = behind.strip(" \t")
    return not found or ((not more or more[0] == "\n") and text[0] not in behind and closing not in behind)


def _is_quoted(text: str) -> bool:
    return all(_QUOTED.match(line) for line in text.splitlines() if line.strip())
