"""DEP: difference-aware embeddings for a frozen LLM (Qiu et al., EMNLP 2025, arXiv 2507.20849).

    e_his^i  = f_emb(y_u'i)                              equation 2
    e_diff^i = (1/m) * sum_j (e_his^i - e_uj)            equation 4
    p_his, p_diff = M_his(enc(e_his)), M_diff(enc(e_diff))      equations 5 and 6
    y^ = LLM(template(i', {p_his^i, p_diff^i}, past))    equation 7

The first three are the adapter's (``latent``); this is the fourth.
"""

from unlike.methods.kit import Kit, Outcome
from unlike.methods.soft import write_soft
from unlike.records import Case


async def dep(case: Case, kit: Kit) -> Outcome:
    """The most recent records with the soft vectors of each and of how it differs."""
    return await write_soft(case, kit, "dep")


async def dep_shuffled(case: Case, kit: Kit) -> Outcome:
    """The same adapter and the same words, with another user's vectors: what DEP's vectors of the user are worth."""
    return await write_soft(case, kit, "dep", shuffled=True)
