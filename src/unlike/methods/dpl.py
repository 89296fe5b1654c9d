"""DPL: difference-aware personalisation (Qiu et al., ACL 2025 Findings, arXiv 2503.02450).

    y^ = LLM_gen(i', D*_u', p)                     equation 2
    p  = LLM_sum({d_1 .. d_N}, D*_u')              equation 3
    R_n = Select(u', D_i)                          equation 4
    d_n = LLM_dif(S, y_u'i, {y_r : r in R_n})      equation 5

A user without records gets Non-Perso's prompt; one whose items no one else wrote about gets a profile of the own
records alone. The trace shows which.
"""

from unlike.methods.kit import Kit
from unlike.methods.steps import draft, extract, read_history, retrieve, select, summarise
from unlike.records import Case
from unlike.writing.draft import Draft


async def dpl(case: Case, kit: Kit) -> Draft:
    """Retrieve, select, extract, summarise, draft."""
    history = await read_history(case, kit)
    past = await retrieve(case, history, kit)
    comparisons = await select(case, history, kit)
    differences = await extract(comparisons, kit)
    profile = await summarise(past, differences, kit)
    return await draft(case, kit, past, profile, history=history, differences=differences)
