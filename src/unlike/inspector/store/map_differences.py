"""How a user differs on one item, by dimension: stored differences, and new ones by an LLM call."""

from collections.abc import Sequence
from dataclasses import dataclass

from unlike.embed.encoder import Encoder, KnownVectors
from unlike.inspector.store.maps import read, representatives
from unlike.inspector.store.others import decrypted
from unlike.memory.answers import NoConsent
from unlike.memory.build import in_own_words, others_of
from unlike.memory.profile_pages import known_user
from unlike.memory.settings import MemorySettings
from unlike.methods.kit import Kit
from unlike.methods.steps import Comparison, extract, standard
from unlike.peers.selectors import open_selector
from unlike.records import Record
from unlike.settings import SelectorName
from unlike.store import differences, records
from unlike.store.database import Tenant
from unlike.store.tables import ITEMS, RECORDS
from unlike.writing.dimensions import by_dimension


@dataclass(frozen=True, slots=True)
class Aspect:
    """A difference along one dimension; "" for text that names none."""

    dimension: str
    text: str


@dataclass(frozen=True, slots=True)
class FoundDifference:
    """The result of one comparison.

    Attributes:
        aspects: By dimension, in the order of the text.
        n_peers: Number of others to choose representatives from.
        stale: Whether it will be recomputed.
        kept: Whether it is stored for profiles; one that was computed for a map is only shown.
    """

    aspects: tuple[Aspect, ...]
    n_peers: int
    stale: bool = False
    kept: bool = True
    prompt_tokens: int = 0
    completion_tokens: int = 0


def kept_on(tenant: Tenant, user_id: str, item_id: str, names: Sequence[str]) -> tuple[FoundDifference, ...]:
    """The differences of a user's records on an item that profiles are made from.

    Args:
        tenant: The tenant.
        user_id: The user.
        item_id: The item.
        names: Names of the dimensions.

    Raises:
        Unknown: There is no such user.
    """
    with tenant.read() as tx:
        own = records.without_texts(tx, RECORDS.c.user == known_user(tx, user_id), ITEMS.c.item_id == item_id)
        found = differences.current_of(tx, [one.number for one in own])
    return tuple(
        FoundDifference(_aspects(one.difference.text, names), one.difference.n_peers, one.stale)
        for one in found.values()
    )


async def ask_for(
    kit: Kit, own: Record, chosen: Sequence[Record], n_peers: int, settings: MemorySettings
) -> FoundDifference:
    """One comparison by the LLM (DPL, equation 5), less others' words; a repeated one is read from the journal.

    Raises:
        CallFailed: The call failed.
        EngineError: The LLM cannot be used.
    """
    comparison = Comparison(own, kit.records.item(own.item_id), tuple(chosen), n_peers)
    (found,) = await extract([comparison], kit)
    found = in_own_words(found, others_of(chosen, settings))
    names = [dimension.name for dimension in standard(kit)]
    return FoundDifference(
        aspects=_aspects(found.reply.text, names),
        n_peers=n_peers,
        kept=False,
        prompt_tokens=found.reply.call["prompt_tokens"],
        completion_tokens=found.reply.call["completion_tokens"],
    )


def comparison_of(
    tenant: Tenant,
    user_id: str,
    item_id: str,
    k: int,
    selector: SelectorName,
    encoder: Encoder,
    settings: MemorySettings,
) -> tuple[int, Record, list[Record], int]:
    """Number of the user, the own record, the representatives and the number of others.

    Raises:
        Unknown: There is no such user or item.
        NoConsent: There is no text to compare, or no one to compare it with.
    """
    data = read(tenant, user_id, item_id, encoder, settings, with_texts=False)
    if settings.private:
        raise NoConsent("texts are not compared here: this memory is set to compare only with statistics of others")
    if data.target is None or not data.target.id:
        raise NoConsent(
            data.why or f"user {user_id!r} wrote nothing on item {item_id!r}, so there is nothing to compare"
        )
    choice = open_selector(selector, KnownVectors(data.vectors), settings.method.seed)
    with tenant.read() as tx:
        compared = decrypted(tx, representatives(data, k, choice))
    if not compared:
        raise NoConsent(data.why or "there is no one else on this item to compare with yet")
    return data.user, data.target, compared, data.n_others


def _aspects(text: str, names: Sequence[str]) -> tuple[Aspect, ...]:
    return tuple(Aspect(*part) for part in by_dimension(text, names))
