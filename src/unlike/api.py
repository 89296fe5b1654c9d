"""The library in a few lines: open the parts by name, generate, run.

Scripts and the command line both turn names into concrete parts here.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlike import sample
from unlike.embed.encoder import Encoder
from unlike.embed.open import open_encoder
from unlike.errors import InputError
from unlike.latent.open import open_prompter
from unlike.llm.backend import Backend
from unlike.llm.journal import Journal
from unlike.llm.open import open_patient
from unlike.llm.recorded import LLM, RecordedLLM
from unlike.methods.kit import Kit, Latent
from unlike.methods.table import open_method
from unlike.peers.neighbours import MeanNeighbours
from unlike.peers.selectors import REPRESENTATIVES, Selector, open_selector
from unlike.prompts.task import Task, open_task
from unlike.records import Case
from unlike.retrieve.open import open_retriever
from unlike.retrieve.query import Retriever
from unlike.settings import MethodSettings, as_path, settings_of
from unlike.sync import wait_for
from unlike.writing.draft import Outcome
from unlike.writing.write import write

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus


def open_kit(
    corpus: "Corpus",
    llm: str | Backend,
    embedder: str | Encoder = "minilm",
    settings: MethodSettings | Mapping[str, Any] | None = None,
    *,
    journal: Path | str | None = None,
    vectors: Path | str | None = None,
    task: str | Task = "review",
    concurrency: int = 16,
    keep_prompts: bool = True,
) -> Kit:
    """A kit for any method, from names.

    Args:
        corpus: Records, items and cases.
        llm: "openai:MODEL", "llama.cpp:FILE|smollm2", "scripted:FILE|echo", or an open backend.
        embedder: As in open_encoder, or an open encoder.
        settings: Settings, or some by name; the others are the papers'.
        journal: File that keeps every LLM call; None keeps them for this process only.
        vectors: File that keeps vectors; None keeps none.
        task: A built-in task by name, or one from open_task.
        concurrency: Maximum number of LLM calls at the same time.
        keep_prompts: Whether the journal keeps prompts beside their answers.

    Raises:
        InputError: A name is unknown or a setting unusable.
        MissingPart: A package that a name needs is not installed.
    """
    encoder = open_encoder(embedder, as_path(vectors)) if isinstance(embedder, str) else embedder
    backend = open_patient(llm) if isinstance(llm, str) else llm
    opened = open_task(task) if isinstance(task, str) else task
    recorded = RecordedLLM(backend, Journal.open(as_path(journal), keep_prompts), concurrency)
    return kits(corpus, recorded, encoder, opened)(settings_of(settings))


def kits(
    corpus: "Corpus",
    llm: LLM,
    encoder: Encoder,
    task: Task,
    adapter_folder: Callable[[MethodSettings], Path] = lambda settings: Path(settings.adapter),
) -> Callable[[MethodSettings], Kit]:
    """Kits for many settings that share LLM, journal, vectors, clusterings and adapters.

    Args:
        corpus: Records, items and cases.
        llm: Behind its journal.
        encoder: Of texts.
        task: Words and templates.
        adapter_folder: Returns the folder of the adapter of some settings.
    """
    neighbours = MeanNeighbours(corpus, corpus.users(), encoder)

    @cache
    def retriever(name: str, seed: int) -> Retriever:
        return open_retriever(name, encoder, seed)

    @cache
    def selector(name: str, seed: int) -> Selector:
        return open_selector(name, encoder, seed)

    @cache
    def latent(adapter: Path) -> Latent:
        return open_prompter(corpus, llm.backend, encoder, task, adapter, selector=selector(REPRESENTATIVES, 0))

    def kit_of(settings: MethodSettings) -> Kit:
        task.standard(settings.dimensions)
        return Kit(
            records=corpus,
            retriever=retriever(settings.retriever, settings.seed),
            selector=selector(settings.selector, settings.seed),
            neighbours=neighbours,
            llm=llm,
            task=task,
            settings=settings,
            latent=latent(adapter_folder(settings)) if settings.adapter else None,
        )

    return kit_of


async def agenerate(case: Case, method: str, kit: Kit) -> Outcome:
    """The text that the case's user would write, by a method, with its trace.

    Raises:
        CallFailed: A call failed for good.
        EngineError: The engine cannot be used.
        InputError: There is no such method.
    """
    draft = await open_method(method)(case, kit)
    return draft.outcome(await write(draft, kit.llm))


def generate(case: Case, method: str, kit: Kit) -> Outcome:
    """``agenerate`` for code that is not async; works in notebooks too."""
    return wait_for(agenerate(case, method, kit))


def sample_corpus(folder: Path | str | None = None) -> "Corpus":
    """The packaged sample: invented people and items, curated and split.

    Args:
        folder: Where to write the corpus folder; None keeps it in memory.

    Raises:
        InputError: The folder holds something else, also another corpus, or cannot be written.
    """
    from unlike.data.curate import curate
    from unlike.data.folder import is_corpus, read_manifest
    from unlike.data.sources import table
    from unlike.settings import CURATE_PRESETS

    columns = {name: name for name in ("record_id", "user_id", "item_id", "text", "title", "rating", "timestamp")}
    of_items = {"item_id": "item_id", "title": "title", "description": "description", "categories": "category"}
    source = replace(table(sample.RECORDS, columns, sample.ITEMS, of_items), name="sample")
    if folder:
        if is_corpus(Path(folder)) and (found := read_manifest(Path(folder))["source"].get("name")) != source.name:
            raise InputError(f"{folder} holds another corpus, of source {found!r}; give a new folder for the sample")
        return curate(source, CURATE_PRESETS["sample"], folder)
    with tempfile.TemporaryDirectory() as temporary:
        in_memory = curate(source, CURATE_PRESETS["sample"], Path(temporary) / "corpus")
        in_memory.folder = None
        return in_memory
