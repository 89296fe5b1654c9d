"""Controls of DPL: the same steps, with one thing that is not the user's. DPL's gain over both comes from the user.

dpl_stranger     the profile is another user's; the user's own records are shown as in DPL
dpl_other_item   the user's records are compared with what others wrote on another item
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from unlike.errors import CallFailed
from unlike.methods.kit import Kit
from unlike.methods.steps import (
    Comparison,
    compared,
    comparison_of,
    draft,
    extract,
    others_on,
    read_history,
    retrieve,
    select,
    summarise,
)
from unlike.peers.neighbours import Neighbour
from unlike.records import Case, Record
from unlike.writing.draft import Draft


async def dpl_stranger(case: Case, kit: Kit) -> Draft:
    """DPL with the profile of a stranger, made from the stranger's records as DPL makes it.

    Raises:
        CallFailed: No other user has a record before the case.
    """
    history = await read_history(case, kit)
    past = await retrieve(case, history, kit)
    stranger = await asyncio.to_thread(stranger_of, case, min(len(history), kit.settings.n_records), kit)
    theirs = replace(case, user_id=stranger.user_id)
    differences = await extract(_without(case.user_id, await select(theirs, stranger.history, kit)), kit)
    profile = await summarise(await retrieve(theirs, stranger.history, kit), differences, kit)
    return await draft(case, kit, past, profile, history=history, differences=differences, profile_of=stranger.user_id)


async def dpl_other_item(case: Case, kit: Kit) -> Draft:
    """DPL whose comparisons are with what others wrote on items of a stranger.

    Raises:
        CallFailed: No other user has a record before the case.
    """
    history = await read_history(case, kit)
    past = await retrieve(case, history, kit)
    stranger = await asyncio.to_thread(stranger_of, case, min(len(history), kit.settings.n_records), kit)
    comparisons = await select(case, history, kit)
    comparisons = await asyncio.to_thread(_with_other_peers, comparisons, stranger.history, case, kit)
    differences = await extract(comparisons, kit)
    profile = await summarise(past, differences, kit)
    return await draft(
        case, kit, past, profile, history=history, differences=differences, peers_of_items_of=stranger.user_id
    )


def stranger_of(case: Case, n_records: int, kit: Kit) -> Neighbour:
    """An unrelated user, with ``n_records`` records if there is one; see ``MeanNeighbours.stranger``.

    Raises:
        CallFailed: No other user has a record before the case.
    """
    found = kit.neighbours.stranger(case, n_records, kit.settings.time_rule)
    if found is None:
        raise CallFailed("no other user has a record before the case, so there is no stranger; take a larger corpus")
    return found


def _without(user_id: str, comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons without the texts of a user.

    The case's user may be a peer of the stranger, with the very text that is held out.
    """
    kept = [
        replace(one, representatives=tuple(record for record in one.representatives if record.user_id != user_id))
        for one in comparisons
    ]
    return compared(kept)


def _with_other_peers(
    comparisons: Sequence[Comparison], theirs: Sequence[Record], case: Case, kit: Kit
) -> list[Comparison]:
    """The comparisons, each with representatives of another item, from the items with the most peers.

    A comparison for which there is no other item is left out.
    """
    found = {record.item_id: others_on(record.item_id, case, kit) for record in reversed(theirs)}
    items = sorted(filter(found.get, found), key=lambda item_id: -len(found[item_id]))
    changed: list[Comparison] = []
    for place, comparison in enumerate(comparisons):
        others = [item_id for item_id in items if item_id != comparison.item.id]
        if others:
            changed.append(comparison_of(comparison.record, found[others[place % len(others)]], kit))
    return compared(changed)
