"""One request by several methods side by side: their prompts, texts, tokens and seconds.

A request about an item that the user wrote on is answered as of that moment: the LLM sees neither that text nor anything
later of the user, so that the new text can be compared with the real one. Nothing of a request is stored except, as in
every build, the steps before its text, and the prompt of the text where prompts are kept.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from unlike.errors import InputError, UnlikeError
from unlike.inspector.store.others import decrypted
from unlike.llm.backend import Messages
from unlike.llm.recorded import RecordedLLM
from unlike.memory.answers import NoConsent, Request
from unlike.memory.context import ProfileContext, read_context
from unlike.memory.settings import MemorySettings
from unlike.methods.kit import Kit, Latent
from unlike.methods.table import Method, open_method
from unlike.privacy.repeats import Others, repeats
from unlike.progress import n_of
from unlike.records import Case, Record, texts_of
from unlike.store import daily_budget, records
from unlike.store.database import Tenant, Tx
from unlike.store.items import items_with_ids
from unlike.store.records import Stored, Unknown
from unlike.store.tables import ITEMS, USERS
from unlike.writing.draft import Draft, Reply
from unlike.writing.write import Guard

MAX_PEERS = 500
"""Maximum number of texts of others, the latest, that a text is checked against for shared words."""
SHARED_WORDS = 4
"""Minimum length of a run of words, shared with a text of another user on the item, that is marked."""


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """A method that may be tried.

    Attributes:
        method: Its name.
        why_not: Reason why it cannot be used for this request; "" where it can.
        note: A remark about its text; "" for none.
    """

    method: str
    why_not: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class PlaygroundOptions:
    """The methods that may be tried for a request, and the user's real text.

    Attributes:
        real: The user's own text on the item, where there is one.
        n_peers: Number of others with a text on it who agree to be compared.
    """

    user_id: str
    item_id: str
    item_title: str
    methods: tuple[MethodChoice, ...]
    real: Record | None
    n_peers: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request with the data that the methods need.

    Attributes:
        tenant: The tenant.
        case: The request, at its moment.
        context: The user's profile, or why there is none.
        peers: Records of others on the item that a text is checked against, without their words.
    """

    tenant: Tenant
    options: PlaygroundOptions
    case: Case
    context: ProfileContext
    peers: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """The prompt of a step."""

    step: str
    messages: Messages


@dataclass(frozen=True, slots=True)
class Played:
    """A text by one method, with its cost.

    Attributes:
        why: What it was written from, in words; "" for soft vectors.
        shared: Runs of words of the text that are also in texts of others on the item.
        n_calls: Calls of the LLM that were made.
        n_kept: Calls whose answer was in the journal.
        prompt_tokens: Of the calls made.
        completion_tokens: Of the calls made.
    """

    method: str
    text: str
    shared: tuple[str, ...]
    n_calls: int
    n_kept: int
    prompt_tokens: int
    completion_tokens: int
    wall_s: float
    why: str = ""


Event = Prompt | str | Played
Write = Callable[[Draft, RecordedLLM], AsyncGenerator[str | Reply]]
"""Writes a text in pieces, then gives the whole."""


def prepare(tenant: Tenant, request: Request, latent: Latent | None, settings: MemorySettings) -> Prepared:
    """Read the data for a request.

    Raises:
        Unknown: The item is not known.
        BudgetSpent: The tenant's tokens per day are used up.
    """
    with tenant.read() as tx:
        daily_budget.check(tx)
        context = read_context(tx, request.user_id, settings, with_others=False)
        item = items_with_ids(tx, [request.item_id]).get(request.item_id)
        if item is None:
            raise Unknown(f"no item {request.item_id!r}; items come with the first record on them")
        own = _own(tx, context, request.item_id)
        there = (ITEMS.c.item_id == request.item_id, USERS.c.peer, USERS.c.user_id != request.user_id)
        others = records.without_texts(tx, *there)
    real = own.record if own else None
    n_peers = len({one.user for one in others})
    peers = tuple(one.record for one in others[-MAX_PEERS:]) if n_peers >= settings.min_peers else ()
    methods = _choices(context, own, latent, settings)
    options = PlaygroundOptions(request.user_id, request.item_id, item.title, methods, real, n_peers)
    return Prepared(tenant, options, _case(request, real, tenant.store.now_ms()), context, peers)


def method_of(name: str, prepared: Prepared) -> Method:
    """The method of that name, for this request.

    Raises:
        InputError: The method is unknown here.
        NoConsent: It cannot be used for this request.
    """
    methods = {choice.method: choice for choice in prepared.options.methods}
    if name not in methods:
        raise InputError(f"unknown method: {name!r}; allowed here are {', '.join(methods)}")
    if methods[name].why_not:
        raise NoConsent(f"{name} cannot be tried: {methods[name].why_not}")
    return open_method(name)


async def play(name: str, prepared: Prepared, kit: Kit, llm: RecordedLLM, write: Write) -> AsyncGenerator[Event]:
    """Try a method: its prompts and the pieces of its text, then the result.

    To stop early, close the generator; this stops the LLM.

    Args:
        name: The method.
        prepared: The request.
        kit: The method's collaborators.
        llm: The kit's LLM.
        write: Writes the text.

    Raises:
        CallFailed: A call failed.
        EngineError: The LLM cannot be used.
        Repeated: The text was about to repeat another person's words.
    """
    method, started_s = method_of(name, prepared), time.monotonic()
    events = asyncio.Queue[Prompt | str | None]()
    seen = llm.part(lambda call: events.put_nowait(Prompt(call.step, call.messages)))
    task = asyncio.create_task(
        _write(name, partial(method, prepared.case, replace(kit, llm=seen)), seen, write, events)
    )
    try:
        while (event := await events.get()) is not None:
            yield event
        reply, why = await task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, UnlikeError):  # its error was raised above
            await task
    usage = llm.usage
    yield Played(
        method=name,
        text=reply.text,
        shared=await asyncio.to_thread(_shared, reply.text, prepared),
        n_calls=usage.n_calls,
        n_kept=usage.n_cached,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        wall_s=round(time.monotonic() - started_s, 3),
        why=why,
    )


def _shared(text: str, prepared: Prepared) -> tuple[str, ...]:
    """Runs of words of a text that are also in texts of others."""
    with prepared.tenant.read() as tx:
        texts = texts_of(decrypted(tx, prepared.peers))
    return tuple(repeats(text, texts, SHARED_WORDS))


async def _write(
    name: str,
    prepare_draft: Callable[[], Awaitable[Draft]],
    llm: RecordedLLM,
    write: Write,
    events: asyncio.Queue[Prompt | str | None],
) -> tuple[Reply, str]:
    """Write a text and say what from; its pieces are put into a queue, with None last, also after an error."""
    try:
        draft = await prepare_draft()
        async with aclosing(write(draft, llm)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Reply):
                    return piece, written_from(name, draft.trace)
                events.put_nowait(piece)
        raise AssertionError("pieces end with a reply")
    finally:
        events.put_nowait(None)


def written_from(name: str, trace: Mapping[str, Any]) -> str:
    """What a method without soft vectors had for a text, in words: two that fell back to the same say so.

    Args:
        name: The method.
        trace: Of its steps, see ``methods.steps.trace_of``.
    """
    if name == "non_perso":
        return "written from the item alone"
    if name not in ("rag", "dpl", "stored_profile"):
        return ""
    shown, profile = len(trace["past"]), trace["profile"]
    if not shown and not profile:
        return "no earlier record of the user can be used, so written from the item alone, as not personalised"
    found = f"written from {n_of(shown, 'own record')}" + (" and a profile" if profile else "")
    if name != "dpl":
        return found
    n = len(trace["differences"])
    return f"{found}; {n_of(n, 'record')} compared with others" if n else f"{found}; no record could be compared"


def guard_of(tenant: Tenant, user_id: str, record_ids: Sequence[str], settings: MemorySettings) -> Guard:
    """A guard against repeats of the texts of others among these records; empty if repeats are only marked."""
    if settings.on_repeat == "mark":
        return Guard(Others(()), "mark")
    with tenant.read() as tx:
        read = records.with_ids(tx, record_ids)
    texts = texts_of(one.record for one in read if one.record.user_id != user_id)
    return Guard(Others(texts, settings.repeat_words), settings.on_repeat)


def _choices(
    context: ProfileContext, real: Stored | None, latent: Latent | None, settings: MemorySettings
) -> tuple[MethodChoice, ...]:
    """All methods that are known here, each with the reason why it cannot be used, if so."""
    alone = context.why if context.rung == "plain" else ""
    compared = "others' texts are not put into prompts here" if settings.private else ""
    made_with = context.profile.profile.records if context.profile else ()
    saw = "this profile was built from records that include the real text" if real and real.number in made_with else ""
    return (
        MethodChoice("non_perso"),
        MethodChoice("rag", alone),
        MethodChoice("dpl", alone or compared),
        MethodChoice("stored_profile", alone or ("" if context.profile else context.why), saw),
        *((MethodChoice(latent.kind, alone),) if latent else ()),
    )


def _own(tx: Tx, context: ProfileContext, item_id: str) -> Stored | None:
    """The user's latest text on an item, where it may be used."""
    if context.rung == "plain" or context.user is None:
        return None
    return records.latest_on(tx, context.user, item_id)


def _case(request: Request, real: Record | None, now_ms: int) -> Case:
    """The request, at the moment of the real text where there is one."""
    id_, at_ms = (real.id, real.timestamp) if real else ("", now_ms + 1)
    return Case(id_, request.user_id, request.item_id, at_ms, request.title, request.rating)
