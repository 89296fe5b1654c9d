"""What the methods with a trained adapter share: the soft prompt goes to the frozen LLM, and the trace says what is in it."""

import asyncio

from unlike.errors import CallFailed, InputError
from unlike.llm.journal import Call
from unlike.llm.soft import SoftAsk
from unlike.methods.kit import Kit, Latent, Outcome
from unlike.methods.steps import Reply, generate, read_history, reply_of, sampling_of
from unlike.methods.trace import outcome
from unlike.prompts.prompt import Ask
from unlike.records import Case
from unlike.writing.expected import expected_of

STEP = "soft"


async def write_soft(case: Case, kit: Kit, kind: str, shuffled: bool = False) -> Outcome:
    """The text that the LLM writes behind the soft prompt of a case.

    A user without records gets Non-Perso's prompt, and the trace says so.

    Raises:
        InputError: The kit has no adapter, or one of another kind.
        CallFailed: The call failed, or its prompt does not fit.
    """
    latent = adapter_of(kit, kind)
    history = await read_history(case, kit)
    if not history and kind != "prompt_tuning":
        return outcome(await generate(case, kit), kit.settings, soft=None, cold_start="no records: not personalised")
    stranger = await asyncio.to_thread(latent.stranger, case) if shuffled else None
    try:
        soft = await asyncio.to_thread(latent.prompt, case, stranger)
    except InputError as error:
        raise CallFailed(str(error)) from error
    draft = await _ask(soft, case, kit)
    shown = [record for record in history if record.id in soft.past]
    told = {"adapter": soft.prompt.adapter, "n_vectors": len(soft.prompt.places), "n_compared": soft.n_compared}
    if stranger:
        told["vectors_of"] = stranger.user_id
    return outcome(draft, kit.settings, history, shown, soft=told)


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


async def _ask(soft: SoftAsk, case: Case, kit: Kit) -> Reply:
    answer = await kit.llm.call(
        Call(
            step=STEP,
            template=kit.task.sources[STEP],
            messages=soft.messages,
            sampling=sampling_of(kit.settings),
            record_ids=soft.record_ids,
            tenant=kit.tenant,
            soft=soft.prompt,
        )
    )
    asked = Ask(STEP, item=kit.records.item(case.item_id), request=case)
    return reply_of(STEP, answer, soft.left_out, soft.record_ids, expected_of(asked, kit.task.words))
