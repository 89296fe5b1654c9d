"""An experiment opened: its plan with corpus, encoder and folder, from which every part of the command gets its kits."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unlike.config import MethodSettings
    from unlike.data.corpus import Corpus
    from unlike.embed.encoder import Encoder
    from unlike.evaluate.running.experiment import KitOf
    from unlike.evaluate.running.plan import Engine, Plan


@dataclass(frozen=True)
class Setup:
    """An experiment opened.

    Attributes:
        plan: What is compared.
        corpus: Of the plan.
        encoder: Of the plan, behind a cache.
        folder: Where runs, adapters, journal and report go.
    """

    plan: "Plan"
    corpus: "Corpus"
    encoder: "Encoder"
    folder: Path

    def kits(self, engine: "Engine", journal: Path | None) -> "KitOf":
        """Kits for any settings, over one LLM and one journal; None keeps no journal.

        Raises:
            InputError: The LLM or an option of it cannot be used.
            MissingPart: The engine is not installed.
        """
        from unlike.api import kits
        from unlike.llm.journal import Journal
        from unlike.llm.open import open_llm
        from unlike.llm.recorded import RecordedLLM
        from unlike.prompts.task import open_task

        given = {} if engine.context_tokens is None else {"context_tokens": engine.context_tokens}
        llm = RecordedLLM(
            open_llm(engine.uri, **given), Journal.open(journal, self.plan.keep_prompts), engine.concurrency
        )
        task = open_task(self.plan.task, self.plan.prompts)
        return kits(self.corpus, llm, self.encoder, task, self.adapter_folder)

    def adapter_folder(self, settings: "MethodSettings") -> Path:
        """Where the adapter of some settings lies: one that the experiment trains for each seed, or a folder's path."""
        if settings.adapter in {entry.name for entry in self.plan.adapters}:
            return self.folder / "adapters" / f"{settings.adapter}-s{settings.seed}"
        return Path(settings.adapter)
