"""What DPL is compared with, as its appendix B describes them: the same steps with some left out, or others in their place.

non_perso               the item, the rating and the title alone
rag                     + N retrieved own records, as they are (LongLaMP)
int_sum                 + a summary of them (Richardson et al., 2023); DEP calls it PAG
llm_trsr                + a summary of the whole history, block by block (Zheng et al., WWW 2024)
llm_trsr_hierarchical   the other paradigm of that paper
cicl                    + a summary made against another's text on one of the items (Gao and Das, 2024)
cicl_pairs              the same against another's text on each of the items (ours)
persona_db              + an own summary and the records of the most similar user (Sun et al., COLING 2025)
"""

import asyncio
from collections.abc import Sequence

from unlike.methods.kit import Kit
from unlike.methods.steps import (
    ask,
    draft,
    others_on,
    own_passages,
    profile_passage,
    read_history,
    reply_trace,
    retrieve,
    summarise,
    together,
)
from unlike.prompts.prompt import Ask, Passage, own_record
from unlike.records import Case, Record, random_key
from unlike.writing.draft import Draft, Reply

BLOCK_RECORDS = 8
"""Records per block of LLM-TRSR (DPL, appendix B)."""


async def non_perso(case: Case, kit: Kit) -> Draft:
    """Nothing of the user: the lower bound of both papers."""
    return await draft(case, kit)


async def rag(case: Case, kit: Kit) -> Draft:
    """Retrieve N own records and show them."""
    history = await read_history(case, kit)
    past = await retrieve(case, history, kit)
    return await draft(case, kit, past, history=history)


async def int_sum(case: Case, kit: Kit) -> Draft:
    """Retrieve N own records, summarise them, show both."""
    history = await read_history(case, kit)
    past = await retrieve(case, history, kit)
    profile = await summarise(past, [], kit)
    return await draft(case, kit, past, profile, history=history)


# LLM-TRSR -----------------------------------------------------------------------------------------------------------


async def llm_trsr(case: Case, kit: Kit) -> Draft:
    """Recurrent, the paradigm that DPL compares with: the oldest block gives a profile, each later block updates it."""
    history = await read_history(case, kit)
    profiles: list[Reply] = []
    for block in blocks_of(history):
        profiles.append(await _update(profiles[-1], block, kit) if profiles else await _first(block, kit))
    return await _from_profiles(case, history, profiles, kit)


async def llm_trsr_hierarchical(case: Case, kit: Kit) -> Draft:
    """Hierarchical: every block gives a profile, and one call makes one of them."""
    history = await read_history(case, kit)
    profiles = await together([_first(block, kit) for block in blocks_of(history)])
    if len(profiles) > 1:
        parts = tuple(Passage("blocks", profile.text, record_ids=profile.read) for profile in profiles)
        profiles.append(await ask(Ask("merge", parts), kit))
    return await _from_profiles(case, history, profiles, kit)


def blocks_of(history: Sequence[Record]) -> list[Sequence[Record]]:
    """Blocks of BLOCK_RECORDS records, oldest first; the last one may be shorter."""
    return [history[start : start + BLOCK_RECORDS] for start in range(0, len(history), BLOCK_RECORDS)]


async def _first(block: Sequence[Record], kit: Kit) -> Reply:
    profile = await summarise(block, [], kit)
    assert profile is not None, "a block is never empty"
    return profile


async def _update(profile: Reply, block: Sequence[Record], kit: Kit) -> Reply:
    return await ask(Ask("update", (profile_passage(profile), *own_passages(block, kit))), kit)


async def _from_profiles(case: Case, history: Sequence[Record], profiles: Sequence[Reply], kit: Kit) -> Draft:
    """The last profile is the user's; the retrieved records are shown beside it, as in DPL's comparison."""
    past = await retrieve(case, history, kit)
    profile = profiles[-1] if profiles else None
    earlier = [reply_trace(reply) for reply in profiles[:-1]]
    return await draft(case, kit, past, profile, history=history, earlier_profiles=earlier)


# CICL ---------------------------------------------------------------------------------------------------------------


async def cicl(case: Case, kit: Kit) -> Draft:
    """Retrieve N own records, summarise them beside one contrast, show both.

    The contrast is DPL's (appendix B): one retrieved own record, and a random record of another user on its item.
    """
    history = await read_history(case, kit)
    shared = [record for record in history if others_on(record.item_id, case, kit)]
    contrasted = await retrieve(case, shared, kit)
    return await _contrasted(case, history, contrasted[:1], kit)


async def cicl_pairs(case: Case, kit: Kit) -> Draft:
    """CICL with a contrast for each of the N records instead of one (ours)."""
    history = await read_history(case, kit)
    return await _contrasted(case, history, await retrieve(case, history, kit), kit)


async def _contrasted(case: Case, history: Sequence[Record], contrasted: Sequence[Record], kit: Kit) -> Draft:
    past = await retrieve(case, history, kit)
    if not past:
        return await draft(case, kit, history=history)
    found = {record.id: negative_of(record, case, kit) for record in contrasted}
    negatives = {record_id: negative for record_id, negative in found.items() if negative}
    own = [*past, *(record for record in contrasted if record.id in negatives and record not in past)]
    others = [own_record(negative, kit.records.item(negative.item_id), "others") for negative in negatives.values()]
    profile = await ask(Ask("contrast", (*own_passages(own, kit), *others)), kit)
    pairs = {record_id: negative.id for record_id, negative in negatives.items()}
    return await draft(case, kit, past, profile, history=history, counterexamples=pairs)


def negative_of(record: Record, case: Case, kit: Kit) -> Record | None:
    """A random record of another user on the same item; None where no one else wrote about it."""
    others, seed = others_on(record.item_id, case, kit), kit.settings.seed
    return min(others, key=lambda other: random_key(seed, record.id, other.id), default=None)


# Persona-DB ---------------------------------------------------------------------------------------------------------


async def persona_db(case: Case, kit: Kit) -> Draft:
    """Summarise the own records, find the most similar user, show the profile and as many records of both users."""
    history = await read_history(case, kit)
    past = await retrieve(case, history, kit)
    profile = await summarise(past, [], kit)
    found = await asyncio.to_thread(kit.neighbours.nearest, case, kit.settings.time_rule)
    theirs = (await retrieve(case, found.history, kit))[: len(past)] if found else []
    return await draft(
        case,
        kit,
        past,
        profile,
        neighbours=theirs,
        history=history,
        neighbour=found.user_id if found else None,
        neighbour_records=[record.id for record in theirs],
    )
