"""One request by several methods side by side, as people try them out: their texts, prompts, tokens and seconds.

A request about an item that the user wrote on is answered as of that moment: neither that text nor anything later of the
user is shown to the LLM, so that what comes can be read beside what the user really wrote. Nothing of a request is kept
but, as of every build, the steps before its text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from unlike.errors import InputError
from unlike.memory.answers import NoConsent, Request
from unlike.memory.ladder import Known, known_of
from unlike.memory.settings import MemorySettings
from unlike.memory.vectors import StoredVectors
from unlike.methods.kit import Kit, Latent, Outcome
from unlike.methods.steps import Reply, generate, read_history
from unlike.methods.table import Method, open_method
from unlike.methods.trace import outcome
from unlike.records import Case, Record
from unlike.store import records, spend
from unlike.store.database import Tenant, Tx
from unlike.store.items import items_with_ids
from unlike.store.records import Stored, StoredRecords, Unknown
from unlike.store.tables import ITEMS, RECORDS, USERS

PROFILE = "profile"
"""The way of the memory itself: one call, from the profile that was built ahead."""
MOST_PEERS = 500
"""Texts of others, the latest, that a text is looked through for words of."""


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
        user: Number of the user; None for one nobody has seen.
        profile: The profile in force, with the ids of the records of others that it goes back to.
        peers: Texts of others on the item.
    """

    table: Table
    case: Case
    user: int | None
    profile: Reply | None
    peers: tuple[str, ...]


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
        known = known_of(tx, request.user_id, settings)
        item = items_with_ids(tx, [request.item_id]).get(request.item_id)
        if item is None:
            raise Unknown(f"no item {request.item_id!r}; items come with the first record on them")
        own = _own(tx, known, request.item_id)
        there = (ITEMS.c.item_id == request.item_id, USERS.c.peer, USERS.c.user_id != request.user_id)
        others = records.read(tx, *there)
        profile = _profile(tx, known)
    real = own[-1].record if own else None
    n_peers = len({one.user for one in others})
    peers = tuple(one.record.text for one in others[-MOST_PEERS:]) if n_peers >= settings.fewest_peers else ()
    ways = _ways(known, own[-1] if own else None, latent, settings)
    table = Table(request.user_id, request.item_id, item.title, ways, real, n_peers)
    return Laid(table, _case(request, real, tenant.store.now_ms()), known.user, profile, peers)


def method_of(name: str, laid: Laid, settings: MemorySettings) -> Method:
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
    return _from_profile(laid, settings) if name == PROFILE else open_method(name)


def _ways(known: Known, real: Stored | None, latent: Latent | None, settings: MemorySettings) -> tuple[Way, ...]:
    """All methods that are known here, each with why it cannot be used, if so."""
    alone = known.why if known.rung == "plain" else ""
    compared = "others' texts are not put into prompts here" if settings.private else ""
    ways = [
        Way("non_perso"),
        Way("rag", alone),
        Way("dpl", alone or compared),
        Way(PROFILE, alone or ("" if known.profile else known.why), _saw(known, real)),
    ]
    return (*ways, Way(latent.kind, alone)) if latent else tuple(ways)


def _saw(known: Known, real: Stored | None) -> str:
    """A profile that was made with the real text in hand is no fair match for it."""
    made_with = known.profile.profile.records if known.profile else ()
    return "this profile was built with the real text in hand" if real and real.number in made_with else ""


def _profile(tx: Tx, known: Known) -> Reply | None:
    """The profile as a step would have given it."""
    if known.profile is None:
        return None
    read = tuple(one.record.id for one in records.with_numbers(tx, known.peers).values())
    return Reply(known.profile.profile.text, {}, read)


def _own(tx: Tx, known: Known, item_id: str) -> list[Stored]:
    """The user's texts on an item, where they may be used."""
    if known.rung == "plain" or known.user is None:
        return []
    return records.read(tx, RECORDS.c.user == known.user, ITEMS.c.item_id == item_id)


def _case(request: Request, real: Record | None, now_ms: int) -> Case:
    """The request, at the moment of the real text where there is one."""
    id_, at_ms = (real.id, real.timestamp) if real else ("", now_ms + 1)
    return Case(id_, request.user_id, request.item_id, at_ms, request.title, request.rating)


def _from_profile(laid: Laid, settings: MemorySettings) -> Method:
    """The memory's own way: the profile in force and the latest own records before the request."""

    async def from_profile(case: Case, kit: Kit) -> Outcome:
        history = await read_history(case, kit)
        past = history[-settings.shown_records :] if settings.shown_records else ()
        return outcome(await generate(case, kit, past, laid.profile), kit.settings, history, past, profile=laid.profile)

    return from_profile
