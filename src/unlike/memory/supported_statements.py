"""The statements of a summary, each with what supports it; what is sensitive, or another's words, is held back.

An LLM's summary does not say where each sentence comes from, so evidence is found, not claimed: the differences and key
records that have a sentence most like the statement, by the vectors of both.

Sensitive statements are held back here, at the one place where words about a person come into prompts of requests. A
difference is only summarised; it is stored, shown in the inspector and exported as the LLM wrote it, less others' words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from unlike.embed.encoder import Encoder
from unlike.methods.statements import kept_statements, sentences
from unlike.privacy.repeats import Others
from unlike.privacy.sensitive import Sensitive
from unlike.store.profiles import Statement
from unlike.writing.draft import Reply

MAX_SOURCES = 3
NEAR = 0.05
"""A source counts when it is at most this much less like the statement than the most alike one (cosine)."""


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
    summary: Reply,
    sources: Sequence[Source],
    encoder: Encoder,
    allowed: Sequence[Sensitive] = (),
    others: Others | None = None,
) -> list[Statement]:
    """The statements of a summary that may be in a profile.

    Args:
        summary: What the LLM wrote.
        sources: The differences and key records that it read.
        encoder: Of sentences.
        allowed: Sensitive kinds that profiles may hold.
        others: Texts of others, whose words no statement repeats.
    """
    kept = [one for one in kept_statements(summary, allowed) if others is None or not others.runs_in(one)]
    if not kept:
        return []
    likeness = _likeness(kept, sources, encoder)
    return [_with_evidence(text, row, sources) for text, row in zip(kept, likeness, strict=True)]


def _likeness(statements: Sequence[str], sources: Sequence[Source], encoder: Encoder) -> NDArray[np.float32]:
    """How alike statements and sources are, (statements, sources): that of the most alike sentence of each source."""
    parts = [sentences(source.text) or [source.text] for source in sources]
    by_part = encoder.encode(statements) @ encoder.encode([part for source in parts for part in source]).T
    starts = [0, *accumulate(len(source) for source in parts)][:-1]
    return np.maximum.reduceat(by_part, starts, axis=1)


def _with_evidence(text: str, likeness: NDArray[np.float32], sources: Sequence[Source]) -> Statement:
    order = np.argsort(-likeness, kind="stable")[:MAX_SOURCES]
    near = [sources[place] for place in order if likeness[place] >= likeness[order[0]] - NEAR]
    return Statement(
        text=text,
        records=tuple(sorted({source.record for source in near})),
        n_peers=max(source.n_peers for source in near),
    )
