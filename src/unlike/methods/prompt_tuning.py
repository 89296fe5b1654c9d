"""Prompt tuning: as many trained soft vectors as DEP has, and no user in them.

A control (neither paper has it): what training alone teaches a frozen LLM about genre, length and tone.
"""

from unlike.methods.kit import Kit, Outcome
from unlike.methods.soft import write_soft
from unlike.records import Case


async def prompt_tuning(case: Case, kit: Kit) -> Outcome:
    """The same prompt as DEP's, with learned vectors in the places of the user's."""
    return await write_soft(case, kit, "prompt_tuning")
