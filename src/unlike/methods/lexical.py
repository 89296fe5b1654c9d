"""The lexical difference: the tokens that a user writes more or less often than others on the same items, as logit bias.

A prior without training, for any method: the setting ``lexical`` is its strength. For a token w

    d_w    = log (c_w + a p_w) - log (o_w + a p_w)                     log share with the user less that with the others
    s2_w   = 1 / (c_w + a p_w) + 1 / (o_w + a p_w)                     its variance
    bias_w = strength * d_w * t2 / (t2 + s2_w)                         shrunk

c_w counts the token in the user's records on items that others wrote about, n tokens in all. o_w is what the others would
have written in as many tokens on the same items: the sum over these records of the share of w in the others' texts on the
item, times the record's length. So topics cancel, and both have n tokens. a p_w is the informative Dirichlet prior of Monroe,
Colaresi and Quinn ("Fightin' Words", 2008), p_w being the share of w in all these texts, and s2_w the variance that they
give. They divide by its root, which ranks words; t2 / (t2 + s2_w) is the shrinkage of a normal prior with variance t2, which
keeps the unit of a logit and leaves almost nothing of a token that was seen once.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, wraps

from unlike.llm.backend import Backend, token_ids_of
from unlike.methods.controls import stranger_of
from unlike.methods.kit import Kit
from unlike.methods.steps import others_on, sampled
from unlike.prompts.prompt import quoted
from unlike.records import Case, Record
from unlike.writing.draft import Draft

PRIOR_TOKENS = 500.0
"""a: the weight of the prior, as a number of tokens."""
PRIOR_VARIANCE = 0.25
"""t2: a habit is expected to change the share of a token by about half a logit."""
MAX_TOKENS = 300
"""Tokens with a bias: the ones with the largest. Endpoints limit their number."""
MIN_BIAS = 0.01
MAX_RECORDS, MAX_OTHERS = 50, 20
"""The latest records of a user that are counted, and others per item."""

MAX_CACHED = 20_000
"""Texts whose counts are kept: an item's records are compared for many cases."""

Counts = Mapping[int, float]
"""Number of each token."""
TokenCounter = Callable[[str, Backend], Counter[int]]
"""Counts the tokens of a text as an engine has them."""


@dataclass(frozen=True, slots=True)
class ComparedCounts:
    """A record of the user, or of a stranger, and what others wrote on its item.

    Attributes:
        own: Tokens of the record.
        others: Tokens of the others' texts together.
        record_ids: Of all these texts.
    """

    own: Counts
    others: Counts
    record_ids: tuple[str, ...]


def lexical_difference(compared: Sequence[ComparedCounts], strength: float) -> tuple[tuple[int, float], ...]:
    """The bias of the tokens that differ most, by token id.

    Args:
        compared: Records with what others wrote on their items.
        strength: What the shrunk log ratio is multiplied with.
    """
    own, expected, seen = Counter[int](), Counter[int](), Counter[int]()
    for one in compared:
        per_token = sum(one.own.values()) / max(1, sum(one.others.values()))
        own.update(one.own)
        expected.update({token: n * per_token for token, n in one.others.items()})
        seen.update(one.own)
        seen.update(one.others)
    n_seen = sum(seen.values())
    found = {token: strength * _shrunk(own[token], expected[token], n / n_seen) for token, n in seen.items()}
    largest = sorted(found, key=lambda token: (-abs(found[token]), token))[:MAX_TOKENS]
    return tuple((token, round(found[token], 4)) for token in sorted(largest) if abs(found[token]) >= MIN_BIAS)


def _shrunk(own: float, others: float, share: float) -> float:
    """d_w t2 / (t2 + s2_w) of a token."""
    own, others = own + PRIOR_TOKENS * share, others + PRIOR_TOKENS * share
    return math.log(own / others) * PRIOR_VARIANCE / (PRIOR_VARIANCE + 1 / own + 1 / others)


def with_lexical_difference(method: Callable[[Case, Kit], Awaitable[Draft]]) -> Callable[[Case, Kit], Awaitable[Draft]]:
    """The method with the bias that the setting ``lexical`` asks for; without it the method as it is."""
    token_counts = lru_cache(MAX_CACHED)(_token_counts)

    @wraps(method)
    async def biased(case: Case, kit: Kit) -> Draft:
        if not kit.settings.lexical:
            return await method(case, kit)
        # Before the method's calls, which may cost something.
        compared, of = await asyncio.to_thread(_compared_of, case, kit, token_counts)
        return _biased(await method(case, kit), compared, of, kit.settings.lexical)

    return biased


def _token_counts(text: str, backend: Backend) -> Counter[int]:
    """How often a text has each token.

    Raises:
        InputError: The engine takes no logit bias.
    """
    return Counter(token_ids_of(backend)(quoted(text)))


def _biased(draft: Draft, compared: Sequence[ComparedCounts], of: str, strength: float) -> Draft:
    """The draft with the bias of a user."""
    bias = lexical_difference(compared, strength)
    read = dict.fromkeys([*draft.call.record_ids, *(one for each in compared for one in each.record_ids)])
    sampling = replace(draft.call.sampling, logit_bias=bias)
    call = replace(draft.call, sampling=sampling, record_ids=tuple(read))
    facts = {"of": of, "records": len(compared), "tokens": len(bias)}
    return replace(draft, call=call, trace={**draft.trace, "lexical": facts})


def _compared_of(case: Case, kit: Kit, token_counts: TokenCounter) -> tuple[list[ComparedCounts], str]:
    """What is compared for a case, and the id of the user whose it is: the case's, or a stranger as a control.

    Raises:
        InputError: The engine takes no logit bias.
        CallFailed: No other user has a record before the case.
    """
    token_ids_of(kit.llm.backend)
    compared = _compared(kit.records.history(case.user_id, case.moment), case, kit, token_counts)
    if kit.settings.lexical_of != "stranger":
        return compared, case.user_id
    stranger = stranger_of(case, len(compared), kit)
    theirs = _compared(stranger.history, replace(case, user_id=stranger.user_id), kit, token_counts, but=case.user_id)
    return theirs[: len(compared)], stranger.user_id


def _compared(
    history: Sequence[Record], case: Case, kit: Kit, token_counts: TokenCounter, but: str = ""
) -> list[ComparedCounts]:
    """The latest records of a history on items that others, one user left out, wrote about; the latest first."""
    found: list[ComparedCounts] = []
    for record in reversed(history):
        if len(found) == MAX_RECORDS:
            break
        others = [other for other in others_on(record.item_id, case, kit) if other.user_id != but]
        if others:
            others = sampled(others, kit.settings.seed, MAX_OTHERS)
            tokens = sum((token_counts(other.text, kit.llm.backend) for other in others), Counter[int]())
            ids = tuple(one.id for one in (record, *others))
            found.append(ComparedCounts(token_counts(record.text, kit.llm.backend), tokens, ids))
    return found
