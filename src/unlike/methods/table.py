"""All methods by name. To add one, write its file and name it here."""

from collections.abc import Awaitable, Callable

from unlike.methods.baselines import (
    cicl,
    cicl_pairs,
    int_sum,
    llm_trsr,
    llm_trsr_hierarchical,
    non_perso,
    persona_db,
    rag,
)
from unlike.methods.controls import dpl_other_item, dpl_stranger
from unlike.methods.dpl import dpl
from unlike.methods.dpl_verified import dpl_verified
from unlike.methods.drp import drp, drp_filtered
from unlike.methods.kit import Kit
from unlike.methods.lexical import with_lexical_difference
from unlike.methods.soft import dep, dep_shuffled, dpl_dep, pplug, prompt_tuning
from unlike.methods.stored_profile import stored_profile
from unlike.records import Case
from unlike.settings import MethodSettings, by_name
from unlike.writing.draft import Draft

Method = Callable[[Case, Kit], Awaitable[Draft]]

METHODS: dict[str, Method] = {
    "non_perso": non_perso,
    "rag": rag,
    "int_sum": int_sum,
    "llm_trsr": llm_trsr,
    "llm_trsr_hierarchical": llm_trsr_hierarchical,
    "cicl": cicl,
    "cicl_pairs": cicl_pairs,
    "persona_db": persona_db,
    "dpl": dpl,
    "dpl_verified": dpl_verified,
    "dpl_stranger": dpl_stranger,
    "dpl_other_item": dpl_other_item,
    "drp": drp,
    "drp_filtered": drp_filtered,
    "stored_profile": stored_profile,
    "dep": dep,
    "dep_shuffled": dep_shuffled,
    "dpl_dep": dpl_dep,
    "pplug": pplug,
    "prompt_tuning": prompt_tuning,
}

ADAPTED = ("dep", "dep_shuffled", "dpl_dep", "pplug", "prompt_tuning")
"""Those that need a trained adapter."""

STEPS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("non_perso", "rag", "dep", "dep_shuffled", "pplug", "prompt_tuning"), ()),
    **dict.fromkeys(("int_sum", "persona_db"), ("summary",)),
    "llm_trsr": ("summary", "update"),
    "llm_trsr_hierarchical": ("summary", "merge"),
    **dict.fromkeys(("cicl", "cicl_pairs"), ("contrast",)),
    **dict.fromkeys(("dpl", "dpl_stranger", "dpl_other_item", "stored_profile", "dpl_dep"), ("difference", "summary")),
    "dpl_verified": ("difference",),
    "drp": ("dimensions", "reason", "summary"),
    "drp_filtered": ("difference_open", "filter", "summary"),
}
"""By method: the templates of its steps before the text."""

WITHOUT_ENCODER = ("non_perso", "rag", "int_sum", "llm_trsr", "llm_trsr_hierarchical")
"""Those that compare no texts by their vectors."""


def uses_encoder(name: str, settings: MethodSettings) -> bool:
    """Whether a method needs vectors of texts."""
    return name not in WITHOUT_ENCODER or settings.retriever == "dense"


def open_method(name: str) -> Method:
    """The method of that name, which heeds the setting ``lexical``.

    Raises:
        InputError: There is none of that name.
    """
    return with_lexical_difference(by_name("method", METHODS, name))
