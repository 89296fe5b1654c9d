"""The statements of a summary: its sentences, without those that are sensitive."""

import re
from collections.abc import Sequence

from unlike.language import sentences_in
from unlike.privacy.sensitive import Sensitive, held_back
from unlike.writing.draft import Reply

_MARK = re.compile(r"^\s*(?:#{1,6}\s+|>\s+|[-*•·–]\s+|\(?\d{1,2}[.)]\s+)+")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1|(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])")
_PREAMBLE = re.compile(
    r"^(?:(?:the\s+)?(?:writer(?:'s)?\s+)?profile|summary)(?:\s+of\s+[^:.]{1,60})?\s*:\s*", re.IGNORECASE
)


def kept_statements(summary: Reply, allowed: Sequence[Sensitive] = ()) -> list[str]:
    """The sentences of a summary that may be in a profile; the last one is left out where the token limit cut it off.

    Args:
        summary: What the LLM wrote.
        allowed: Sensitive kinds that profiles may hold.
    """
    found = sentences(summary.text)
    ended = summary.text.rstrip(" \"'”’)*").endswith((".", "!", "?", "。", "！", "？", "؟", "۔", "।"))
    if summary.call.get("finish_reason") == "length" and not ended and len(found) > 1:
        found = found[:-1]
    return [one for one in found if (kind := held_back(one)) is None or kind in allowed]


def sentences(text: str) -> list[str]:
    """The sentences and list items of a text, each once.

    Bullets, numbers, emphasis, headings and lines that announce what follows are left out.
    """
    found = list[str]()
    for line in text.splitlines():
        plain = _PREAMBLE.sub("", _EMPHASIS.sub(r"\2\3", _MARK.sub("", line))).strip()
        if not (line.lstrip().startswith("#") or plain.endswith(":") or _is_title(line, plain)):
            found += sentences_in(plain)
    return [part for part in dict.fromkeys(found) if any(char.isalpha() for char in part)]


def _is_title(line: str, plain: str) -> bool:
    """Whether a line is nothing but emphasised words without a full stop, as a heading is."""
    return bool(_EMPHASIS.fullmatch(line.strip())) and not plain.endswith((".", "!", "?"))
