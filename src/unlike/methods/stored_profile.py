"""DPL as a service runs it: from a profile that was built ahead of the request.

Without a request no record can be retrieved for it. So the profile is built from the latest records, each compared with
the representatives on its item (equations 4 and 5), and summarised (equation 3); of the summary those statements are kept
that say nothing sensitive. A request then sees the profile and the latest records: one LLM call.

The memory of a service keeps such profiles in its store, where they outlive a request; a corpus has none, so they are
built here, by the same functions and with each call journalled. What the memory can do beyond it (figures of groups in
place of others' texts, profiles edited by hand) no corpus has.
"""

import asyncio
from collections.abc import Sequence

from unlike.methods.kit import Kit
from unlike.methods.statements import kept_statements
from unlike.methods.steps import (
    Comparison,
    Difference,
    comparison_of,
    draft,
    extract,
    others_on,
    read_history,
    summarise,
)
from unlike.peers.key_records import choose_key_records
from unlike.records import Case, Record
from unlike.writing.draft import Draft, Reply


async def stored_profile(case: Case, kit: Kit) -> Draft:
    """The profile that is stored, or that would be, and the latest records; without a profile, more of these."""
    history, settings = await read_history(case, kit), kit.settings
    if kit.profile_of:
        profile, differences = await asyncio.to_thread(kit.profile_of, case.user_id), []
    else:
        profile, differences = await build_profile(case, history, kit)
    n_shown = settings.shown_records if profile else settings.n_records
    past = history[-n_shown:] if n_shown else ()
    return await draft(case, kit, past, profile, history=history, differences=differences)


async def build_profile(case: Case, history: Sequence[Record], kit: Kit) -> tuple[Reply | None, Sequence[Difference]]:
    """A profile without any request, and the differences it was made from; None for a user with too few records."""
    if len(history) < kit.settings.min_records:
        return None, []
    chosen = await asyncio.to_thread(_key_records, case, history, kit)
    differences = await extract([comparison for _, comparison in chosen if comparison], kit)
    summary = await summarise([record for record, _ in chosen], differences, kit)
    assert summary is not None, "there are records"
    kept = kept_statements(summary)
    return (Reply("\n".join(kept), summary.call, summary.read) if kept else None), differences


def _key_records(case: Case, history: Sequence[Record], kit: Kit) -> list[tuple[Record, Comparison | None]]:
    """Key records, each with its comparison where there is one, oldest first."""
    settings = kit.settings

    def compared(record: Record) -> Comparison | None:
        peers = others_on(record.item_id, case, kit)
        if len(peers) < settings.min_peers:
            return None
        comparison = comparison_of(record, peers, kit)
        return comparison if comparison.representatives else None

    chosen = choose_key_records(reversed(history), compared, settings.n_records, settings.key_records)
    return sorted(chosen, key=lambda one: one[0].moment)
