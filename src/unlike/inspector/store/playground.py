"""One request by several methods side by side, as people try them out: their prompts, texts, tokens and seconds.

A request about an item that the user wrote on is answered as of that moment: neither that text nor anything later of the
user is shown to the LLM, so that what comes can be read beside what the user really wrote. Nothing of a request is kept
but, as of every build, the steps before its text.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from unlike.errors import InputError, UnlikeError
from unlike.llm.backend import Messages
from unlike.llm.journal import Call
from unlike.llm.recorded import RecordedLLM
from unlike.memory.answers import NoConsent, Request
from unlike.memory.context import ProfileContext, read_context
from unlike.memory.settings import MemorySettings
from unlike.memory.vectors import StoredVectors
from unlike.methods.kit import Kit, Latent
from unlike.methods.table import Method, open_method
from unlike.privacy.repeats import Others, repeats
from unlike.records import Case, Record
from unlike.store import records, spend
from unlike.store.database import Tenant, Tx
from unlike.store.items import items_with_ids
from unlike.store.records import Stored, StoredRecords, Unknown
from unlike.store.tables import ITEMS, RECORDS, USERS
from unlike.writing.draft import Reply
from unlike.writing.write import Guard, write_stream

MOST_PEERS = 500
"""Texts of others, the latest, that a text is looked through for words of."""
SHARED_WORDS = 4
"""So many words in a row that another person wrote on the item too are marked."""


@dataclass(frozen=True, slots=True)
class Way:
    """A method that may be tried.

    Attributes:
        method: Its name.
        why_not: Why it cannot be used for this request, in words; "" where it can.
        note: What to know of its text; "" for nothing.
    """

    method: str
    why_not: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A request laid out: what may be tried, and what the user really wrote.

    Attributes:
        real: The user's own text on the item, where there is one.
        n_peers: Others who wrote on it and agree to be compared.
    """

    user_id: str
    item_id: str
    item_title: str
    ways: tuple[Way, ...]
    real: Record | None
    n_peers: int


@dataclass(frozen=True, slots=True)
class Laid:
    """The same with what the methods need.

    Attributes:
        case: The request, at its moment.
        context: What the user's texts are written from.
        peers: Texts of others on the item.
    """

    table: Table
    case: Case
    context: ProfileContext
    peers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a step asks the LLM."""

    step: str
    messages: Messages


@dataclass(frozen=True, slots=True)
class Played:
    """A text by one method, and what it took.

    Attributes:
        shared: Runs of words that others wrote on the item too, as they stand in the text.
        n_calls: Calls of the LLM that were made.
        n_kept: Calls whose answer was kept from before.
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


Event = Prompt | str | Played
GuardOf = Callable[[Sequence[str]], Guard]


class FewShow(StoredRecords):
    """A tenant's records without those of others on items where so few wrote that each would show.

    Args:
        tenant: Whose.
        user_id: Who asks.
        fewest: Of others.
        vectors: Is shown what is handed out.
    """

    def __init__(self, tenant: Tenant, user_id: str, fewest: int, vectors: StoredVectors) -> None:
        super().__init__(tenant, vectors.seen)
        self._user_id, self._fewest = user_id, fewest

    def peers(self, item_id: str, before: int | None) -> Sequence[Record]:
        """All records on an item that may serve others, where enough others wrote."""
        found = super().peers(item_id, before)
        others = {record.user_id for record in found} - {self._user_id}
        return found if len(others) >= self._fewest else []


def lay(tenant: Tenant, request: Request, latent: Latent | None, settings: MemorySettings) -> Laid:
    """What there is for a request.

    Raises:
        Unknown: The item is not known.
        BudgetSpent: The tenant's tokens of the day are used up.
    """
    with tenant.read() as tx:
        spend.check(tx)
        context = read_context(tx, request.user_id, settings)
        item = items_with_ids(tx, [request.item_id]).get(request.item_id)
        if item is None:
            raise Unknown(f"no item {request.item_id!r}; items come with the first record on them")
        own = _own(tx, context, request.item_id)
        there = (ITEMS.c.item_id == request.item_id, USERS.c.peer, USERS.c.user_id != request.user_id)
        others = records.read(tx, *there)
    real = own[-1].record if own else None
    n_peers = len({one.user for one in others})
    peers = tuple(one.record.text for one in others[-MOST_PEERS:]) if n_peers >= settings.min_peers else ()
    ways = _ways(context, own[-1] if own else None, latent, settings)
    table = Table(request.user_id, request.item_id, item.title, ways, real, n_peers)
    return Laid(table, _case(request, real, tenant.store.now_ms()), context, peers)


def method_of(name: str, laid: Laid) -> Method:
    """The method of that name, for this request.

    Raises:
        InputError: There is none of that name here.
        NoConsent: It cannot be used for this request.
    """
    ways = {way.method: way for way in laid.table.ways}
    if name not in ways:
        raise InputError(f"unknown method: {name!r}; allowed here are {', '.join(ways)}")
    if ways[name].why_not:
        raise NoConsent(f"{name} cannot be tried: {ways[name].why_not}")
    return open_method(name)


async def play(name: str, laid: Laid, kit: Kit, llm: RecordedLLM, guard_of: GuardOf) -> AsyncGenerator[Event]:
    """Try a method: its prompts and the pieces of its text, then what it came to.

    Whoever leaves early closes it, which stops the engine's work.

    Args:
        name: Of the method.
        laid: The request.
        kit: The method's collaborators.
        llm: The kit's LLM.
        guard_of: What a text may not repeat that was made from some records.

    Raises:
        CallFailed: A call failed.
        EngineError: The LLM cannot be used.
        Repeated: The text was about to repeat another person's words.
    """
    method, started_s = method_of(name, laid), time.monotonic()
    events = asyncio.Queue[Prompt | str | None]()

    def on_call(call: Call) -> None:
        events.put_nowait(Prompt(call.step, call.messages))

    async def work() -> Reply:
        try:
            seen = llm.part(on_call)
            draft = await method(laid.case, replace(kit, llm=seen))
            guard = await asyncio.to_thread(guard_of, draft.call.record_ids)
            async with aclosing(write_stream(draft, seen, guard)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Reply):
                        return piece
                    events.put_nowait(piece)
            raise AssertionError("pieces end with a reply")
        finally:
            events.put_nowait(None)

    task = asyncio.create_task(work())
    try:
        while (event := await events.get()) is not None:
            yield event
        reply = await task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, UnlikeError):  # what it raised was raised above
            await task
    usage = llm.usage
    yield Played(
        method=name,
        text=reply.text,
        shared=tuple(await asyncio.to_thread(repeats, reply.text, laid.peers, SHARED_WORDS)),
        n_calls=usage.n_calls,
        n_kept=usage.n_cached,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        wall_s=round(time.monotonic() - started_s, 3),
    )


def guard_of(tenant: Tenant, user_id: str, record_ids: Sequence[str], settings: MemorySettings) -> Guard:
    """Texts of others among these records, which a user's text may not repeat unless that is only to be marked."""
    if settings.on_repeat == "mark":
        return Guard(Others(()), "mark")
    with tenant.read() as tx:
        read = records.with_ids(tx, record_ids)
    texts = [one.record.text for one in read if one.record.user_id != user_id]
    return Guard(Others(texts, settings.repeat_words), settings.on_repeat)


def _ways(
    context: ProfileContext, real: Stored | None, latent: Latent | None, settings: MemorySettings
) -> tuple[Way, ...]:
    """All methods that are known here, each with why it cannot be used, if so."""
    alone = context.why if context.rung == "plain" else ""
    compared = "others' texts are not put into prompts here" if settings.private else ""
    made_with = context.profile.profile.records if context.profile else ()
    saw = "this profile was built with the real text in hand" if real and real.number in made_with else ""
    ways = [
        Way("non_perso"),
        Way("rag", alone),
        Way("dpl", alone or compared),
        Way("stored_profile", alone or ("" if context.profile else context.why), saw),
    ]
    return (*ways, Way(latent.kind, alone)) if latent else tuple(ways)


def _own(tx: Tx, context: ProfileContext, item_id: str) -> list[Stored]:
    """The user's texts on an item, where they may be used."""
    if context.rung == "plain" or context.user is None:
        return []
    return records.read(tx, RECORDS.c.user == context.user, ITEMS.c.item_id == item_id)


def _case(request: Request, real: Record | None, now_ms: int) -> Case:
    """The request, at the moment of the real text where there is one."""
    id_, at_ms = (real.id, real.timestamp) if real else ("", now_ms + 1)
    return Case(id_, request.user_id, request.item_id, at_ms, request.title, request.rating)
