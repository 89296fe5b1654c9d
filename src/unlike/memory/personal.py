"""Making anyone's chat personal: what is known of the user stands in a system message before the messages."""

from collections.abc import Mapping, Sequence

from unlike.llm.backend import Backend
from unlike.memory.answers import Personal
from unlike.memory.request import Desk, salt_of
from unlike.prompts.prompt import Ask, messages_of


def personalise(
    desk: Desk, messages: Sequence[Mapping[str, str]], user_id: str, item_id: str | None = None
) -> Personal:
    """Chat messages with the user's part before them.

    A caller's own system message stays, after ours. Where prompt and answer would not fit the model's context, the
    shown records are left out, then the profile, never a message of the caller's.

    Raises:
        BudgetSpent: The tenant's tokens of the day are used up.
    """
    desk.spending.check()
    standing, item = desk.standings.of(user_id, item_id or "")  # an unknown item has nothing to say in a chat
    known = standing.known
    rest = [dict(message) for message in messages]
    for passages in ((*standing.past, *standing.profile), standing.profile, ()):
        about = messages_of(Ask("chat", passages, item), desk.task) if passages else []
        whole = (*about, *rest)
        if not passages or _fits(whole, desk.backend):
            break
    return Personal(
        messages=whole,
        rung=known.rung,
        why=known.why,
        profile_version=known.profile.version if known.profile else None,
        others=standing.others,
        cache_salt=salt_of(desk.tenant, known),
    )


def _fits(messages: Sequence[Mapping[str, str]], backend: Backend) -> bool:
    """Whether at least a quarter of the context is left for the answer."""
    limit = backend.context_tokens
    return limit is None or backend.count_tokens(messages) <= limit * 3 // 4
