"""All methods by name. To add one, write its file and name it here."""

from collections.abc import Awaitable, Callable

from unlike.errors import InputError
from unlike.methods.cicl import cicl
from unlike.methods.dep import dep, dep_shuffled
from unlike.methods.dpl import dpl
from unlike.methods.dpl_verified import dpl_verified
from unlike.methods.drp import drp
from unlike.methods.int_sum import int_sum
from unlike.methods.kit import Kit, Outcome
from unlike.methods.llm_trsr import llm_trsr, llm_trsr_hierarchical
from unlike.methods.non_perso import non_perso
from unlike.methods.persona_db import persona_db
from unlike.methods.pplug import pplug
from unlike.methods.prompt_tuning import prompt_tuning
from unlike.methods.rag import rag
from unlike.records import Case

Method = Callable[[Case, Kit], Awaitable[Outcome]]

METHODS: dict[str, Method] = {
    "non_perso": non_perso,
    "rag": rag,
    "int_sum": int_sum,
    "llm_trsr": llm_trsr,
    "llm_trsr_hierarchical": llm_trsr_hierarchical,
    "cicl": cicl,
    "persona_db": persona_db,
    "dpl": dpl,
    "dpl_verified": dpl_verified,
    "drp": drp,
    "dep": dep,
    "dep_shuffled": dep_shuffled,
    "pplug": pplug,
    "prompt_tuning": prompt_tuning,
}

ADAPTED = ("dep", "dep_shuffled", "pplug", "prompt_tuning")
"""Those that need a trained adapter."""


def open_method(name: str) -> Method:
    """The method of that name.

    Raises:
        InputError: There is none of that name.
    """
    if name not in METHODS:
        raise InputError(f"unknown method: {name!r}; allowed are {', '.join(METHODS)}")
    return METHODS[name]
