"""A summary as statements, each with what bears it out; what is sensitive is held back.

An LLM's summary does not say where each sentence comes from, so evidence is found, not claimed: the differences and key
records that have a sentence most like the statement, by the vectors of both.

Sensitive statements are held back here, at the one place where words about a person come to be shown and used: a
difference is shown to nobody, only summarised, and is kept as the LLM wrote it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from unlike.embed.encoder import Encoder
from unlike.methods.steps import Reply
from unlike.privacy.sensitive import Sensitive, held_back
from unlike.store.profiles import Statement

MOST_SOURCES = 3
NEAR = 0.05
"""A source counts when it is at most this much less like the statement than the most alike one (cosine)."""

_SENTENCE = re.compile(r".+?(?:[.!?…؟۔।][\"'”’)\]]*(?=\s)|[。！？｡]+[\"”’」』）)\]]*|$)")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|cf|vs|approx|incl|esp|Mr|Mrs|Ms|Dr|St|No)|\b[A-Z])\.$")
_MARK = re.compile(r"^\s*(?:#{1,6}\s+|>\s+|[-*•·–]\s+|\(?\d{1,2}[.)]\s+)+")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1|(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])")
_PREAMBLE = re.compile(
    r"^(?:(?:the\s+)?(?:writer(?:'s)?\s+)?profile|summary)(?:\s+of\s+[^:.]{1,60})?\s*:\s*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Source:
    """What a statement may come from.

    Attributes:
        text: A difference, or a record.
        record: Number of the user's record that it is about.
        n_peers: Others whom the record was compared with, where it is a difference.
    """

    text: str
    record: int
    n_peers: int = 0


def statements_of(
    summary: Reply, sources: Sequence[Source], encoder: Encoder, allowed: Sequence[Sensitive] = ()
) -> list[Statement]:
    """The statements of a summary that may stand in a profile.

    Args:
        summary: What the LLM wrote.
        sources: The differences and key records that it read.
        encoder: Of sentences.
        allowed: Sensitive kinds that profiles may hold.
    """
    kept = [one for one in _whole(summary) if (kind := held_back(one)) is None or kind in allowed]
    if not kept:
        return []
    likeness = _likeness(kept, sources, encoder)
    return [_with_evidence(text, row, sources) for text, row in zip(kept, likeness, strict=True)]


def sentences(text: str) -> list[str]:
    """The sentences and list points of a text, each once, without what only arranges them.

    Bullets, numbers, emphasis, headings and lines that announce what follows are left out.
    """
    found = list[str]()
    for line in text.splitlines():
        plain = _PREAMBLE.sub("", _EMPHASIS.sub(r"\2\3", _MARK.sub("", line))).strip()
        if not (line.lstrip().startswith("#") or plain.endswith(":") or _is_title(line, plain)):
            found += _split(plain)
    return [part for part in dict.fromkeys(found) if any(char.isalpha() for char in part)]


def _whole(summary: Reply) -> list[str]:
    """The sentences of a summary; one that was cut off at the end of the tokens is none."""
    found = sentences(summary.text)
    cut_off = summary.call.get("finish_reason") == "length" and not summary.text.rstrip(" \"'”’)*").endswith(
        (".", "!", "?", "。", "！", "？", "؟", "۔", "।")
    )
    return found[:-1] if cut_off and len(found) > 1 else found


def _is_title(line: str, plain: str) -> bool:
    """Whether a line is nothing but emphasised words without an end, as a heading is."""
    return bool(_EMPHASIS.fullmatch(line.strip())) and not plain.endswith((".", "!", "?"))


def _split(line: str) -> list[str]:
    """Sentences of a line; an abbreviation ends none."""
    parts = list[str]()
    for part in _SENTENCE.findall(line):
        if parts and _ABBREVIATION.search(parts[-1]):
            parts[-1] += part
        else:
            parts.append(part)
    return [part.strip() for part in parts]


def _likeness(statements: Sequence[str], sources: Sequence[Source], encoder: Encoder) -> NDArray[np.float32]:
    """How alike statements and sources are, (statements, sources): that of the most alike sentence of each source."""
    parts = [sentences(source.text) or [source.text] for source in sources]
    by_part = encoder.encode(statements) @ encoder.encode([part for source in parts for part in source]).T
    starts = [0, *accumulate(len(source) for source in parts)][:-1]
    return np.maximum.reduceat(by_part, starts, axis=1)


def _with_evidence(text: str, likeness: NDArray[np.float32], sources: Sequence[Source]) -> Statement:
    order = np.argsort(-likeness, kind="stable")[:MOST_SOURCES]
    near = [sources[place] for place in order if likeness[place] >= likeness[order[0]] - NEAR]
    return Statement(
        text=text,
        records=tuple(sorted({source.record for source in near})),
        n_peers=max(source.n_peers for source in near),
    )
