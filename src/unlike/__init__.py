"""unlike: personalised text from LLMs, by what makes a user unlike the others.

    import unlike

    corpus = unlike.sample_corpus()
    kit = unlike.open_kit(corpus, llm="llama.cpp:smollm2", embedder="minilm")
    case = corpus.cases("test")[0]
    print(unlike.generate(case, "dpl", kit).text)

Names are loaded when they are first used, so importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unlike.api import agenerate, generate, open_kit, sample_corpus
    from unlike.data.corpus import Corpus
    from unlike.data.curate import curate
    from unlike.data.sources import table
    from unlike.embed.open import open_encoder
    from unlike.errors import CallFailed, EngineError, InputError, MissingPart, Stopped, UnlikeError
    from unlike.evaluate.metrics.score import score
    from unlike.evaluate.running.run_method import arun
    from unlike.experiments.experiment import experiment
    from unlike.experiments.report import report
    from unlike.experiments.run import run
    from unlike.experiments.train import train
    from unlike.experiments.watch import Watch
    from unlike.llm.open import open_llm
    from unlike.memory.answers import Request
    from unlike.memory.open import open_memory
    from unlike.memory.worker import build_due
    from unlike.methods.kit import Kit
    from unlike.methods.table import METHODS
    from unlike.prompts.task import open_task
    from unlike.records import Case, Generation, Item, Record
    from unlike.settings import CURATE_PRESETS, CurateSettings, MethodSettings
    from unlike.store.records import NewRecord
    from unlike.store.users import Consent
    from unlike.writing.draft import Draft, Outcome

__version__ = "0.1.0"

__all__ = [
    "CURATE_PRESETS",
    "METHODS",
    "CallFailed",
    "Case",
    "Consent",
    "Corpus",
    "CurateSettings",
    "Draft",
    "EngineError",
    "Generation",
    "InputError",
    "Item",
    "Kit",
    "MethodSettings",
    "MissingPart",
    "NewRecord",
    "Outcome",
    "Record",
    "Request",
    "Stopped",
    "UnlikeError",
    "Watch",
    "agenerate",
    "arun",
    "build_due",
    "curate",
    "experiment",
    "generate",
    "open_encoder",
    "open_kit",
    "open_llm",
    "open_memory",
    "open_task",
    "report",
    "run",
    "sample_corpus",
    "score",
    "table",
    "train",
]

_HOME = {
    "unlike.api": ("agenerate", "generate", "open_kit", "sample_corpus"),
    "unlike.settings": ("CURATE_PRESETS", "CurateSettings", "MethodSettings"),
    "unlike.data.corpus": ("Corpus",),
    "unlike.data.curate": ("curate",),
    "unlike.data.sources": ("table",),
    "unlike.embed.open": ("open_encoder",),
    "unlike.errors": ("CallFailed", "EngineError", "InputError", "MissingPart", "Stopped", "UnlikeError"),
    "unlike.evaluate.running.run_method": ("arun",),
    "unlike.evaluate.metrics.score": ("score",),
    "unlike.experiments.experiment": ("experiment",),
    "unlike.experiments.report": ("report",),
    "unlike.experiments.run": ("run",),
    "unlike.experiments.train": ("train",),
    "unlike.experiments.watch": ("Watch",),
    "unlike.llm.open": ("open_llm",),
    "unlike.memory.answers": ("Request",),
    "unlike.memory.open": ("open_memory",),
    "unlike.memory.worker": ("build_due",),
    "unlike.methods.kit": ("Kit",),
    "unlike.methods.table": ("METHODS",),
    "unlike.prompts.task": ("open_task",),
    "unlike.records": ("Case", "Generation", "Item", "Record"),
    "unlike.store.records": ("NewRecord",),
    "unlike.store.users": ("Consent",),
    "unlike.writing.draft": ("Draft", "Outcome"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'unlike' has no attribute {name!r}")
    try:
        return getattr(import_module(_MODULE_OF[name]), name)
    except ModuleNotFoundError as error:
        from unlike.errors import missing_part

        raise missing_part(error) or error from error


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
