"""``unlike doctor``: check the installation, models, endpoints or a store, and show what to do about faults."""

from dataclasses import asdict

import typer

from unlike.cli.doctor_checks import CHECKS, Finding, ask, attempt, encode, live_call_missing
from unlike.cli.doctor_store import store_findings
from unlike.cli.options import Json, MasterAt
from unlike.cli.output import print_json, say
from unlike.store.open import Place


def doctor(
    llm: list[str] = typer.Option([], help="Also ask this LLM for one word; may be repeated."),
    embedder: list[str] = typer.Option([], help="Also encode one text with this encoder; may be repeated."),
    store: str = typer.Option("", help="Check this store instead: a folder, or postgresql://USER@HOST/NAME."),
    master: MasterAt = "",
    scrub: bool = typer.Option(False, "--scrub", help="With --store: remove deleted data from the database's files."),
    as_json: Json = False,
) -> None:
    """Show what is installed and what answers, or check a store and show what is in it.

    Exit status: 0; 1 if a store has faults; 2 if an LLM or encoder that you named does not answer.
    """
    findings = store_findings(Place(store, master=master, notify=say), scrub) if store else [c() for c in CHECKS]
    asked = [attempt(f"LLM {uri}", lambda uri=uri: ask(uri), "--llm") for uri in llm]
    asked += [attempt(f"encoder {name}", lambda name=name: encode(name), "--embedder") for name in embedder]
    if not (store or llm):
        findings.append(live_call_missing())
    if as_json:
        print_json([asdict(finding) for finding in findings + asked])
    else:
        _print(findings + asked)
    if any(finding.fault for finding in findings):
        raise typer.Exit(1)
    if not all(finding.works for finding in asked):
        raise typer.Exit(2)


def _print(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    needs = any(finding.needed_for for finding in findings)
    table = Table(box=None, pad_edge=False)
    for heading in ("", "part", "found, or what to do", *(("needed for",) if needs else ())):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        mark = "[green]yes[/]" if finding.works else "[red]fault[/]" if finding.fault else "[yellow]no[/]"
        cells = (finding.part, finding.seen, *((finding.needed_for,) if needs else ()))
        table.add_row(mark, *(Text(cell) for cell in cells))
    Console().print(table)
