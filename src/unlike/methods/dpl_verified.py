"""DPL with verified differences (ours): only what the texts support reaches the profile.

A small LLM ascribes to the user what others wrote, or praises every user in the same words. So the profile is not its
summary. It holds the statements of the differences (equation 5) whose quotation is in the user's text and in no
representative's, after the habits that were measured (``style_facts``) on the user's history and others' texts on the same
items: lengths, punctuation, capitals, person, favourite words.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence

from unlike.language import sentences_in
from unlike.methods.kit import Kit
from unlike.methods.steps import (
    Comparison,
    Difference,
    draft,
    extract,
    others_on,
    read_history,
    retrieve,
    sampled,
    select,
)
from unlike.methods.style_facts import favourite_words, habit_sentences, habits_of
from unlike.records import Case, Record
from unlike.writing.draft import Draft, Reply

STEP = "verify"
MAX_STATEMENTS = 6
MAX_OWN, MAX_OTHERS = 50, 20
"""Habits are measured on the user's latest records, and on so many of others on each of the same items."""
MIN_QUOTED_CHARS = 6
"""A shorter quotation is in too many texts to prove anything."""

_QUOTATION = re.compile(r"[\"“”«»]([^\"“”«»\n]{1,200})[\"“”«»]")
_WORDS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_PERSON_A = re.compile(r"\b(?:(?i:person) A\b|A(?=['’]s\b))")
_MARKS = re.compile(r"^[\s>*#•·–-]+|[*_#]{2,}")


async def dpl_verified(case: Case, kit: Kit) -> Draft:
    """DPL's retrieve, select and extract; then verify instead of summarise; then draft."""
    history = await read_history(case, kit)
    past = await retrieve(case, history, kit)
    comparisons = await select(case, history, kit)
    differences = await extract(comparisons, kit)
    profile, counts = await asyncio.to_thread(verified_profile, case, history, differences, kit)
    return await draft(case, kit, past, profile, history=history, differences=differences, verified=counts)


def verified_profile(
    case: Case, history: Sequence[Record], differences: Sequence[Difference], kit: Kit
) -> tuple[Reply | None, dict[str, int]]:
    """The profile, and how many statements there were, how many were kept and how many habits were measured."""
    own = history[-MAX_OWN:]
    item_ids = dict.fromkeys(record.item_id for record in own)
    others = [other for item_id in item_ids for other in _sample_of(item_id, case, kit)]
    habits = habit_sentences(habits_of(own, others))
    words = favourite_words(own, others, _known(item_ids, kit))
    if words:
        habits.append("Favourite words: " + ", ".join(f'"{word}"' for word in words) + ".")
    found = [(d, statement) for d in differences for statement in statements_in(d.reply.text)]
    kept = [statement for d, statement in found if is_supported(statement, d.comparison)][:MAX_STATEMENTS]
    counts = {"statements": len(found), "statements_kept": len(kept), "habits": len(habits)}
    lines = [*habits, *kept]
    if not lines:
        return None, counts
    read = dict.fromkeys(record_id for d in differences for record_id in d.reply.read)
    read |= dict.fromkeys(record.id for record in (*own, *others))
    return Reply("\n".join(f"- {line}" for line in lines), {"step": STEP}, tuple(read)), counts


def statements_in(text: str) -> list[str]:
    """The sentences of a difference, each once, about "the person"."""
    plain = (_MARKS.sub("", line) for line in text.splitlines())
    sentences = [part for line in plain for part in sentences_in(line) if _WORDS.search(part)]
    return list(dict.fromkeys(_PERSON_A.sub("the person", sentence) for sentence in sentences))


def is_supported(statement: str, comparison: Comparison) -> bool:
    """Whether a statement quotes words of the user's text that are in no representative's."""
    own = _plain(comparison.record.text)
    others = [_plain(record.text) for record in comparison.representatives]
    long = (quotation for quotation in _QUOTATION.findall(statement) if len(quotation) >= MIN_QUOTED_CHARS)
    quoted = [plain for quotation in long if len(plain := _plain(quotation)) > 1]
    return any(words in own and not any(words in text for text in others) for words in quoted)


def _plain(text: str) -> str:
    """The words of a text in lower case, with a space around each, so that a part of a word does not match."""
    words = _WORDS.findall(text.lower().replace("’", "'"))
    return f" {' '.join(words)} "


def _sample_of(item_id: str, case: Case, kit: Kit) -> Sequence[Record]:
    """Others' records on an item, the same for every user."""
    return sampled(others_on(item_id, case, kit), kit.settings.seed, MAX_OTHERS)


def _known(item_ids: Iterable[str], kit: Kit) -> str:
    """What is known of the items."""
    items = [kit.records.item(item_id) for item_id in item_ids]
    return "\n".join(text for item in items for text in (item.title, item.description))
