"""Making anyone's chat personal: what is known of the user stands in a system message before the messages."""

from collections.abc import Mapping, Sequence

from unlike.llm.backend import Backend
from unlike.memory.answers import Personal
from unlike.memory.ladder import known_of
from unlike.memory.request import others_of, profile_passages, salt_of
from unlike.memory.settings import MemorySettings
from unlike.prompts.prompt import Ask, messages_of, own_record
from unlike.prompts.task import Task
from unlike.store import records, spend
from unlike.store.database import Tenant


def personalise(
    tenant: Tenant,
    messages: Sequence[Mapping[str, str]],
    user_id: str,
    item_id: str | None,
    backend: Backend,
    task: Task,
    settings: MemorySettings,
) -> Personal:
    """Chat messages with the user's part before them.

    A caller's own system message stays, after ours. Where prompt and answer would not fit the model's context, the
    shown records are left out, then the profile, never a message of the caller's.

    Raises:
        BudgetSpent: The tenant's tokens of the day are used up.
    """
    with tenant.read() as tx:
        spend.check(tx)
        known = known_of(tx, user_id, settings)
        others = others_of(tx, known)
        wanted = [item_id] if item_id else []
        items = records.items_of(tx, [*wanted, *(one.record.item_id for one in known.shown)])
    item = items.get(item_id or "")  # one that the memory does not know has nothing to say in a chat
    past = [own_record(one.record, items[one.record.item_id]) for one in known.shown]
    rest = [dict(message) for message in messages]
    for passages in ((*past, *profile_passages(known)), profile_passages(known), ()):
        about = messages_of(Ask("chat", tuple(passages), item), task) if passages else []
        whole = (*about, *rest)
        if not passages or _fits(whole, backend):
            break
    return Personal(
        messages=whole,
        rung=known.rung,
        why=known.why,
        profile_version=known.profile.version if known.profile else None,
        others=others,
        cache_salt=salt_of(tenant, known),
    )


def _fits(messages: Sequence[Mapping[str, str]], backend: Backend) -> bool:
    """Whether at least a quarter of the context is left for the answer."""
    limit = backend.context_tokens
    return limit is None or backend.count_tokens(messages) <= limit * 3 // 4
