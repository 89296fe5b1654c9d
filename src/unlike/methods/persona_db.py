"""Persona-DB: help from the most similar user (Sun et al., COLING 2025; DPL, appendix B).

The user whose embedded history is the most similar lends as many records as the own ones that are shown.
"""

import asyncio

from unlike.methods.kit import Kit, Outcome
from unlike.methods.steps import generate, read_history, retrieve, summarise
from unlike.methods.trace import outcome
from unlike.records import Case


async def persona_db(case: Case, kit: Kit) -> Outcome:
    """Summarise the own records, find the neighbour, write from the profile and both users' records."""
    history = await read_history(case, kit)
    past = await retrieve(case, history, kit)
    profile = await summarise(past, [], kit)
    found = await asyncio.to_thread(kit.neighbours.nearest, case, kit.settings.time_rule)
    lent = await retrieve(case, found.history, kit) if found else []
    lent = lent[: len(past)]
    draft = await generate(case, kit, past, profile, lent)
    return outcome(
        draft,
        kit.settings,
        history,
        past,
        profile=profile,
        neighbour=found.user_id if found else None,
        neighbour_records=[record.id for record in lent],
    )
