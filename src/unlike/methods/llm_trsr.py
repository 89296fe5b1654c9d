"""LLM-TRSR: the whole history, summarised block by block (Zheng et al., WWW 2024; DPL, appendix B).

Recurrent: the oldest block gives a profile, each later block renews it. Hierarchical: every block gives a profile,
and one call makes one of them. The retrieved records stand beside the profile, as in DPL's comparison.
"""

from collections.abc import Sequence

from unlike.methods.kit import Kit, Outcome
from unlike.methods.steps import (
    Reply,
    ask,
    generate,
    own_passages,
    profile_passage,
    read_history,
    retrieve,
    summarise,
    together,
)
from unlike.methods.trace import outcome, reply_trace
from unlike.prompts.prompt import Ask, Passage
from unlike.records import Case, Record

BLOCK_RECORDS = 8
"""Records a block (DPL, appendix B)."""


async def llm_trsr(case: Case, kit: Kit) -> Outcome:
    """The recurrent paradigm, the one that DPL compares with."""
    history = await read_history(case, kit)
    profiles = await _recurrent(blocks_of(history), kit)
    return await _write(case, history, profiles, kit)


async def llm_trsr_hierarchical(case: Case, kit: Kit) -> Outcome:
    """The hierarchical paradigm of the same paper."""
    history = await read_history(case, kit)
    profiles = await _hierarchical(blocks_of(history), kit)
    return await _write(case, history, profiles, kit)


def blocks_of(history: Sequence[Record]) -> list[Sequence[Record]]:
    """Blocks of BLOCK_RECORDS records, oldest first; the last one may be shorter."""
    return [history[start : start + BLOCK_RECORDS] for start in range(0, len(history), BLOCK_RECORDS)]


async def _recurrent(blocks: Sequence[Sequence[Record]], kit: Kit) -> list[Reply]:
    """One profile a block, each made from the one before and the block; the last one is the profile."""
    profiles: list[Reply] = []
    for block in blocks:
        profiles.append(await _renew(profiles[-1], block, kit) if profiles else await _first(block, kit))
    return profiles


async def _hierarchical(blocks: Sequence[Sequence[Record]], kit: Kit) -> list[Reply]:
    """One profile a block and, where there are several, the one made of them, last."""
    profiles = await together([_first(block, kit) for block in blocks])
    if len(profiles) < 2:
        return profiles
    halves = tuple(Passage("blocks", profile.text, record_ids=profile.read) for profile in profiles)
    return [*profiles, await ask(Ask("merge", halves), kit)]


async def _first(block: Sequence[Record], kit: Kit) -> Reply:
    profile = await summarise(block, [], kit)
    assert profile is not None, "a block is never empty"
    return profile


async def _renew(profile: Reply, block: Sequence[Record], kit: Kit) -> Reply:
    return await ask(Ask("update", (profile_passage(profile), *own_passages(block, kit))), kit)


async def _write(case: Case, history: Sequence[Record], profiles: Sequence[Reply], kit: Kit) -> Outcome:
    past = await retrieve(case, history, kit)
    profile = profiles[-1] if profiles else None
    draft = await generate(case, kit, past, profile)
    steps = [reply_trace(earlier) for earlier in profiles[:-1]]
    return outcome(draft, kit.settings, history, past, profile=profile, earlier_profiles=steps)
