"""A summary as statements, each with what bears it out; what is sensitive is held back.

An LLM's summary does not say where each sentence comes from, so evidence is found, not claimed: the differences and key
records whose text is most like the statement, by the vectors of both.
"""

import re
from collections.abc import Sequence

import numpy as np

from unlike.embed.encoder import Encoder
from unlike.memory.settings import MemorySettings
from unlike.methods.steps import Difference
from unlike.privacy.sensitive import held_back
from unlike.store.profiles import Statement
from unlike.store.records import Stored

MOST_SOURCES = 3
NEAR = 0.05
"""A source counts when it is at most this much less like the statement than the most alike one (cosine)."""
_ENDS = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n+")
_BULLET = re.compile(r"^\s*(?:[-*•·]|\d{1,2}[.)])\s+")


def sentences(text: str) -> list[str]:
    """The sentences and list points of a text, without their bullets."""
    parts = (_BULLET.sub("", part).strip() for part in _ENDS.split(text))
    return [part for part in parts if any(char.isalpha() for char in part)]


def statements_of(
    summary: str,
    past: Sequence[Stored],
    found: Sequence[tuple[object, Difference]],
    encoder: Encoder,
    settings: MemorySettings,
) -> list[Statement]:
    """The statements of a summary that may stand in a profile.

    Args:
        summary: What the LLM wrote.
        past: The key records it read.
        found: The differences it read.
        encoder: Of sentences.
        settings: What sensitive kinds are allowed.
    """
    kept = [one for one in sentences(summary) if (held_back(one) or "none") not in _barred(settings)]
    if not kept:
        return []
    numbers = {stored.record.id: stored.number for stored in past}
    sources = [(difference.reply.text, _of(difference, numbers)) for _, difference in found]
    sources += [(stored.record.text, (stored.number, 0)) for stored in past]
    likeness = encoder.encode(kept) @ encoder.encode([text for text, _ in sources]).T
    return [_with_evidence(text, row, [of for _, of in sources]) for text, row in zip(kept, likeness, strict=True)]


def _barred(settings: MemorySettings) -> set[str]:
    from typing import get_args

    from unlike.privacy.sensitive import Sensitive

    return set(get_args(Sensitive)) - set(settings.allowed)


def _of(difference: Difference, numbers: dict[str, int]) -> tuple[int, int]:
    """(number of the record, others it was compared with)."""
    compared = difference.comparison
    return numbers[compared.record.id], compared.n_peers


def _with_evidence(text: str, likeness: np.ndarray, sources: Sequence[tuple[int, int]]) -> Statement:
    order = np.argsort(-likeness, kind="stable")[:MOST_SOURCES]
    near = [sources[place] for place in order if likeness[place] >= likeness[order[0]] - NEAR]
    return Statement(
        text=text, records=tuple(sorted({record for record, _ in near})), n_peers=max(n_peers for _, n_peers in near)
    )
