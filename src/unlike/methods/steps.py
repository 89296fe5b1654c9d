"""The five steps of DPL (section 3): retrieve, select, extract, summarise, and the draft of the text.

A baseline leaves out a step or has another in its place. Reading records and clustering run in worker threads; LLM
calls of one step run concurrently.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, TypeVar

from unlike import records
from unlike.errors import CallFailed, InputError
from unlike.llm.backend import Sampling
from unlike.methods.kit import Kit
from unlike.prompts.prompt import Ask, Passage, own_record
from unlike.records import Case, Item, Record
from unlike.retrieve.query import documents_of, query_of
from unlike.settings import MethodSettings
from unlike.writing.draft import WRITING_STEPS, Draft, Reply, draft_of
from unlike.writing.write import write

T = TypeVar("T")

MAX_PEERS = 2_000
"""Where an item has more peers, this many are drawn at random to choose the representatives from."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A key record and the records it is compared with.

    Attributes:
        record: The user's own record, y_u'i.
        item: Item i of that record.
        representatives: Records of the users in R_n on the same item, at most K.
        n_peers: Records of others on the item that the time rule lets one see.
    """

    record: Record
    item: Item
    representatives: tuple[Record, ...]
    n_peers: int


@dataclass(frozen=True, slots=True)
class Difference:
    """d_n: how the user differs from the representatives on one item."""

    comparison: Comparison
    reply: Reply


# 1 -- retrieve ------------------------------------------------------------------------------------------------------


async def read_history(case: Case, kit: Kit) -> Sequence[Record]:
    """D_u': the user's own records before the request, oldest first."""
    return await asyncio.to_thread(kit.records.history, case.user_id, case.moment)


async def retrieve(case: Case, history: Sequence[Record], kit: Kit) -> list[Record]:
    """D*_u': the N key records of the whole history (section 4.1)."""
    return await asyncio.to_thread(_rank, case, history, kit, kit.settings.n_records)


def _rank(case: Case, history: Sequence[Record], kit: Kit, n: int) -> list[Record]:
    return kit.retriever.rank(query_of(case, kit.records), documents_of(history, kit.records), n)


# 2 -- select --------------------------------------------------------------------------------------------------------


async def select(case: Case, history: Sequence[Record], kit: Kit) -> list[Comparison]:
    """Key records to compare, each with its representatives (equation 4).

    A record qualifies when at least K others wrote about its item. Where fewer than N qualify, records with fewer
    others fill up; a record whose item no one else wrote about, or for which there are no representatives, is not compared.
    """
    return await asyncio.to_thread(_select, case, history, kit)


def _select(case: Case, history: Sequence[Record], kit: Kit) -> list[Comparison]:
    settings = kit.settings
    peers = {record.id: others_on(record.item_id, case, kit) for record in history}
    qualified = [record for record in history if len(peers[record.id]) >= settings.n_peers]
    partly = [record for record in history if 0 < len(peers[record.id]) < settings.n_peers]
    chosen = _rank(case, qualified, kit, settings.n_records)
    chosen += _rank(case, partly, kit, settings.n_records - len(chosen))
    return compared([comparison_of(record, peers[record.id], kit) for record in chosen])


def compared(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with somebody: a selector may choose nobody, as where all texts on an item have the same vector."""
    return [one for one in comparisons if one.representatives]


def comparison_of(record: Record, peers: Sequence[Record], kit: Kit) -> Comparison:
    """A key record with its representatives among these records of others."""
    among = sampled(peers, kit.settings.seed, MAX_PEERS)
    chosen = kit.selector.select(record, among, kit.settings.n_peers)
    return Comparison(record, kit.records.item(record.item_id), tuple(chosen), len(peers))


def others_on(item_id: str, case: Case, kit: Kit) -> list[Record]:
    """One record of each other user on an item, the latest that the time rule lets a case see."""
    rule = kit.settings.time_rule
    seen = records.visible(kit.records, rule, case.split)
    return records.others_on(seen, item_id, case.user_id, case.peers_before(rule))


def sampled(peers: Sequence[Record], seed: int, n: int) -> Sequence[Record]:
    """At most ``n`` of an item's peers, in their order; the same for every user, so their vectors are cached."""
    if len(peers) <= n:
        return peers
    drawn = sorted(peers, key=lambda one: blake2b(f"{seed}:{one.id}".encode(), digest_size=8).digest())[:n]
    kept = {record.id for record in drawn}
    return [record for record in peers if record.id in kept]


# 3 -- extract -------------------------------------------------------------------------------------------------------


async def extract(comparisons: Sequence[Comparison], kit: Kit) -> list[Difference]:
    """d_n = LLM_dif(S, y_u'i, {y_r : r in R_n}) for every comparison (equation 5)."""
    replies = await together([_extract_one(comparison, kit) for comparison in comparisons])
    return [Difference(comparison, reply) for comparison, reply in zip(comparisons, replies, strict=True)]


async def _extract_one(comparison: Comparison, kit: Kit) -> Reply:
    passages = compared_passages(comparison)
    return await ask(Ask("difference", passages, comparison.item, dimensions=standard(kit)), kit)


def compared_passages(comparison: Comparison) -> tuple[Passage, ...]:
    """The user's own text and those of the representatives, as passages."""
    target = own_record(comparison.record, comparison.item, "target")
    return (target, *(own_record(record, comparison.item, "others") for record in comparison.representatives))


# 4 -- summarise -----------------------------------------------------------------------------------------------------


async def summarise(past: Sequence[Record], differences: Sequence[Difference], kit: Kit) -> Reply | None:
    """P = LLM_sum({d_1 .. d_N}, D*_u') (equation 3); None where there is nothing to summarise."""
    if not past and not differences:
        return None
    passages = (*(difference_passage(difference) for difference in differences), *own_passages(past, kit))
    return await ask(Ask("summary", passages, dimensions=standard(kit) if differences else ()), kit)


def difference_passage(difference: Difference) -> Passage:
    """A difference as a passage about its key record."""
    compared = difference.comparison
    return Passage(
        kind="differences",
        text=difference.reply.text,
        item=compared.item,
        record=compared.record,
        record_ids=difference.reply.read,
        n_others=len(compared.representatives),
    )


# 5 -- draft ---------------------------------------------------------------------------------------------------------


async def draft(
    case: Case,
    kit: Kit,
    past: Sequence[Record] = (),
    profile: Reply | None = None,
    *,
    neighbours: Sequence[Record] = (),
    history: Sequence[Record] = (),
    differences: Sequence[Difference] = (),
    **more: object,
) -> Draft:
    """The prompt (i', D*_u', p) of the text (equation 2), with the trace of the steps before.

    Args:
        case: The request.
        kit: The collaborators.
        past: Own records to show.
        profile: The user's profile.
        neighbours: Records of a similar user to show (Persona-DB).
        history: All own records, for the trace.
        differences: All that were found, for the trace.
        more: Facts of one method for the trace, which JSON can hold.

    Raises:
        CallFailed: The prompt cannot be made to fit.
    """
    passages = own_passages(past, kit)
    passages += [own_record(record, kit.records.item(record.item_id), "neighbours") for record in neighbours]
    if profile:
        passages.append(profile_passage(profile))
    step = WRITING_STEPS[kit.settings.layout]
    fitted = await _fitted(Ask(step, tuple(passages), kit.records.item(case.item_id), case), kit)
    return replace(fitted, trace=trace_of(kit.settings, history, past, differences, profile) | more)


def profile_passage(profile: Reply) -> Passage:
    """A profile, finished or not, as a passage; it carries the records it was made from."""
    return Passage("profile", profile.text, record_ids=profile.read)


# The trace ----------------------------------------------------------------------------------------------------------


def trace_of(
    settings: MethodSettings,
    history: Sequence[Record],
    past: Sequence[Record],
    differences: Sequence[Difference] = (),
    profile: Reply | None = None,
) -> dict[str, Any]:
    """The steps before a text: ids and calls, enough to show and to repeat each step, without the text of any record."""
    return {
        "time_rule": settings.time_rule,
        "history_records": len(history),
        "past": [record.id for record in past],
        "differences": [_difference_trace(difference) for difference in differences],
        "profile": reply_trace(profile) if profile else None,
    }


def reply_trace(reply: Reply) -> dict[str, Any]:
    """A reply in a trace."""
    return {"text": reply.text, "call": dict(reply.call)}


def _difference_trace(difference: Difference) -> dict[str, Any]:
    compared = difference.comparison
    return {
        "record": compared.record.id,
        "item": compared.item.id,
        "n_peers": compared.n_peers,
        **({"n_sampled": MAX_PEERS} if compared.n_peers > MAX_PEERS else {}),
        "representatives": [record.id for record in compared.representatives],
        **reply_trace(difference.reply),
    }


# What the steps share -----------------------------------------------------------------------------------------------


async def ask(question: Ask, kit: Kit) -> Reply:
    """The LLM's reply to a question: fitted into its context, answered once, journalled.

    Raises:
        CallFailed: The call failed, its prompt cannot be made to fit, or its answer holds no words.
    """
    return await write(await _fitted(question, kit), kit.llm)


async def _fitted(question: Ask, kit: Kit) -> Draft:
    how = (kit.task, kit.llm.backend, sampling_of(kit.settings), kit.tenant, kit.settings.rewrites)
    try:
        return await asyncio.to_thread(draft_of, question, *how)
    except InputError as error:
        raise CallFailed(str(error)) from error


def sampling_of(settings: MethodSettings) -> Sampling:
    """The sampling of a method's calls."""
    return Sampling(settings.temperature, settings.top_p, settings.max_tokens, settings.seed)


def standard(kit: Kit) -> tuple[Any, ...]:
    """The comparison standard S that the settings ask for."""
    return kit.task.standard(kit.settings.dimensions)


def own_passages(past: Sequence[Record], kit: Kit) -> list[Passage]:
    """Own records as passages, in their order."""
    return [own_record(record, kit.records.item(record.item_id)) for record in past]


async def together(calls: Sequence[Awaitable[T]]) -> list[T]:
    """Await all; when some fail the others still finish, since they are paid for, and the first error is raised."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
