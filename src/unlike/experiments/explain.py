"""One case of a run with a trained adapter, explained: which records, differences and latent units contributed to its text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlike.errors import InputError
from unlike.evaluate.running.run_method import corpus_folder, read_run, task_of
from unlike.latent.open import open_prompter
from unlike.llm.open import open_llm
from unlike.peers.selectors import REPRESENTATIVES, open_selector
from unlike.prompts.task import Task
from unlike.records import Generation
from unlike.settings import as_path, vector_file
from unlike.sync import wait_for
from unlike.writing.loglik import ScoringEngine, scorer_of

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.embed.encoder import Encoder
    from unlike.latent.explain import Explanation, Unit

TOP_RECORDS = 3
"""Records shown per unit."""
EXPLAINED = "dep"
"""The method whose soft prompts have a vector for each record."""


@dataclass(frozen=True)
class Explained:
    """An explained text.

    Attributes:
        row: The run's row of the case.
        text: The generated or the real text.
        corpus: The run's corpus.
        explanation: Changes by record, difference and unit.
        units: The tested units, by number, with what they are most active for.
    """

    row: Generation
    text: str
    corpus: "Corpus"
    explanation: "Explanation"
    units: "Mapping[int, Unit]"


@dataclass(frozen=True)
class AdapterRun:
    """What a run with an adapter was made with.

    Attributes:
        corpus: Its corpus.
        encoder: Its encoder.
        task: Its task.
        adapter: Folder of its adapter.
    """

    corpus: "Corpus"
    encoder: "Encoder"
    task: Task
    adapter: Path


def explain_case(
    run: Path | str,
    case: str,
    *,
    real: bool = False,
    top: int = 5,
    corpus: Path | str | None = None,
    adapter: Path | str | None = None,
    llm: str | None = None,
    embedder: str | None = None,
    prompts: Path | str | None = None,
) -> Explained:
    """Explain a case of a run.

    Args:
        run: Run folder of method dep.
        case: Case id, or its number, counted from 1.
        real: Explain the real text instead of the generated one.
        top: Number of latent units to test.
        corpus: Corpus folder; None, as for the three below, for the run's own.
        adapter: Folder of the adapter.
        llm: URI of the LLM.
        embedder: Name of the encoder.
        prompts: Folder of templates that the run was given.

    Raises:
        InputError: The run, its case or a part of it cannot be used.
    """
    from unlike.data.corpus import Corpus
    from unlike.embed.open import open_encoder

    run = Path(run)
    rows, facts = read_run(run)
    if facts["method"] != EXPLAINED:
        raise InputError(f"{run} is a run of method {facts['method']!r}; only {EXPLAINED} has a vector for each record")
    row = find_row(rows, case, run)
    text = _text(row, real)
    given = {"corpus": corpus, "adapter": adapter, "llm_uri": llm, "embedder": embedder}
    known = facts | facts["settings"] | {name: value for name, value in given.items() if value}
    if lacking := [f"--{name}" for name in ("corpus", "adapter", "embedder") if not known.get(name)]:
        raise InputError(f"run.json of the run is incomplete; give {', '.join(lacking)}")
    made_with = AdapterRun(
        Corpus.open(corpus_folder(run, facts, as_path(corpus))),
        open_encoder(known["embedder"], vector_file()),
        task_of(run, facts, as_path(prompts)),
        Path(adapter) if adapter else adapter_of(run, facts),
    )
    engine = scorer_of(open_llm(known.get("llm_uri") or known["llm"]))
    explanation = explain_row(made_with, engine, row, text, top)
    return Explained(row, text, made_with.corpus, explanation, _units(made_with, explanation))


def explain_row(run: AdapterRun, engine: ScoringEngine, row: Generation, text: str, n_units: int) -> "Explanation":
    """How much each record, difference and latent unit contributed to a text.

    Args:
        run: What the row's run was made with.
        engine: The frozen LLM; it is closed afterwards.
        row: The run's row of the case.
        text: The generated or the real text.
        n_units: Number of latent units to test.

    Raises:
        InputError: The adapter cannot be opened, or the run was made with something else.
    """
    from unlike.latent.explain import check_same, explain

    try:
        selector = open_selector(REPRESENTATIVES, run.encoder)
        prompter = open_prompter(run.corpus, engine, run.encoder, run.task, run.adapter, selector=selector)
        example = prompter.example(run.corpus.case(row.case_id))
        check_same(row, example, prompter)
        return wait_for(explain(prompter, example, engine.tokens.encode(text), engine, n_units))
    finally:
        wait_for(engine.aclose())


def adapter_of(run: Path, facts: Mapping[str, Any]) -> Path:
    """Folder of a run's adapter: a named folder, or one that the run's experiment trained.

    Args:
        run: Run folder.
        facts: Its run.json.
    """
    settings = facts["settings"]
    named = str(settings.get("adapter", ""))
    trained_at = Path(facts.get("adapters_at") or run.resolve().parent.parent / "adapters")
    trained = trained_at / f"{named}-s{settings.get('seed', 0)}"
    return trained if "/" not in named and trained.is_dir() else Path(named)


def find_row(rows: Sequence[Generation], case: str, run: Path) -> Generation:
    """The row of a case.

    Args:
        rows: Rows of the run.
        case: Case id, or else its number, counted from 1, or else the id of a user who has one case only.
        run: The folder, for the message.

    Raises:
        InputError: There is no such case, or the user has several.
    """
    for row in rows:
        if row.case_id == case:
            return row
    if case.isdecimal() and 1 <= int(case) <= len(rows):
        return rows[int(case) - 1]
    of_user = [row for row in rows if row.user_id == case]
    if len(of_user) == 1:
        return of_user[0]
    if of_user:
        raise InputError(
            f"user {case!r} has several cases in {run}: {', '.join(row.case_id for row in of_user)}; give one"
        )
    raise InputError(
        f"no case {case!r} in {run}; give a number from 1 to {len(rows)}, a case_id or a user_id, for example "
        f"{rows[0].case_id}"
    )


def _text(row: Generation, real: bool) -> str:
    text = row.reference if real else row.text
    if not text:
        advice = "choose another case" if real else "choose another case, or give --real"
        raise InputError(f"case {row.case_id!r} has no {'real' if real else 'generated'} text; {advice}")
    return text


def _units(run: AdapterRun, explanation: "Explanation") -> dict[int, Any]:
    """The tested units, by number; none for an adapter of differences alone."""
    from unlike.latent.adapter import load_adapter
    from unlike.latent.explain import top_records

    adapter = load_adapter(run.adapter)
    if not explanation.units or "his" not in adapter.settings.signals:
        return {}
    units = top_records(adapter, run.encoder, run.corpus.records(), TOP_RECORDS)
    return {share.unit: units[share.unit] for share in explanation.units}
