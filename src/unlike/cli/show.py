"""``unlike show``: one case of a run: what was read, found and written."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from unlike.cli.options import Json, MovedCorpus
from unlike.cli.output import heading, new_console, print_json
from unlike.errors import InputError
from unlike.progress import n_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from unlike.data.corpus import Corpus
    from unlike.evaluate.running.record_choice import RecordChoice
    from unlike.records import Generation

MAX_CHARS = 300
"""Maximum number of characters shown of a record or a query."""


def show(
    run: Path = typer.Argument(help="Run folder."),
    case: str | None = typer.Argument(
        None, help="Case id, number of a case, counted from 1, or id of a user with one case. Default: list the cases."
    ),
    corpus: MovedCorpus = None,
    prompts: bool = typer.Option(False, "--prompts", help="Instead, show the exact prompt and answer of every call."),
    as_json: Json = False,
) -> None:
    """Show what a method read, found and wrote for one case; without a case, list the cases."""
    from unlike.data.corpus import Corpus
    from unlike.evaluate.running.record_choice import record_choice
    from unlike.evaluate.running.run_method import corpus_folder, read_run
    from unlike.experiments.explain import find_row

    rows, facts = read_run(run)
    if case is None:
        _list_cases(rows, as_json)
        return
    row = find_row(rows, case, run)
    if as_json:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps(asdict(row), ensure_ascii=False))
        return
    if prompts:
        _show_prompts(new_console(), row, run)
        return
    opened = Corpus.open(corpus_folder(run, facts, corpus))
    show_case(new_console(), row, opened, record_choice(row, facts, opened))


def _list_cases(rows: "Sequence[Generation]", as_json: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    cases = [
        {"number": number, "case": row.case_id, "user": row.user_id, "item": row.item_id, "status": row.status}
        for number, row in enumerate(rows, 1)
    ]
    if as_json:
        print_json(cases)
        return
    table = Table("number", "case", "user", "item", "status")
    for case in cases:
        table.add_row(*(Text(str(value), overflow="fold") for value in case.values()))
    new_console().print(table)


def _show_prompts(console: "Console", row: "Generation", run: Path) -> None:
    from unlike.evaluate.running.progress import journal_of, sent_calls
    from unlike.evaluate.statistics.calls import keys_in
    from unlike.prompts.slots import show_slots

    journal = journal_of(run)
    if journal is None:
        raise InputError(f"no journal beside {run}, so there are no prompts to show")
    keys = keys_in(row.trace)
    calls = sent_calls(journal, keys)
    for call in calls:
        tokens = f" · {call.prompt_tokens:,} + {call.completion_tokens:,} tokens"
        console.rule(heading(call.step, tokens), align="left")
        for message in call.messages or [{"role": "prompt", "content": "(not kept: the run had --no-keep-prompts)"}]:
            console.print(message["role"], style="cyan")
            _text(console, show_slots(message["content"]))
        console.print("failed" if call.error else "answer", style="bold red" if call.error else "bold")
        _text(console, call.answer or call.error)
    if len(calls) < len(keys):
        console.print(f"not in {journal}: {n_of(len(keys) - len(calls), 'call')} of this case", style="dim")


def show_case(console: "Console", row: "Generation", corpus: "Corpus", choice: "RecordChoice | None" = None) -> None:
    """Print a generation with everything it was made from.

    Args:
        console: Where to print.
        row: The generation.
        corpus: Of its run.
        choice: Why its records were read, if it is known.
    """
    item, case, trace = corpus.item(row.item_id), corpus.case(row.case_id), row.trace
    console.rule(heading(row.method, f" · {row.user_id} on {item.name}"), align="left")
    asked = [] if case.rating is None else [f"rating {case.rating:g}"]
    asked += [f"title “{case.title}”"] if case.title else []
    console.print(f"request: {', '.join(asked) or 'neither rating nor title'}")
    if trace.get("past"):
        console.print(heading("\nOwn records shown", f" ({len(trace['past'])} of {trace['history_records']})"))
        if choice and choice.shown:
            console.print(f"  by {choice.retriever}, for the query “{_cut(choice.query)}”", style="dim")
        for record_id in trace["past"]:
            _record(console, corpus, record_id, why=choice.words(record_id) if choice else "")
    for number, difference in enumerate(trace.get("differences", []), 1):
        _difference(console, corpus, number, difference, choice)
    if choice and choice.not_compared:
        reasons = ", ".join(f"{reason}: {n:,}" for reason, n in choice.reasons)
        console.print(heading("\nNot compared", f": {n_of(len(choice.not_compared), 'own record')} ({reasons})"))
    if trace.get("profile"):
        console.print(heading("\nProfile"))
        _text(console, trace["profile"]["text"])
    _result(console, row)


def _difference(
    console: "Console", corpus: "Corpus", number: int, difference: dict[str, Any], choice: "RecordChoice | None"
) -> None:
    from unlike.evaluate.running.record_choice import rank_words

    record = corpus.record(difference["record"])
    chosen = f"{n_of(len(difference['representatives']), 'representative')} of {n_of(difference['n_peers'], 'other')}"
    console.print(heading(f"\nDifference {number}", f" on {corpus.item(record.item_id).name}: {chosen}"))
    ranked = choice.compared.get(record.id) if choice else None
    _record(console, corpus, record.id, "the user", rank_words(ranked) if ranked else "")
    for representative in difference["representatives"]:
        _record(console, corpus, representative)
    console.print(heading("  found"))
    _text(console, difference["text"])


def _record(console: "Console", corpus: "Corpus", record_id: str, who: str = "", why: str = "") -> None:
    from rich.text import Text

    record = corpus.record(record_id)
    parts = [] if record.rating is None else [f"{record.rating:g}"]
    parts.append(f"“{record.title}”" if record.title else f"on {corpus.item(record.item_id).name}")
    user = (f"  {who or record.user_id}", "cyan")
    console.print(Text.assemble(user, f" {' · '.join(parts)} ", (f"{record.id}{why and f' · {why}'}", "dim")))
    _text(console, _cut(record.text))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS].rsplit(" ", 1)[0] + " …"


def _result(console: "Console", row: "Generation") -> None:
    from rich.text import Text

    from unlike.evaluate.statistics.calls import calls_in, n_calls

    calls = calls_in(row.trace)
    if row.status == "failed":
        console.print(Text.assemble(("\nFailed", "bold red"), f" {row.error}"))
    else:
        console.print(heading("\nGenerated"))
        _text(console, row.text or "")
    if row.reference is not None:
        console.print(heading("Really written"))
        _text(console, row.reference)
    if calls:
        tokens = sum(call["prompt_tokens"] + call["completion_tokens"] for call in calls)
        n, n_rewrites = n_calls(calls), n_calls(calls) - len(calls)
        rewrites = f" ({n_of(n_rewrites, 'rewrite')} included)" if n_rewrites else ""
        rule = f"; time rule {row.trace['time_rule']}" if "time_rule" in row.trace else ""
        console.print(f"{n_of(n, 'call')}{rewrites}, {tokens:,} tokens{rule}", style="dim")
        for note in (note for call in calls for note in call.get("left_out", ())):
            console.print(f"left out of a prompt: {note}", style="dim")


def _text(console: "Console", text: str) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(text), (0, 0, 0, 4)))
