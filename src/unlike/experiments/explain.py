"""One case of a run with a trained adapter, explained: which records, differences and latent units contributed to its text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlike.errors import InputError
from unlike.evaluate.running.run_method import corpus_folder, read_run
from unlike.latent.open import open_prompter
from unlike.llm.open import open_llm
from unlike.peers.selectors import REPRESENTATIVES, open_selector
from unlike.prompts.task import open_task
from unlike.records import Generation
from unlike.settings import as_path, vector_file
from unlike.sync import wait_for
from unlike.writing.loglik import ScoringEngine, scorer_of

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.embed.encoder import Encoder
    from unlike.latent.adapter import Prompter
    from unlike.latent.examples import Example
    from unlike.latent.explain import Explanation, Unit

TOP_RECORDS = 3
"""Records shown per unit."""
EXPLAINED = ("dep",)
"""Methods whose soft prompts have a vector for each record."""


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
    from unlike.latent.explain import check_same

    run = Path(run)
    rows, facts = read_run(run)
    if facts["method"] not in EXPLAINED:
        raise InputError(f"{run} is a run of method {facts['method']!r}; only dep has a vector for each record")
    row = find_row(rows, case, run)
    text = _text(row, real)
    given = {"corpus": corpus, "adapter": adapter, "llm_uri": llm, "embedder": embedder}
    known = facts | facts["settings"] | {name: value for name, value in given.items() if value}
    if lacking := [f"--{name}" for name in ("corpus", "adapter", "embedder") if not known.get(name)]:
        raise InputError(f"run.json of the run is incomplete; give {', '.join(lacking)}")
    opened = Corpus.open(corpus_folder(run, facts, as_path(corpus)))
    encoder = open_encoder(known["embedder"], vector_file())
    engine = scorer_of(open_llm(known.get("llm_uri") or known["llm"]))
    task = open_task(known["task"], prompts)
    prompter = open_prompter(
        opened, engine, encoder, task, Path(known["adapter"]), selector=open_selector(REPRESENTATIVES, encoder)
    )
    example = prompter.example(opened.case(row.case_id))
    check_same(row, example, prompter)
    explanation = wait_for(_explanation(prompter, engine, example, text, top))
    return Explained(row, text, opened, explanation, _units(prompter, encoder, opened, explanation))


def find_row(rows: Sequence[Generation], case: str, run: Path) -> Generation:
    """The row of a case.

    Args:
        rows: Rows of the run.
        case: Case id, or its number, counted from 1.
        run: The folder, for the message.

    Raises:
        InputError: There is no such case.
    """
    if case.isdigit() and 1 <= int(case) <= len(rows):
        return rows[int(case) - 1]
    for row in rows:
        if row.case_id == case:
            return row
    raise InputError(
        f"no case {case!r} in {run}; give a number from 1 to {len(rows)} or a case_id, for example {rows[0].case_id}"
    )


def _text(row: Generation, real: bool) -> str:
    text = row.reference if real else row.text
    if not text:
        advice = "choose another case" if real else "choose another case, or give --real"
        raise InputError(f"case {row.case_id!r} has no {'real' if real else 'generated'} text; {advice}")
    return text


async def _explanation(
    prompter: "Prompter", engine: ScoringEngine, example: "Example", text: str, top: int
) -> "Explanation":
    from unlike.latent.explain import explain

    try:
        return await explain(prompter, example, engine.tokens.encode(text), engine, top)
    finally:
        await engine.aclose()


def _units(prompter: "Prompter", encoder: "Encoder", corpus: "Corpus", explanation: "Explanation") -> dict[int, Any]:
    """The tested units, by number; none for an adapter of differences alone."""
    from unlike.latent.explain import top_records

    if not explanation.units or "his" not in prompter.adapter.settings.signals:
        return {}
    units = top_records(prompter.adapter, encoder, corpus.records(), TOP_RECORDS)
    return {share.unit: units[share.unit] for share in explanation.units}
