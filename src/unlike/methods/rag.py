"""RAG: the retrieved own records, as they are (LongLaMP; DPL, appendix B)."""

from unlike.methods.kit import Kit, Outcome
from unlike.methods.steps import generate, read_history, retrieve
from unlike.methods.trace import outcome
from unlike.records import Case


async def rag(case: Case, kit: Kit) -> Outcome:
    """Retrieve N own records and show them to the generator."""
    history = await read_history(case, kit)
    past = await retrieve(case, history, kit)
    draft = await generate(case, kit, past)
    return outcome(draft, kit.settings, history, past)
