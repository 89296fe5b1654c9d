"""``unlike latent``: what the vectors of a trained adapter carried."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from unlike.cli.listing import Listing
from unlike.config import vector_file
from unlike.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from unlike.data.corpus import Corpus
    from unlike.embed.encoder import Encoder
    from unlike.latent.adapter import Prompter
    from unlike.latent.examples import Example
    from unlike.latent.explain import Explanation, Unit
    from unlike.records import Generation
    from unlike.writing.score import ScoringEngine

TOP_RECORDS = 3
"""Records shown for a unit."""
BAR_CELLS = 10
FIRST_WORDS_CHARS = 60

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
    top: int = typer.Option(5, min=0, help="Number of latent units to try, the most active of the case."),
    corpus: Path | None = typer.Option(None, help="Corpus folder, if it has moved since the run."),
    adapter: Path | None = typer.Option(None, help="Adapter, if it has moved since the run."),
    llm: str | None = typer.Option(None, help="transformers:MODEL|FOLDER, if the model has moved since the run."),
    embedder: str | None = typer.Option(None, help="Encoder, if the run does not name it."),
    prompts: Path | None = typer.Option(None, help="Folder of templates that the run was given, if any."),
    as_json: bool = typer.Option(False, "--json", help="Print it as JSON."),
) -> None:
    """Show which records, differences and latent units carried a text.

    Each vector in turn is replaced by the mean vector, each unit set to 0, and the text scored again. The change is the
    log-probability per token that the text loses: above 0 the part carried the text, below 0 it worked against it.
    """
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
        _print(row, text, opened.corpus, explanation, units)


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
    from unlike.llm.open import open_llm
    from unlike.prompts.task import open_task
    from unlike.writing.score import scorer_of

    if missing := [f"--{name}" for name in ("corpus", "adapter", "embedder") if not facts.get(name)]:
        raise InputError(f"the run does not name all it was made with; give {', '.join(missing)}")
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
    """The units tried, by number, with their top records; none for an adapter of differences alone."""
    from unlike.latent.explain import top_records

    adapter = opened.prompter.adapter
    if not explanation.units or "his" not in adapter.settings.signals:
        return {}
    units = top_records(adapter, opened.encoder, opened.corpus.records(), TOP_RECORDS)
    return {share.unit: units[share.unit] for share in explanation.units}


def _as_json(row: "Generation", text: str, explanation: "Explanation", units: "Mapping[int, Unit]") -> dict[str, Any]:
    shares = [asdict(share) | (asdict(units[share.unit]) if share.unit in units else {}) for share in explanation.units]
    return {"case_id": row.case_id, "text": text, **asdict(explanation), "units": shares}


def _print(
    row: "Generation", text: str, corpus: "Corpus", explanation: "Explanation", units: "Mapping[int, Unit]"
) -> None:
    """Print an explanation of a text, with the words of the records it names."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console()
    console.rule(Text(f"{row.method} · {row.user_id} on {corpus.item(row.item_id).title}"), align="left")
    console.print(Padding(Text(text), (0, 0, 1, 4)))
    console.print(
        f"{explanation.n_tokens} tokens, mean log-probability {explanation.loglik:.4f}; a change is what the text gains "
        "per token by a part: above 0 it carried the text",
        highlight=False,
    )
    console.print(_records_table(explanation, corpus))
    if explanation.units:
        console.print(_units_table(explanation, units, corpus))


def _records_table(explanation: "Explanation", corpus: "Corpus") -> "Table":
    """A row for each record, oldest first, and one for all of them together."""
    from rich.table import Table
    from rich.text import Text

    from unlike.latent.explain import ALL

    table = Table("record", "date", title="Records and differences", title_justify="left")
    changes = {(share.record_id, share.signal): share.change for share in explanation.vectors}
    signals = list(dict.fromkeys(share.signal for share in explanation.vectors))
    for signal in signals:
        table.add_column({"his": "its vector", "diff": "its difference"}[signal], no_wrap=True)
    single = [share for share in explanation.vectors if share.record_id != ALL]
    largest = max((abs(share.change) for share in single), default=0.0)
    for record_id in dict.fromkeys(share.record_id for share in single):
        day = datetime.fromtimestamp(corpus.record(record_id).timestamp / 1000, UTC).date()
        cells = [_change(changes.get((record_id, signal)), largest) for signal in signals]
        table.add_row(_words(record_id, corpus), day.isoformat(), *cells)
    table.add_section()
    together = [_change(changes.get((ALL, signal)), largest) for signal in signals]
    table.add_row(Text("all together", style="bold"), "", *together)
    return table


def _units_table(explanation: "Explanation", units: "Mapping[int, Unit]", corpus: "Corpus") -> "Table":
    """A row for each unit tried, with the records of the corpus that it is most active for."""
    from rich.table import Table
    from rich.text import Text

    table = Table("unit", "active", "usually", title="Latent units", title_justify="left")
    table.add_column("change", no_wrap=True)
    table.add_column("most active for")
    largest = max(abs(share.change) for share in explanation.units)
    for share in explanation.units:
        unit = units.get(share.unit)
        usual = f"{unit.usual:.2f}" if unit else ""
        top = Text("\n").join(_words(each.record_id, corpus) for each in unit.top) if unit else Text()
        table.add_row(str(share.unit), f"{share.activation:.2f}", usual, _change(share.change, largest), top)
    return table


def _words(record_id: str, corpus: "Corpus") -> "Text":
    """The first words of a record, with its title and id."""
    from rich.text import Text

    record = corpus.record(record_id)
    first = " ".join(record.text.split())[:FIRST_WORDS_CHARS].rsplit(" ", 1)[0]
    title = record.title or corpus.item(record.item_id).title
    return Text.assemble((title, "cyan"), f" {first} … ", (record.id, "dim"))


def _change(change: float | None, largest: float) -> "Text":
    """A change and its bar; a dash if there is no vector."""
    from rich.text import Text

    if change is None:
        return Text("–", style="dim")
    share = min(1.0, abs(change) / largest) if largest else 0.0
    return Text.assemble(f"{change:+.4f} ", ("█" * round(share * BAR_CELLS), "green" if change > 0 else "red"))
