"""Comparison in private: a record against figures of the groups that others fall into; their texts are in no prompt.

It goes beyond both papers: where DPL reads the representative of a group (equation 5), the prompt states how the
group writes (``style_facts``) and which words several of its people use. Such figures and words never come
from fewer people than the settings allow, and never from one alone.
"""

from collections import Counter
from collections.abc import Sequence

from unlike.memory.representatives import MIN_MEASURED
from unlike.memory.settings import MemorySettings
from unlike.methods.kit import Kit
from unlike.methods.steps import Comparison, Difference, ask, standard, together
from unlike.methods.style_facts import facts_of, figures_beside, means, vocabulary
from unlike.prompts.prompt import Ask, Passage, own_record
from unlike.records import Item, Record
from unlike.stop_words import STOP_WORDS
from unlike.writing.draft import Reply

STEP = "difference_facts"
MAX_WORDS = 8
"""Maximum number of shared words of a group in a prompt."""
_LONGEST_WORD = 20


def figures(own: Record, item: Item, group: Sequence[Record], settings: MemorySettings) -> Passage:
    """The passage about a group next to a person's record: figures, and words that several of its people use.

    It lists the records it was made from, so that what is made from it is deleted with any of them.

    Args:
        own: The person's record on the item.
        item: What they all wrote about; its own words reveal nothing about them.
        group: One record of each of them.
        settings: The minimum number of people.
    """
    minimum = max(settings.min_peers, MIN_MEASURED)
    known = "\n".join((own.text, own.title, item.title, item.description))
    words = shared_words([record.text for record in group], known, minimum, MAX_WORDS)
    lines = [figures_beside(means([facts_of(record) for record in group], minimum), facts_of(own))]
    if words:
        lines.append(f"words that several of them use and this person does not: {', '.join(words)}")
    ids = tuple(record.id for record in group)
    return Passage("others", "\n".join(lines), item, record_ids=ids, n_others=len(group))


def shared_words(texts: Sequence[str], own: str, minimum: int, maximum: int) -> list[str]:
    """Words that several people use and a person does not, those of most people first.

    Args:
        texts: One text of each of these people.
        own: All texts whose words do not count, the person's above all.
        minimum: Minimum number of people who use the word, so that it is no single person's.
        maximum: Maximum number of words.
    """
    used = Counter(word for text in texts for word in vocabulary(text))
    shared = used.keys() - vocabulary(own) - STOP_WORDS
    frequent = [word for word in shared if used[word] >= minimum and len(word) <= _LONGEST_WORD]
    return sorted(frequent, key=lambda word: (-used[word], word))[:maximum]


async def extract_in_private(comparisons: Sequence[tuple[Comparison, Sequence[Passage]]], kit: Kit) -> list[Difference]:
    """What ``methods.steps.extract`` finds from texts, from the figures of each comparison's groups."""
    replies = await together([_extract_one(comparison, groups, kit) for comparison, groups in comparisons])
    return [Difference(comparison, reply) for (comparison, _), reply in zip(comparisons, replies, strict=True)]


async def _extract_one(comparison: Comparison, groups: Sequence[Passage], kit: Kit) -> Reply:
    passages = (own_record(comparison.record, comparison.item, "target"), *groups)
    return await ask(Ask(STEP, passages, comparison.item, dimensions=standard(kit)), kit)
