"""Non-Perso: nothing of the user, the lower bound of both papers (DPL, appendix B)."""

from unlike.methods.kit import Kit, Outcome
from unlike.methods.steps import generate
from unlike.methods.trace import outcome
from unlike.records import Case


async def non_perso(case: Case, kit: Kit) -> Outcome:
    """The LLM sees the item, the rating and the title alone."""
    return outcome(await generate(case, kit), kit.settings)
