"""A request as a prompt: everything that one LLM call needs, read in one transaction."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from unlike.errors import InputError
from unlike.llm.backend import Backend, Messages, Sampling
from unlike.memory.answers import Request
from unlike.memory.ladder import Known, known_of
from unlike.memory.settings import MemorySettings
from unlike.methods.steps import prompt_limit
from unlike.prompts.budget import fit
from unlike.prompts.prompt import Ask, Passage, own_record
from unlike.prompts.task import Task
from unlike.records import Case, Item, Record
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
    """

    messages: Messages
    sampling: Sampling
    known: Known
    others: tuple[str, ...]


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
    case = Case("", request.user_id, request.item_id, tenant.store.now_ms(), request.title, request.rating)
    stored = StoredRecords(tenant)
    item = _item(stored, request)
    past = _retrieved(stored, case, item, request.retrieved) if request.retrieved else [s.record for s in known.shown]
    items = {record.item_id: stored.item(record.item_id) for record in past} | {item.id: item}
    passages = [own_record(record, items[record.item_id]) for record in past]
    ask = Ask("generate", (*passages, *profile_passages(known)), item, case)
    limit = prompt_limit(backend.context_tokens, settings.method.but(max_tokens=request.max_tokens))
    fitted = fit(ask, task, limit, backend.count_tokens)
    return Prepared(fitted.messages, sampling_of(request, tenant, known), known, others)


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


def _item(stored: StoredRecords, request: Request) -> Item:
    if request.item is not None:
        return request.item
    if not request.item_id:
        raise InputError("a request needs item_id, or item with what is known of it")
    try:
        return stored.item(request.item_id)
    except Unknown as error:
        raise Unknown(f"no item {request.item_id!r}; send what is known of it as item: title, description") from error


def _retrieved(stored: StoredRecords, case: Case, item: Item, n: int) -> Sequence[Record]:
    """The own records that fit the request best, oldest first."""
    history = stored.history(case.user_id, case.moment)
    found = BM25Retriever().rank(describe(case.title, item), documents_of(history, stored), n)
    return sorted(found, key=lambda record: record.moment)
