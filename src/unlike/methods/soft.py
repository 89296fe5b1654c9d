"""The methods with a trained adapter: a frozen LLM reads soft vectors of the user among the words of its prompt.

    e_his^i  = f_emb(y_u'i)                              DEP, equation 2 (Qiu et al., EMNLP 2025, arXiv 2507.20849)
    e_diff^i = (1/m) * sum_j (e_his^i - e_uj)            equation 4
    p_his, p_diff = M_his(enc(e_his)), M_diff(enc(e_diff))      equations 5 and 6
    y^ = LLM(template(i', {p_his^i, p_diff^i}, past))    equation 7

The first three are the adapter's (``latent``); this is the fourth. ``dpl_dep`` shows DPL's profile beside them. PPlug
(Liu et al., arXiv 2409.11901) has one vector of the user instead, and prompt tuning learned vectors without a user.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from unlike.errors import CallFailed, InputError
from unlike.methods.controls import stranger_of
from unlike.methods.kit import Kit, Latent
from unlike.methods.steps import (
    Difference,
    draft,
    extract,
    profile_passage,
    read_history,
    retrieve,
    sampling_of,
    select,
    summarise,
    trace_of,
)
from unlike.records import Case, Record
from unlike.writing.draft import Draft, Reply, soft_draft


async def dep(case: Case, kit: Kit) -> Draft:
    """The most recent records with the soft vectors of each and of how it differs."""
    return await _soft_draft(case, kit, "dep")


async def dep_shuffled(case: Case, kit: Kit) -> Draft:
    """The same adapter and the same words, with another user's vectors (a control, ours)."""
    return await _soft_draft(case, kit, "dep", shuffled=True)


async def pplug(case: Case, kit: Kit) -> Draft:
    """An instruction vector and one vector of the user, attended over the history by the request."""
    return await _soft_draft(case, kit, "pplug")


async def prompt_tuning(case: Case, kit: Kit) -> Draft:
    """DEP's prompt with learned vectors in the places of the user's: what training alone teaches (a control, ours)."""
    return await _soft_draft(case, kit, "prompt_tuning")


async def dpl_dep(case: Case, kit: Kit) -> Draft:
    """DPL's prompt with DEP's vectors in it (ours): the key records with the vectors of each, and the profile."""
    adapter_of(kit, "dep")
    history = await read_history(case, kit)
    past = await retrieve(case, history, kit)
    differences = await extract(await select(case, history, kit), kit)
    profile = await summarise(past, differences, kit)
    return await _soft_draft(case, kit, "dep", inputs=DraftInputs(past, differences, profile))


@dataclass(frozen=True, slots=True)
class DraftInputs:
    """The results of DPL's first four steps."""

    past: Sequence[Record]
    differences: Sequence[Difference]
    profile: Reply | None


async def _soft_draft(
    case: Case, kit: Kit, kind: str, shuffled: bool = False, inputs: DraftInputs | None = None
) -> Draft:
    """The soft prompt of a case; a user without records gets Non-Perso's prompt, and the trace says so.

    Raises:
        InputError: The kit has no adapter, or one of another kind.
        CallFailed: The prompt does not fit, or there is no other user whose vectors could be taken.
    """
    latent = adapter_of(kit, kind)
    history = await read_history(case, kit)
    if not history and kind != "prompt_tuning":
        return await draft(case, kit, soft=None, cold_start="no records: not personalised")
    stranger = await asyncio.to_thread(stranger_of, case, len(history), kit) if shuffled else None
    vectors_of = replace(case, user_id=stranger.user_id) if stranger else None
    profile = inputs.profile if inputs else None
    past, passage = (inputs.past if inputs else None), (profile_passage(profile) if profile else None)
    try:
        soft = await asyncio.to_thread(latent.prompt, case, vectors_of, past, passage)
    except InputError as error:
        raise CallFailed(str(error)) from error
    shown = [record for record in past or history if record.id in soft.past]
    facts = {"adapter": soft.prompt.adapter, "n_vectors": len(soft.prompt.places), "n_compared": soft.n_compared}
    if stranger:
        facts["vectors_of"] = stranger.user_id
    item = kit.records.item(case.item_id)
    fitted = soft_draft(soft, item, case, kit.task, sampling_of(kit.settings), kit.llm.backend, kit.tenant)
    trace = trace_of(kit.settings, history, shown, inputs.differences if inputs else (), profile)
    return replace(fitted, trace=trace | {"soft": facts}, rewrites=kit.settings.rewrites)


def adapter_of(kit: Kit, kind: str) -> Latent:
    """The kit's adapter.

    Raises:
        InputError: There is none, or one of another kind.
    """
    if kit.latent is None:
        raise InputError(
            f"method {kind!r} needs a trained adapter; train one with: unlike train {kind}, give --adapter"
        )
    if kit.latent.kind != kind:
        raise InputError(
            f"method {kind!r} got an adapter of kind {kit.latent.kind!r}; give --adapter one of kind {kind!r}"
        )
    return kit.latent
