"""One method over the cases of a corpus, written to a run folder."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlike.api import open_kit
from unlike.config import MethodSettings, vector_file
from unlike.door import wait_for
from unlike.embed.open import open_encoder
from unlike.evaluate.running.progress import with_progress_file
from unlike.evaluate.running.run import JOURNAL, arun, pick_cases
from unlike.experiments.folder import model_of, refuse_other_run
from unlike.experiments.watch import NOBODY, Watch
from unlike.prompts.task import open_task

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.embed.encoder import Encoder
    from unlike.llm.backend import Backend
    from unlike.records import Generation


def run(
    corpus: "Corpus",
    method: str,
    llm: "str | Backend",
    out: Path,
    *,
    embedder: "str | Encoder" = "minilm",
    settings: MethodSettings | None = None,
    split: str = "test",
    limit: int | None = None,
    task: str = "review",
    prompts: Path | None = None,
    concurrency: int = 16,
    journal: Path | None = None,
    keep_prompts: bool = True,
    engine: str = "local",
    facts: dict[str, Any] | None = None,
    watch: Watch = NOBODY,
) -> "list[Generation]":
    """Generate a text for every case of a split with one method; the same call again resumes.

    Args:
        corpus: The corpus that gives the cases.
        method: A key of ``METHODS``.
        llm: URI as in ``open_llm``, or an open backend.
        out: The run folder.
        embedder: Name as in ``open_encoder``, or an open encoder.
        settings: None for the papers' settings.
        split: "test", "validation" or "train".
        limit: Run only the first N cases.
        task: What the texts are.
        prompts: Folder whose templates override the task's own.
        concurrency: Maximum number of LLM calls at the same time.
        journal: File that keeps the calls; None for one in the run folder.
        keep_prompts: Whether the journal keeps prompts beside their answers.
        engine: "local", or where Ray does the work: "ray", "ray:WORKERS", "ray://HOST:PORT".
        facts: Entries to add to run.json.
        watch: Shows progress.

    Returns:
        The rows, in the order of the cases.

    Raises:
        EngineError: The LLM cannot be used; what was answered is kept.
        InputError: A name or setting is not allowed, or the folder holds another run.
        MissingPart: A package is not installed.
        Stopped: The user stopped it; what was answered is kept.
    """
    from unlike.spread.methods import Supplies, templates_of
    from unlike.spread.runs import open_spread, run_spread

    chosen, kept = settings or MethodSettings(), journal or out / JOURNAL
    names = {"llm": llm if isinstance(llm, str) else llm.model, "embedder": _name(embedder)}
    facts = names | {"concurrency": concurrency} | (facts or {})
    same = {"method": method, "split": split, "embedder": names["embedder"], "llm": model_of(names["llm"])}
    refuse_other_run(out, same | asdict(chosen), len(pick_cases(corpus, split, limit)))
    supplies = Supplies(corpus, names["llm"], names["embedder"], concurrency, None, task, templates_of(prompts))
    spread = open_spread(engine, kept, supplies, keep_prompts)
    opened = open_encoder(embedder, vector_file(), watch.encoding) if isinstance(embedder, str) else embedder
    kit = open_kit(
        corpus,
        llm,
        opened,
        chosen,
        journal=kept,
        task=open_task(task, prompts),
        concurrency=concurrency,
        keep_prompts=keep_prompts,
    )
    watch.destination(names["llm"])
    on_progress = with_progress_file(out, watch.cases(method, spread.tally if spread else kit.llm))
    if spread:
        return run_spread(replace(spread, on_progress=on_progress), method, kit, out, split, limit, facts)
    return wait_for(arun(corpus, method, kit, out, split=split, limit=limit, facts=facts, on_progress=on_progress))


def _name(embedder: "str | Encoder") -> str:
    return embedder if isinstance(embedder, str) else embedder.name
