"""PPlug: one soft vector of the user, attended over the history by the request (Liu et al., arXiv 2409.11901; DEP's baseline)."""

from unlike.methods.kit import Kit, Outcome
from unlike.methods.soft import write_soft
from unlike.records import Case


async def pplug(case: Case, kit: Kit) -> Outcome:
    """An instruction vector and the user's vector stand before the request."""
    return await write_soft(case, kit, "pplug")
