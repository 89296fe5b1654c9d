"""A request as a prompt: everything that one LLM call needs, read in one transaction."""

import hashlib
from dataclasses import dataclass

from unlike.errors import InputError
from unlike.llm.backend import Backend, Messages, Sampling
from unlike.llm.soft import SoftPrompt
from unlike.memory.answers import Request
from unlike.memory.ladder import Known
from unlike.memory.settings import MemorySettings
from unlike.memory.spending import Spending
from unlike.memory.standing import Standings
from unlike.methods.kit import Latent
from unlike.methods.steps import prompt_limit
from unlike.privacy.repeats import Others
from unlike.prompts.budget import fit
from unlike.prompts.prompt import Ask, Passage, own_record
from unlike.prompts.task import Task
from unlike.records import Case, Item
from unlike.retrieve.bm25 import BM25Retriever
from unlike.retrieve.query import describe, documents_of
from unlike.store.database import Tenant
from unlike.store.records import StoredRecords, Unknown
from unlike.writing.expected import Expected, expected_of


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready for the LLM.

    Attributes:
        messages: The prompt.
        sampling: How to answer it.
        known: What it was made from.
        others: Texts of others that the profile goes back to, which the answer may not repeat.
        expected: What the answer is expected to be, which says how it is cleaned.
        soft: The prompt with an adapter's vectors, where one serves; ``messages`` is then what a person may read of it.
    """

    messages: Messages
    sampling: Sampling
    known: Known
    others: Others
    expected: Expected
    soft: SoftPrompt | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What prompts of requests are made with.

    Attributes:
        tenant: Whose users they are for.
        backend: The LLM that will read them.
        task: Words and templates.
        settings: Of the memory.
        standings: What the users' requests are written from.
        spending: What the tenant's calls cost.
    """

    tenant: Tenant
    backend: Backend
    task: Task
    settings: MemorySettings
    standings: Standings
    spending: Spending


def prepare(desk: Desk, request: Request) -> Prepared:
    """The prompt of a request.

    Raises:
        Unknown: The item is neither known nor described.
        InputError: The prompt cannot be made to fit the model's context.
        BudgetSpent: The tenant's tokens of the day are used up.
    """
    tenant = desk.tenant
    desk.spending.check()
    standing, there = desk.standings.of(request.user_id, request.item_id)
    item = request.item or _known_item(there, request.item_id)
    case = Case("", request.user_id, request.item_id, tenant.store.now_ms(), request.title, request.rating)
    known, past = standing.known, standing.past
    if request.retrieved and known.user is not None:
        past = _retrieved(StoredRecords(tenant), case, item, request.retrieved)
    ask = Ask("generate", (*past, *standing.profile), item, case)
    limit = prompt_limit(desk.backend.context_tokens, desk.settings.method.but(max_tokens=request.max_tokens))
    fitted = fit(ask, desk.task, limit, desk.backend.count_tokens)
    expected = expected_of(ask, desk.task.words)
    return Prepared(fitted.messages, sampling_of(request, tenant, known), known, standing.others, expected)


def prepare_soft(desk: Desk, request: Request, latent: Latent) -> Prepared:
    """The prompt of a request with an adapter's vectors: of all records until now, without waiting for any profile.

    Whoever stands on the lowest rung, and an item that is only described, get the prompt without vectors.

    Raises:
        Unknown: The item is neither known nor described.
        InputError: The prompt cannot be made to fit.
        BudgetSpent: The tenant's tokens of the day are used up.
    """
    tenant = desk.tenant
    desk.spending.check()
    standing, there = desk.standings.of(request.user_id, request.item_id)
    known = standing.known
    if known.rung == "plain" or request.item is not None:
        return prepare(desk, request)
    item = _known_item(there, request.item_id)
    # A case's own moment is left out of its history; nothing has been written at a moment to come.
    case = Case("", request.user_id, request.item_id, tenant.store.now_ms() + 1, request.title, request.rating)
    ask = latent.prompt(case)
    rung, why = (
        "full" if ask.n_compared else "own_records",
        f"vectors of {len(ask.past)} records, {ask.n_compared} compared",
    )
    by_vectors = Known(rung, why, known.user)
    expected = expected_of(Ask("soft", item=item, request=case), desk.task.words)
    sampling = sampling_of(request, tenant, by_vectors)
    return Prepared(ask.messages, sampling, by_vectors, Others(()), expected, ask.prompt)


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


def _known_item(there: Item | None, item_id: str) -> Item:
    if not item_id:
        raise InputError("a request needs item_id, or item with what is known of it")
    if there is None:
        raise Unknown(f"no item {item_id!r}; send what is known of it as item: title, description")
    return there


def _retrieved(stored: StoredRecords, case: Case, item: Item, n: int) -> tuple[Passage, ...]:
    """The own records that fit the request best, oldest first."""
    history = stored.history(case.user_id, case.moment)
    found = BM25Retriever().rank(describe(case.title, item), documents_of(history, stored), n)
    return tuple(
        own_record(record, stored.item(record.item_id)) for record in sorted(found, key=lambda record: record.moment)
    )
