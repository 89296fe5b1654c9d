"""IntSum: a summary of the retrieved records beside them (Richardson et al., 2023; DPL, appendix B). DEP calls it PAG."""

from unlike.methods.kit import Kit, Outcome
from unlike.methods.steps import generate, read_history, retrieve, summarise
from unlike.methods.trace import outcome
from unlike.records import Case


async def int_sum(case: Case, kit: Kit) -> Outcome:
    """Retrieve N own records, summarise them, write from both."""
    history = await read_history(case, kit)
    past = await retrieve(case, history, kit)
    profile = await summarise(past, [], kit)
    draft = await generate(case, kit, past, profile)
    return outcome(draft, kit.settings, history, past, profile=profile)
