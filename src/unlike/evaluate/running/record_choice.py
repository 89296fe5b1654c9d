"""Why a method read the records that it read: the query, each record's rank and score, and what was not compared.

Nothing of this is kept in a run: retrieval and selection are deterministic, so they are repeated on the run's corpus. What
comes out is shown only where it equals the trace.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unlike import records
from unlike.data.corpus import Corpus
from unlike.embed.hashing import HashingEncoder
from unlike.errors import InputError
from unlike.methods.table import ADAPTED, STEPS
from unlike.records import Case, Generation, Record
from unlike.retrieve.bm25 import BM25Retriever
from unlike.retrieve.open import open_retriever
from unlike.retrieve.query import documents_of, query_of

NO_PEERS = "no other user wrote about the item"
NO_REPRESENTATIVES = "no representatives"
RANKED_LOWER = "ranked lower"
SELECTING = tuple(
    name
    for name, steps in STEPS.items()
    if {"difference", "reason", "difference_open"} & {*steps} and name not in ("stored_profile", "dpl_stranger")
)
"""Methods that select the user's own records to compare, by ``methods.steps.select``."""
BY_TIME = ("stored_profile", *(name for name in ADAPTED if name != "dpl_dep"))
"""Methods that read the latest records, whatever the request."""
WITH_ENCODER = "dense"
"""The retriever that needs an encoder, which showing a case does not open."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Where a record stands among the records that were ranked with it.

    Attributes:
        rank: 1 for the best.
        score: Of BM25, among the same records; None for retrievers without scores.
    """

    rank: int
    score: float | None


@dataclass(frozen=True, slots=True)
class RecordChoice:
    """Why a method read the records of a case.

    Attributes:
        retriever: Its name.
        query: What it searched for; recency does not use it.
        shown: By id, the user's records that were shown; empty where they were not retrieved.
        compared: By id, the records that were compared with others; those with enough others come first.
        not_compared: By id, why a record of the history was not compared; empty where nothing was.
    """

    retriever: str
    query: str
    shown: Mapping[str, Ranked] = field(default_factory=dict[str, Ranked])
    compared: Mapping[str, Ranked] = field(default_factory=dict[str, Ranked])
    not_compared: Mapping[str, str] = field(default_factory=dict[str, str])

    def words(self, record_id: str) -> str:
        """Rank and score of a record that was shown, and why it was not compared; "" for others."""
        found = [rank_words(self.shown[record_id])] if record_id in self.shown else []
        found += [f"not compared: {self.not_compared[record_id]}"] if record_id in self.not_compared else []
        return "; ".join(found)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why records were not compared, with the number of records, the most frequent first."""
        return Counter(self.not_compared.values()).most_common()


def record_choice(row: Generation, facts: Mapping[str, Any], corpus: Corpus) -> RecordChoice | None:
    """Why the method of a run read the records of a case.

    Args:
        row: Of the run.
        facts: Its run.json.
        corpus: Of the run.

    Returns:
        None where it cannot be told: the retriever needs an encoder, the method chose in another way, or the corpus lacks
        the case.
    """
    try:
        settings: Mapping[str, Any] = facts["settings"]
        if settings["retriever"] == WITH_ENCODER or facts["method"] in BY_TIME:
            return None
        return _choice(row.trace, corpus.case(row.case_id), facts, corpus)
    except (InputError, KeyError, TypeError, AttributeError):  # of a run by another version, or a damaged one
        return None


def _choice(trace: Mapping[str, Any], case: Case, facts: Mapping[str, Any], corpus: Corpus) -> RecordChoice | None:
    settings = facts["settings"]
    history, n = corpus.history(case.user_id, case.moment), int(settings["n_records"])
    whole = _ranked(case, history, settings, corpus)
    shown = {one: whole[one] for one in _same(trace.get("past"), list(whole)[:n])}
    read = trace.get("differences")
    compared, why = dict[str, Ranked](), dict[str, str]()
    if read or (read is not None and facts["method"] in SELECTING):
        compared, why = _compared(read, case, history, settings, corpus)
    if not shown and not compared and not why:
        return None
    return RecordChoice(settings["retriever"], query_of(case, corpus), shown, compared, why)


def _ranked(case: Case, history: Sequence[Record], settings: Mapping[str, Any], corpus: Corpus) -> dict[str, Ranked]:
    """All records in the order of the run's retriever, by id."""
    retriever = open_retriever(settings["retriever"], HashingEncoder(), settings["seed"])
    query, documents = query_of(case, corpus), documents_of(history, corpus)
    scores: dict[str, float] = {}
    if isinstance(retriever, BM25Retriever):
        found = retriever.scores(query, documents)
        scores = {record.id: round(score, 4) for record, score in zip(history, found, strict=True)}
    order = retriever.rank(query, documents, len(documents))
    return {record.id: Ranked(rank, scores.get(record.id)) for rank, record in enumerate(order, 1)}


def _same(read: Any, expected: Sequence[str]) -> list[str]:  # noqa: ANN401 - a trace may have any value
    """The records that a trace names if they are among those expected, in the same order; else none."""
    ids = [one for one in read or () if isinstance(one, str)]
    return ids if ids == [one for one in expected if one in ids] else []


def _compared(
    differences: Sequence[Mapping[str, Any]],
    case: Case,
    history: Sequence[Record],
    settings: Mapping[str, Any],
    corpus: Corpus,
) -> tuple[dict[str, Ranked], dict[str, str]]:
    """The records that were compared, and why the others were not; both empty for a method that compares otherwise."""
    n, n_peers = int(settings["n_records"]), int(settings["n_peers"])
    seen = records.visible(corpus, settings["time_rule"], case.split)
    before = case.peers_before(settings["time_rule"])
    peers = {one.id: len(records.others_on(seen, one.item_id, case.user_id, before)) for one in history}
    enough = _ranked(case, [one for one in history if peers[one.id] >= n_peers], settings, corpus)
    fewer = _ranked(case, [one for one in history if 0 < peers[one.id] < n_peers], settings, corpus)
    chosen = [*enough, *fewer][:n]
    found = _same([one["record"] for one in differences], chosen)
    if len(found) < len(differences):
        return {}, {}
    why = {one: NO_PEERS for one, others in peers.items() if not others}
    why |= dict.fromkeys(enough, RANKED_LOWER) | dict.fromkeys(fewer, f"fewer than {n_peers} other users on the item")
    why |= dict.fromkeys(chosen, NO_REPRESENTATIVES)
    ranked = enough | {one: Ranked(len(enough) + at.rank, at.score) for one, at in fewer.items()}
    return {one: ranked[one] for one in found}, {one: reason for one, reason in why.items() if one not in found}


def rank_words(at: Ranked) -> str:
    """A rank, and a score if there is one."""
    return f"rank {at.rank}" + (f", score {at.score:.2f}" if at.score is not None else "")
