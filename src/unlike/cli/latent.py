"""``unlike latent``: explain what a trained adapter made of a user."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from unlike.cli.groups import Group
from unlike.cli.options import Json, MovedCorpus, PromptsAt
from unlike.cli.output import new_console, print_json, print_table

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from unlike.data.corpus import Corpus
    from unlike.experiments.explain import Explained
    from unlike.latent.explain import Explanation, Unit

BAR_CELLS = 10
FIRST_WORDS_CHARS = 60

latent = typer.Typer(cls=Group, help="Explain what a trained adapter contributed to a text.", no_args_is_help=True)


@latent.callback()
def _group() -> None:
    """Keep ``explain`` a command of its own name."""


@latent.command()
def explain(
    run: Path = typer.Argument(help="Run folder of method dep."),
    case: str = typer.Argument(help="Case id, or the number of a case, counted from 1."),
    real: bool = typer.Option(False, "--real", help="Explain the real text instead of the generated one."),
    top: int = typer.Option(5, min=0, help="Number of latent units to test: the most active of the case."),
    corpus: MovedCorpus = None,
    adapter: Path | None = typer.Option(None, help="Adapter, if it has moved since the run."),
    llm: str | None = typer.Option(None, help="transformers:MODEL|FOLDER, if the model has moved since the run."),
    embedder: str | None = typer.Option(None, help="Encoder, if the run does not name it."),
    prompts: PromptsAt = None,
    as_json: Json = False,
) -> None:
    """Show how much each record, difference and latent unit contributed to a text.

    Each vector in turn is replaced by the mean one, each unit is set to 0, and the text is scored again. The change is
    given in log-probability per token of the text: above 0 the part made the text likelier, below 0 less likely.
    """
    from unlike.experiments.explain import explain_case

    found = explain_case(
        run, case, real=real, top=top, corpus=corpus, adapter=adapter, llm=llm, embedder=embedder, prompts=prompts
    )
    if as_json:
        print_json(_plain(found))
    else:
        _print(found)


def _plain(found: "Explained") -> dict[str, object]:
    units = [
        asdict(s) | (asdict(found.units[s.unit]) if s.unit in found.units else {}) for s in found.explanation.units
    ]
    return {"case_id": found.row.case_id, "text": found.text, **asdict(found.explanation), "units": units}


def _print(found: "Explained") -> None:
    """Print an explanation with the texts of the records that it names."""
    from rich.padding import Padding
    from rich.text import Text

    console, row, corpus, explanation = new_console(), found.row, found.corpus, found.explanation
    console.rule(f"{row.method} · {row.user_id} on {corpus.item(row.item_id).name}", align="left")
    console.print(Padding(Text(found.text), (0, 0, 1, 4)))
    console.print(
        f"{explanation.n_tokens} tokens, mean log-probability {explanation.loglik:.4f} per token; a change above 0 means "
        "that the part made the text likelier",
    )
    print_table(records_table(explanation, corpus), console)
    if explanation.units:
        print_table(units_table(explanation, found.units, corpus), console)


def records_table(explanation: "Explanation", corpus: "Corpus") -> "Table":
    """A row for each record, oldest first, and one for all of them together."""
    from rich.table import Table

    from unlike.latent.explain import ALL

    table = Table("record", "date", title="Records and differences", title_justify="left")
    changes = {(share.record_id, share.signal): share.change for share in explanation.vectors}
    signals = list(dict.fromkeys(share.signal for share in explanation.vectors))
    for signal in signals:
        table.add_column({"his": "its vector", "diff": "its difference"}[signal], no_wrap=True)
    largest = _largest([share.change for share in explanation.vectors if share.record_id != ALL])
    own = dict.fromkeys(share.record_id for share in explanation.vectors if share.record_id != ALL)
    for record_id in (*own, ALL):
        if record_id == ALL:
            table.add_section()
        cells = [_change(changes.get((record_id, signal)), largest) for signal in signals]
        table.add_row(*_named(record_id, corpus), *cells)
    return table


def units_table(explanation: "Explanation", units: "Mapping[int, Unit]", corpus: "Corpus") -> "Table":
    """A row for each tested unit, with the records of the corpus that it is most active for."""
    from rich.table import Table
    from rich.text import Text

    table = Table("unit", "active", "usually", title="Latent units", title_justify="left")
    table.add_column("change", no_wrap=True)
    table.add_column("most active for")
    largest = _largest([share.change for share in explanation.units])
    for share in explanation.units:
        unit = units.get(share.unit)
        usual = f"{unit.usual:.2f}" if unit else ""
        top = Text("\n").join(_first_words(each.record_id, corpus) for each in unit.top) if unit else Text()
        table.add_row(str(share.unit), f"{share.activation:.2f}", usual, _change(share.change, largest), top)
    return table


def _named(record_id: str, corpus: "Corpus") -> "tuple[Text, str]":
    from rich.text import Text

    from unlike.latent.explain import ALL

    if record_id == ALL:
        return Text("all together", style="bold"), ""
    day = datetime.fromtimestamp(corpus.record(record_id).timestamp / 1000, UTC).date()
    return _first_words(record_id, corpus), day.isoformat()


def _first_words(record_id: str, corpus: "Corpus") -> "Text":
    from rich.text import Text

    record = corpus.record(record_id)
    first = " ".join(record.text.split())[:FIRST_WORDS_CHARS].rsplit(" ", 1)[0]
    title = record.title or corpus.item(record.item_id).name
    return Text.assemble((title, "cyan"), f" {first} … ", (record.id, "dim"))


def _largest(changes: Sequence[float]) -> float:
    return max((abs(change) for change in changes), default=0.0)


def _change(change: float | None, largest: float) -> "Text":
    """A change and its bar; a dash where there is no vector."""
    from rich.text import Text

    if change is None:
        return Text("–", style="dim")
    share = min(1.0, abs(change) / largest) if largest else 0.0
    return Text.assemble(f"{change:+.4f} ", ("█" * round(share * BAR_CELLS), "green" if change > 0 else "red"))
