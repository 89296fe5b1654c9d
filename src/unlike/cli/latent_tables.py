"""How ``unlike latent explain`` looks: the text, what its records carried, what its units carried."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from unlike.data.corpus import Corpus
from unlike.latent.explain import ALL, Explanation
from unlike.latent.units import Unit
from unlike.records import Generation

BAR_CELLS = 10
FIRST_WORDS_CHARS = 60


def print_explanation(
    console: Console,
    row: Generation,
    text: str,
    corpus: Corpus,
    explanation: Explanation,
    units: Mapping[int, Unit],
) -> None:
    """Print an explanation of a text, with the words of the records it names."""
    console.rule(Text(f"{row.method} · {row.user_id} on {corpus.item(row.item_id).title}"), align="left")
    console.print(Padding(Text(text), (0, 0, 1, 4)))
    console.print(
        f"{explanation.n_tokens} tokens, mean log-probability {explanation.loglik:.4f}; a change says what a token "
        "gains by a part: above 0 it carried the text",
        highlight=False,
    )
    console.print(records_table(explanation, corpus))
    if explanation.units:
        console.print(units_table(explanation, units, corpus))


def records_table(explanation: Explanation, corpus: Corpus) -> Table:
    """A row for each record, oldest first, and one for all of them together."""
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


def units_table(explanation: Explanation, units: Mapping[int, Unit], corpus: Corpus) -> Table:
    """A row for each unit tried, with the records of the corpus that it is most active for."""
    table = Table("unit", "active", "usually", title="Latent units", title_justify="left")
    table.add_column("change", no_wrap=True)
    table.add_column("most active for")
    largest = _largest([share.change for share in explanation.units])
    for share in explanation.units:
        unit = units.get(share.unit)
        usual = f"{unit.usual:.2f}" if unit else ""
        top = Text("\n").join(_words(each.record_id, corpus) for each in unit.top) if unit else Text()
        table.add_row(str(share.unit), f"{share.activation:.2f}", usual, _change(share.change, largest), top)
    return table


def _named(record_id: str, corpus: Corpus) -> tuple[Text, str]:
    if record_id == ALL:
        return Text("all together", style="bold"), ""
    day = datetime.fromtimestamp(corpus.record(record_id).timestamp / 1000, UTC).date()
    return _words(record_id, corpus), day.isoformat()


def _words(record_id: str, corpus: Corpus) -> Text:
    record = corpus.record(record_id)
    first = " ".join(record.text.split())[:FIRST_WORDS_CHARS].rsplit(" ", 1)[0]
    title = record.title or corpus.item(record.item_id).title
    return Text.assemble((title, "cyan"), f" {first} … ", (record.id, "dim"))


def _largest(changes: Sequence[float]) -> float:
    return max((abs(change) for change in changes), default=0.0)


def _change(change: float | None, largest: float) -> Text:
    """A change and its bar; nothing where there is no vector."""
    if change is None:
        return Text("–", style="dim")
    share = min(1.0, abs(change) / largest) if largest else 0.0
    return Text.assemble(f"{change:+.4f} ", ("█" * round(share * BAR_CELLS), "green" if change > 0 else "red"))
