"""``unlike latent``: what a trained adapter makes of its users, opened up."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from unlike.cli.listing import Listing
from unlike.config import vector_file
from unlike.errors import InputError

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus
    from unlike.embed.encoder import Encoder
    from unlike.evaluate.running.likelihood import ScoringEngine
    from unlike.latent.examples import Example
    from unlike.latent.explain import Explanation
    from unlike.latent.prompter import Prompter
    from unlike.latent.units import Unit
    from unlike.records import Generation

TOP_RECORDS = 3
"""Records shown for a unit."""

latent = typer.Typer(cls=Listing, help="Look into trained adapters and what they carried.", no_args_is_help=True)


@dataclass(frozen=True)
class _Opened:
    """What a run was made with."""

    corpus: "Corpus"
    encoder: "Encoder"
    engine: "ScoringEngine"
    prompter: "Prompter"


@latent.command()
def explain(
    run: Path = typer.Argument(help="Run folder of method dep."),
    case: str = typer.Argument(help="Case id."),
    real: bool = typer.Option(False, "--real", help="Explain the real text instead of the generated one."),
    top: int = typer.Option(5, min=0, help="Latent units to try: the most active of the case."),
    corpus: Path | None = typer.Option(None, help="Corpus folder, where it has moved since the run."),
    adapter: Path | None = typer.Option(None, help="Adapter, where it has moved since the run."),
    llm: str | None = typer.Option(None, help="transformers:MODEL|FOLDER, where the model has moved since the run."),
    embedder: str | None = typer.Option(None, help="Where the run does not name it."),
    prompts: Path | None = typer.Option(None, help="Folder of templates that the run was given, if any."),
    as_json: bool = typer.Option(False, "--json", help="Print it as JSON."),
) -> None:
    """Show which records, differences and latent units carried a text.

    Each vector in turn is made an ordinary one, each unit set to 0, and the text scored again. The change is what a
    token of the text gains by it, in log-probability: above 0 it carried the text, below 0 it stood in its way.
    """
    from rich.console import Console

    from unlike.cli.latent_tables import print_explanation
    from unlike.door import wait_for
    from unlike.evaluate.running.run import read_run
    from unlike.latent.explain import check_same

    rows, facts = read_run(run)
    row = _row(rows, case, run, facts)
    text = _text(row, real)
    given = {"corpus": corpus, "adapter": adapter, "llm_uri": llm, "embedder": embedder}
    opened = _open(facts | facts["settings"] | {name: value for name, value in given.items() if value}, prompts)
    example = opened.prompter.example(opened.corpus.case(row.case_id))
    check_same(row, example, opened.prompter)
    explanation = wait_for(_explained(opened, example, text, top))
    units = _units(opened, explanation)
    if as_json:
        typer.echo(json.dumps(_as_json(row, text, explanation, units), ensure_ascii=False, indent=2))
    else:
        print_explanation(Console(), row, text, opened.corpus, explanation, units)


def _row(rows: "Sequence[Generation]", case: str, run: Path, facts: Mapping[str, Any]) -> "Generation":
    if facts["method"] != "dep":
        raise InputError(f"{run} is a run of method {facts['method']!r}; only dep has vectors of records to explain by")
    for row in rows:
        if row.case_id == case:
            return row
    raise InputError(f"no case {case!r} in {run}; give a case_id of generations.jsonl, e.g. {rows[0].case_id}")


def _text(row: "Generation", real: bool) -> str:
    text = row.reference if real else row.text
    if not text:
        raise InputError(
            f"case {row.case_id!r} has no {'real' if real else 'generated'} text; choose another case"
            + ("" if real else ", or give --real")
        )
    return text


def _open(facts: Mapping[str, Any], prompts: Path | None) -> _Opened:
    from unlike.api import open_prompter
    from unlike.data.corpus import Corpus
    from unlike.embed.open import open_encoder
    from unlike.evaluate.running.likelihood import scorer_of
    from unlike.llm.open import open_llm
    from unlike.prompts.task import open_task

    if lacking := [f"--{name}" for name in ("corpus", "adapter", "embedder") if not facts.get(name)]:
        raise InputError(f"the run does not say all it was made with; give {', '.join(lacking)}")
    corpus, encoder = Corpus.open(facts["corpus"]), open_encoder(facts["embedder"], vector_file())
    engine = scorer_of(open_llm(facts.get("llm_uri") or facts["llm"]))
    prompter = open_prompter(corpus, engine, encoder, open_task(facts["task"], prompts), Path(facts["adapter"]))
    return _Opened(corpus, encoder, engine, prompter)


async def _explained(opened: _Opened, example: "Example", text: str, top: int) -> "Explanation":
    from unlike.latent.explain import explain

    try:
        return await explain(opened.prompter, example, opened.engine.tokens.encode(text), opened.engine, top)
    finally:
        await opened.engine.aclose()


def _units(opened: _Opened, explanation: "Explanation") -> "dict[int, Unit]":
    """The units tried, by number, with what they are most active for; none for an adapter of differences alone."""
    from unlike.latent.units import top_records

    adapter = opened.prompter.adapter
    if not explanation.units or "his" not in adapter.settings.signals:
        return {}
    units = top_records(adapter, opened.encoder, opened.corpus.records(), TOP_RECORDS)
    return {share.unit: units[share.unit] for share in explanation.units}


def _as_json(row: "Generation", text: str, explanation: "Explanation", units: "Mapping[int, Unit]") -> dict[str, Any]:
    found = {"case_id": row.case_id, "text": text, **asdict(explanation)}
    return found | {
        "units": [
            asdict(share) | (asdict(units[share.unit]) if share.unit in units else {}) for share in explanation.units
        ]
    }
