"""DRP: difference-aware reasoning (Chen et al., 2025, arXiv 2511.15389), the follow-up of DPL.

The comparison standard is not given: for each key record the LLM first finds and defines the dimensions that matter,
then reasons over the differences along them. Retrieval, selection, summary and generation are DPL's.

``drp_filtered`` gives the LLM DPL's dimensions, lets it add others and find the differences in one call, and filters them in
a second one: as descriptions of the authors' code have it. We have not seen that code.
"""

import re

from unlike.methods.kit import Kit
from unlike.methods.steps import (
    Comparison,
    Difference,
    ask,
    compared_passages,
    draft,
    read_history,
    reply_trace,
    retrieve,
    select,
    standard,
    summarise,
    together,
)
from unlike.prompts.prompt import Ask, Passage
from unlike.prompts.task import Dimension
from unlike.records import Case
from unlike.writing.draft import Draft, Reply

_LINE = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s*\**([^:\n]{1,60}?)\**\s*:\s*(\S.*)$", re.MULTILINE)


async def drp(case: Case, kit: Kit) -> Draft:
    """Retrieve, select, find dimensions, reason along them, summarise, draft."""
    history = await read_history(case, kit)
    past = await retrieve(case, history, kit)
    comparisons = await select(case, history, kit)
    found = await together([_find_dimensions(comparison, kit) for comparison in comparisons])
    differences = await together([_reason(*pair, kit) for pair in zip(comparisons, found, strict=True)])
    profile = await summarise(past, differences, kit)
    dimensions = [reply_trace(reply) for reply in found]
    return await draft(case, kit, past, profile, history=history, differences=differences, dimensions=dimensions)


async def drp_filtered(case: Case, kit: Kit) -> Draft:
    """Retrieve, select, compare along given and further dimensions, filter, summarise, draft."""
    history = await read_history(case, kit)
    past = await retrieve(case, history, kit)
    comparisons = await select(case, history, kit)
    found = await together([_compare(comparison, kit) for comparison in comparisons])
    differences = await together([_filter(*pair, kit) for pair in zip(comparisons, found, strict=True)])
    profile = await summarise(past, differences, kit)
    unfiltered = [reply_trace(reply) for reply in found]
    return await draft(case, kit, past, profile, history=history, differences=differences, unfiltered=unfiltered)


def dimensions_in(text: str) -> tuple[Dimension, ...]:
    """The dimensions of a list "- name: what to look at", at most five; a text of another form is one dimension."""
    found = [Dimension(name.strip(" *"), look_at.strip(" *")) for name, look_at in _LINE.findall(text)]
    return tuple(found[:5]) or (Dimension("what matters here", " ".join(text.split())),)


async def _find_dimensions(comparison: Comparison, kit: Kit) -> Reply:
    return await ask(Ask("dimensions", compared_passages(comparison), comparison.item), kit)


async def _reason(comparison: Comparison, found: Reply, kit: Kit) -> Difference:
    passages = compared_passages(comparison)
    reply = await ask(Ask("reason", passages, comparison.item, dimensions=dimensions_in(found.text)), kit)
    return Difference(comparison, reply)


async def _compare(comparison: Comparison, kit: Kit) -> Reply:
    passages = compared_passages(comparison)
    return await ask(Ask("difference_open", passages, comparison.item, dimensions=standard(kit)), kit)


async def _filter(comparison: Comparison, found: Reply, kit: Kit) -> Difference:
    """The differences that the texts support."""
    unfiltered = Passage("differences", found.text, comparison.item, comparison.record, found.read)
    reply = await ask(Ask("filter", (*compared_passages(comparison), unfiltered), comparison.item), kit)
    return Difference(comparison, reply)
