"""A request as a prompt: everything that one LLM call needs, read in one transaction."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from unlike.errors import InputError
from unlike.llm.backend import Backend, Messages, Sampling
from unlike.llm.soft import SoftPrompt
from unlike.memory.answers import Request
from unlike.memory.ladder import Known, known_of
from unlike.memory.settings import MemorySettings
from unlike.methods.kit import Latent
from unlike.methods.steps import prompt_limit
from unlike.prompts.budget import fit
from unlike.prompts.prompt import Ask, Passage, own_record
from unlike.prompts.task import Task
from unlike.records import Case, Item
from unlike.retrieve.bm25 import BM25Retriever
from unlike.retrieve.query import describe, documents_of
from unlike.store import records, spend
from unlike.store.database import Tenant, Tx
from unlike.store.records import StoredRecords, Unknown


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready for the LLM.

    Attributes:
        messages: The prompt.
        sampling: How to answer it.
        known: What it was made from.
        others: Texts of others that the profile goes back to, which the answer may not repeat.
        soft: The prompt with an adapter's vectors, where one serves; ``messages`` is then what a person may read of it.
    """

    messages: Messages
    sampling: Sampling
    known: Known
    others: tuple[str, ...]
    soft: SoftPrompt | None = None


def prepare(tenant: Tenant, request: Request, backend: Backend, task: Task, settings: MemorySettings) -> Prepared:
    """The prompt of a request.

    Raises:
        Unknown: The item is neither known nor described.
        InputError: The prompt cannot be made to fit the model's context.
        BudgetSpent: The tenant's tokens of the day are used up.
    """
    with tenant.read() as tx:
        spend.check(tx)
        known = known_of(tx, request.user_id, settings)
        others = others_of(tx, known)
        items = records.items_of(tx, [request.item_id, *(one.record.item_id for one in known.shown)])
    case = Case("", request.user_id, request.item_id, tenant.store.now_ms(), request.title, request.rating)
    item = request.item or _known_item(items, request.item_id)
    past = [own_record(one.record, items[one.record.item_id]) for one in known.shown]
    if request.retrieved and known.user is not None:
        past = _retrieved(StoredRecords(tenant), case, item, request.retrieved)
    ask = Ask("generate", (*past, *profile_passages(known)), item, case)
    limit = prompt_limit(backend.context_tokens, settings.method.but(max_tokens=request.max_tokens))
    fitted = fit(ask, task, limit, backend.count_tokens)
    return Prepared(fitted.messages, sampling_of(request, tenant, known), known, others)


def prepare_soft(
    tenant: Tenant, request: Request, latent: Latent, backend: Backend, task: Task, settings: MemorySettings
) -> Prepared:
    """The prompt of a request with an adapter's vectors: of all records until now, without waiting for any profile.

    Whoever stands on the lowest rung, and an item that is only described, get the prompt without vectors.

    Raises:
        Unknown: The item is neither known nor described.
        InputError: The prompt cannot be made to fit.
        BudgetSpent: The tenant's tokens of the day are used up.
    """
    with tenant.read() as tx:
        spend.check(tx)
        known = known_of(tx, request.user_id, settings)
        there = records.items_of(tx, [request.item_id])
    if known.rung == "plain" or request.item is not None:
        return prepare(tenant, request, backend, task, settings)
    _known_item(there, request.item_id)
    # A case's own moment is left out of its history; nothing has been written at a moment to come.
    case = Case("", request.user_id, request.item_id, tenant.store.now_ms() + 1, request.title, request.rating)
    ask = latent.prompt(case)
    rung, why = (
        "full" if ask.n_compared else "own_records",
        f"vectors of {len(ask.past)} records, {ask.n_compared} compared",
    )
    by_vectors = Known(rung, why, known.user)
    return Prepared(ask.messages, sampling_of(request, tenant, by_vectors), by_vectors, (), ask.prompt)


def profile_passages(known: Known) -> list[Passage]:
    """The profile as a passage, where there is one."""
    return [Passage("profile", known.profile.profile.text)] if known.profile else []


def others_of(tx: Tx, known: Known) -> tuple[str, ...]:
    """Texts of others whose words the LLM saw when it wrote the profile."""
    return tuple(stored.record.text for stored in records.with_numbers(tx, known.peers).values())


def salt_of(tenant: Tenant, known: Known) -> str:
    """Who may share the engine's cache of this prompt: this user, with this version of the profile."""
    version = known.profile.version if known.profile else 0
    return hashlib.sha256(f"{tenant.name}\0{known.user}\0{version}".encode()).hexdigest()[:32]


def sampling_of(request: Request, tenant: Tenant, known: Known) -> Sampling:
    """How the engine is to write."""
    return Sampling(
        temperature=request.temperature,
        top_p=request.top_p,
        max_tokens=request.max_tokens,
        seed=request.seed,
        cache_salt=salt_of(tenant, known),
    )


def _known_item(items: Mapping[str, Item], item_id: str) -> Item:
    if not item_id:
        raise InputError("a request needs item_id, or item with what is known of it")
    if item_id not in items:
        raise Unknown(f"no item {item_id!r}; send what is known of it as item: title, description")
    return items[item_id]


def _retrieved(stored: StoredRecords, case: Case, item: Item, n: int) -> list[Passage]:
    """The own records that fit the request best, oldest first."""
    history = stored.history(case.user_id, case.moment)
    found = BM25Retriever().rank(describe(case.title, item), documents_of(history, stored), n)
    return [
        own_record(record, stored.item(record.item_id)) for record in sorted(found, key=lambda record: record.moment)
    ]
