"""A request as a draft: everything that one LLM call needs, read in one transaction."""

import hashlib
from dataclasses import dataclass, replace

from unlike.errors import InputError
from unlike.llm.backend import Backend, Messages, Sampling, estimate_tokens
from unlike.llm.journal import Call
from unlike.memory.answers import Request, Written
from unlike.memory.context import ProfileContext, ProfileContextCache
from unlike.memory.sealed_journal import texts_of
from unlike.memory.settings import MemorySettings
from unlike.memory.spending import Spending
from unlike.methods.kit import Latent
from unlike.methods.steps import profile_passage
from unlike.privacy.redact import Redactor
from unlike.prompts.prompt import Ask, Passage, items_of, messages_of, own_record, record_ids_of
from unlike.prompts.task import Task
from unlike.records import Case, Item
from unlike.retrieve.bm25 import BM25Retriever
from unlike.retrieve.query import Document, describe
from unlike.store import records, users
from unlike.store.database import Tenant
from unlike.store.items import items_with_ids
from unlike.store.journal import CallToStore
from unlike.store.records import Unknown
from unlike.writing.draft import WRITING_STEPS, Draft, Reply, draft_of, soft_draft
from unlike.writing.expected import ANSWER
from unlike.writing.write import Guard

MAX_SEARCHED = 1_000
"""Latest own records that are searched for those that fit a request, since each of them is decrypted."""
MAX_SHOWN = 100
"""Characters of an unknown id that are repeated."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready for the LLM.

    Attributes:
        draft: The prompt.
        context: What it was made from.
        guard: What the text may not repeat.
        shows_profile: Whether the context's profile is in the prompt.
        chat_item: Id of the item that is in the prompt of a chat; None for none.
    """

    draft: Draft
    context: ProfileContext
    guard: Guard
    shows_profile: bool
    chat_item: str | None = None

    def written(self, reply: Reply) -> Written:
        """The reply with what it was written from."""
        return Written(
            text=reply.text,
            rung=self.context.rung,
            why=self.context.why,
            profile_version=self.context.profile_version,
            prompt_tokens=reply.call["prompt_tokens"],
            completion_tokens=reply.call["completion_tokens"],
            finish_reason=reply.call["finish_reason"],
            repeats=reply.repeats,
        )


def call_to_store(
    call: Call, context: ProfileContext, shows_profile: bool, model: str, redactor: Redactor
) -> CallToStore | None:
    """What may be kept of the call of a text, with its prompt; None where it is for no known user.

    Args:
        call: The call.
        context: Of the user.
        shows_profile: Whether the context's profile is in the prompt.
        model: Engine and model.
        redactor: Removes identifiers from the prompt.
    """
    if context.user is None:
        return None
    behind = context.peer_ids if shows_profile else ()
    direct = [record_id for record_id in call.record_ids if record_id not in behind]
    profile = context.profile.number if context.profile and shows_profile else None
    prompt = texts_of(call.messages, redactor)
    return CallToStore(context.user, model, call.step, direct, profile, prompt, call.items)


@dataclass(frozen=True, slots=True)
class RequestParts:
    """What requests are prepared with.

    Attributes:
        tenant: Whose users they are for.
        backend: The LLM that will read the prompts.
        task: Words and templates.
        settings: Of the memory.
        contexts: What the users' requests are written from.
        spending: What the tenant's calls cost.
    """

    tenant: Tenant
    backend: Backend
    task: Task
    settings: MemorySettings
    contexts: ProfileContextCache
    spending: Spending


def prepare(parts: RequestParts, request: Request) -> Prepared:
    """The draft of a request.

    Raises:
        Unknown: The item is neither known nor described.
        InputError: The prompt cannot be made to fit the model's context.
        BudgetSpent: The tenant's tokens of the day are used up.
    """
    parts.spending.check()
    context, known_item = parts.contexts.of(request.user_id, request.item_id)
    item = request.item or _known(known_item, request.item_id)
    case = _case(request, parts.tenant.store.now_ms())
    past = context.past
    if request.retrieved and context.user is not None:
        past = _retrieved(parts.tenant, context.user, case, item, request.retrieved)
    ask = Ask(WRITING_STEPS[parts.settings.method.layout], (*past, *_profile(context)), item, case)
    sampling = _sampling(request, parts.tenant, context)
    draft = draft_of(ask, parts.task, parts.backend, sampling, parts.tenant.name, parts.settings.method.rewrites)
    if request.item is not None:
        stored = tuple(one for one in draft.call.items if one is not request.item)
        draft = replace(draft, call=replace(draft.call, items=stored))
    guard = Guard(context.others, parts.settings.on_repeat)
    return Prepared(draft, context, guard, shows_profile=context.profile is not None)


def prepare_soft(parts: RequestParts, request: Request, latent: Latent) -> Prepared:
    """The draft of a request with an adapter's vectors: of all records until now, without waiting for any profile.

    A user of whom nothing may be used, and an item that is only described, get the prompt without vectors.

    Raises:
        Unknown: The item is neither known nor described.
        InputError: The prompt cannot be made to fit.
        BudgetSpent: The tenant's tokens of the day are used up.
    """
    parts.spending.check()
    context, known_item = parts.contexts.of(request.user_id, request.item_id)
    if context.rung == "plain" or request.item is not None:
        return prepare(parts, request)
    item = _known(known_item, request.item_id)
    # A case's own moment is left out of its history; nothing has been written at a moment to come.
    case = _case(request, parts.tenant.store.now_ms() + 1)
    soft = latent.prompt(case)
    why = f"vectors of {len(soft.past)} records, {soft.n_compared} compared"
    by_vectors = ProfileContext("full" if soft.n_compared else "own_records", why, context.user)
    sampling = _sampling(request, parts.tenant, by_vectors)
    draft = soft_draft(soft, item, case, parts.task, sampling, parts.backend, parts.tenant.name)
    draft = replace(draft, rewrites=parts.settings.method.rewrites)
    return Prepared(draft, by_vectors, Guard(by_vectors.others, parts.settings.on_repeat), shows_profile=False)


def prepare_chat(
    parts: RequestParts,
    messages: Messages,
    sampling: Sampling,
    user_id: str | None = None,
    item_id: str | None = None,
) -> Prepared:
    """A chat, with a system message about the user before it where one is named.

    A caller's own system message stays, after ours, which names the item also where nothing is known of the user. Where
    prompt and answer would not fit the model's context, the shown records are left out, then the profile, then the item,
    never a message of the caller's. The answer is passed on as it is,
    without thoughts and control tokens.

    Raises:
        BudgetSpent: The tenant's tokens of the day are used up.
    """
    parts.spending.check()
    tenant, whole = parts.tenant, tuple(dict(message) for message in messages)
    if user_id is None:
        # Requests without a user share the engine's cache within the tenant, and with no other tenant.
        why = f"no user is named{', so the item is not looked up' if item_id else ''}"
        context, salt, ask = ProfileContext("plain", why), f"tenant {tenant.id}", Ask("chat")
    else:
        context, item = parts.contexts.of(user_id, item_id or "")  # a chat leaves out an unknown item
        if item_id and item is None:
            context = replace(context, why=f"{context.why}; no item {item_id[:MAX_SHOWN]!r}")
        salt = salt_of(tenant, context)
        ask, whole = _personal(parts, whole, context, item)
    read, items = record_ids_of(ask.passages), tuple(items_of(ask, ask))
    call = Call("chat", "", whole, replace(sampling, cache_salt=salt), read, tenant.name, items=items)
    shows_profile = any(passage.kind == "profile" for passage in ask.passages)
    guard = Guard(context.others, parts.settings.on_repeat)
    return Prepared(Draft(call, ANSWER), context, guard, shows_profile, ask.item.id if ask.item else None)


def _personal(
    parts: RequestParts, messages: Messages, context: ProfileContext, item: Item | None
) -> tuple[Ask, Messages]:
    """As much about the user and the item as there is room for, and the messages with that before them."""
    profile = _profile(context)
    for passages in ((*context.past, *profile), profile, ()):
        ask = Ask("chat", passages, item)
        if not passages and item is None:
            break
        whole = (*messages_of(ask, parts.task), *messages)
        if _leaves_room(whole, parts.backend):
            return ask, whole
    return Ask("chat"), messages


def _profile(context: ProfileContext) -> tuple[Passage, ...]:
    return (profile_passage(context.summary),) if context.summary else ()


def salt_of(tenant: Tenant, context: ProfileContext) -> str:
    """The salt of the engine's prompt cache: one per user and profile version."""
    version = context.profile_version or 0
    return hashlib.sha256(f"{tenant.name}\0{context.user}\0{version}".encode()).hexdigest()[:32]


def _sampling(request: Request, tenant: Tenant, context: ProfileContext) -> Sampling:
    salt = salt_of(tenant, context)
    return Sampling(request.temperature, request.top_p, request.max_tokens, request.seed, cache_salt=salt)


def _case(request: Request, now_ms: int) -> Case:
    return Case("", request.user_id, request.item_id, now_ms, request.title, request.rating)


def _known(item: Item | None, item_id: str) -> Item:
    if not item_id:
        raise InputError("a request needs item_id, or item with what is known of it")
    if item is None:
        raise Unknown(f"no item {item_id!r}; send what is known of it as item: title, description")
    return item


def _retrieved(tenant: Tenant, user: int, case: Case, item: Item, n: int) -> tuple[Passage, ...]:
    """The own records that fit the request best, oldest first, of the latest that are searched."""
    with tenant.read() as tx:
        agrees = user in users.agreeing(tx, [user])
        latest = records.latest(tx, user, MAX_SEARCHED) if agrees else []
        items = items_with_ids(tx, [one.record.item_id for one in latest]) if latest else {}
    history = [one.record for one in latest if one.record.moment < case.moment]
    documents = [Document(record, describe(record.title, items[record.item_id])) for record in history]
    found = BM25Retriever().rank(describe(case.title, item), documents, n)
    return tuple(own_record(record, items[record.item_id]) for record in sorted(found, key=lambda one: one.moment))


def _leaves_room(messages: Messages, backend: Backend) -> bool:
    """Whether at least a quarter of the context is left for the answer."""
    limit = backend.context_tokens
    is_plain = all(isinstance(message.get("content"), str) for message in messages)
    return limit is None or (backend.count_tokens if is_plain else estimate_tokens)(messages) <= limit * 3 // 4
