"""One case of a run as plain data: what its method read, found and wrote; ``unlike show`` prints the same.

The trace names records by id; their texts come from the corpus. Without a corpus only the ids are returned.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from unlike.data.corpus import Corpus
from unlike.errors import InputError
from unlike.evaluate.metrics.score import peers_of
from unlike.evaluate.report.shown_text import shared_words
from unlike.evaluate.running.record_choice import rank_words, record_choice
from unlike.evaluate.statistics.calls import calls_in
from unlike.methods.drp import dimensions_in
from unlike.records import Generation, Record
from unlike.writing.dimensions import by_dimension

MAX_MARKED_CHARS = 50_000
"""Maximum length of text and reference together for shared words to be marked: more marks make a page useless."""
_PARTS = frozenset(
    {"time_rule", "history_records", "past", "differences", "profile", "generate", "earlier_profiles", "calls"}
)


def case_details(
    row: Generation, corpus: Corpus | None, facts: Mapping[str, Any], dimensions: Sequence[str] = ()
) -> dict[str, Any]:
    """A case with its records, differences, profile and calls.

    Args:
        row: Of the run.
        corpus: Of the run; None where it is missing.
        facts: Its run.json.
        dimensions: Names that the paragraphs of a difference start with.
    """
    trace = row.trace
    ids = dict.fromkeys(_record_ids(trace))
    texts = [asdict(record) for record in _records(ids, corpus)]
    return {
        "case": _request(row, corpus),
        "item": _item(row.item_id, corpus),
        "method": row.method,
        "status": row.status,
        "error": row.error,
        "text": marked(row.text, row.reference),
        "reference": row.reference,
        "records": {record["id"]: record | {"item_title": title_of(record["item_id"], corpus)} for record in texts},
        "history_records": trace.get("history_records"),
        "past": _ids(trace.get("past")),
        "choice": _choice(row, corpus, facts),
        "differences": list(_differences(trace, corpus, dimensions)),
        "earlier_profiles": [reply["text"] for reply in _objects(trace.get("earlier_profiles")) if "text" in reply],
        "profile": _object(trace.get("profile")).get("text"),
        "time_rule": trace.get("time_rule"),
        "calls": [dict(call) for call in calls_in(trace)],
        "more": {name: value for name, value in trace.items() if name not in _PARTS},
    }


def _choice(row: Generation, corpus: Corpus | None, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """Why the records were read, in the words of ``unlike show``; None where it cannot be told."""
    choice = record_choice(row, facts, corpus) if corpus else None
    if choice is None:
        return None
    return {
        "retriever": choice.retriever,
        "query": choice.query if choice.shown else None,
        "shown": {one: choice.words(one) for one in _ids(row.trace.get("past"))},
        "compared": {one: rank_words(at) for one, at in choice.compared.items()},
        "n_not_compared": len(choice.not_compared),
        "reasons": choice.reasons,
    }


def marked(text: str | None, reference: str | None) -> list[tuple[str, bool]] | None:
    """A text in pieces, each with whether the real text has that word too; None for no text."""
    if text is None:
        return None
    if len(text) + len(reference or "") > MAX_MARKED_CHARS:
        return [(text, False)]
    return shared_words(text, reference or "")


def others_read(row: Generation, corpus: Corpus) -> Sequence[str]:
    """The texts of others that the method read for a case; leakage is measured against them.

    Raises:
        InputError: The trace is damaged, or names a record that the corpus lacks.
    """
    try:
        return peers_of([row], corpus)[row.case_id]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the trace of case {row.case_id[:80]!r} is damaged: {error!r}; make the run again") from error


def _differences(trace: Mapping[str, Any], corpus: Corpus | None, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    found = [reply.get("text", "") for reply in _objects(trace.get("dimensions"))]  # DRP finds its own dimensions
    for number, difference in enumerate(_objects(trace.get("differences"))):
        own = [each.name for each in dimensions_in(found[number])] if number < len(found) else names
        yield {
            "record": difference.get("record"),
            "item_title": title_of(str(difference.get("item", "")), corpus),
            "representatives": _ids(difference.get("representatives")),
            "n_peers": difference.get("n_peers"),
            "parts": by_dimension(str(difference.get("text", "")), own),
        }


def _request(row: Generation, corpus: Corpus | None) -> dict[str, Any]:
    known: dict[str, Any] = {"id": row.case_id, "user_id": row.user_id, "item_id": row.item_id}
    if corpus is None:
        return known
    try:
        return asdict(corpus.case(row.case_id)) | known
    except InputError:
        return known


def _item(item_id: str, corpus: Corpus | None) -> dict[str, Any] | None:
    try:
        return None if corpus is None else asdict(corpus.item(item_id))
    except InputError:
        return None


def title_of(item_id: str, corpus: Corpus | None) -> str:
    """The title of an item; its id where the corpus does not know one."""
    try:
        return item_id if corpus is None else corpus.item(item_id).name
    except InputError:
        return item_id


def _records(ids: Iterable[str], corpus: Corpus | None) -> Iterator[Record]:
    for record_id in ids if corpus is not None else ():
        try:
            yield corpus.record(record_id)  # pyright: ignore[reportOptionalMemberAccess]
        except InputError:
            continue  # the page shows the id alone


def _record_ids(trace: Mapping[str, Any]) -> Iterator[str]:
    yield from _ids(trace.get("past"))
    yield from _ids(trace.get("neighbour_records"))
    for difference in _objects(trace.get("differences")):
        yield from _ids([difference.get("record")])
        yield from _ids(difference.get("representatives"))
    counterexamples = trace.get("counterexamples")
    if isinstance(counterexamples, dict):
        yield from _ids([*counterexamples, *counterexamples.values()])


def _ids(found: Any) -> list[str]:  # noqa: ANN401 - a trace may have any value
    return [one for one in found if isinstance(one, str)] if isinstance(found, list | tuple) else []


def _object(found: Any) -> dict[str, Any]:  # noqa: ANN401
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _objects(found: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
