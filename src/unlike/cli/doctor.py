"""``unlike doctor``: check the installation, models, endpoints or a store, and show what to do about faults."""

from dataclasses import asdict

import typer

from unlike.cli.doctor_checks import CHECKS, Finding, ask, attempt, encode, live_call_missing
from unlike.cli.doctor_store import store_findings
from unlike.cli.options import Json, MasterAt, SettingsAt
from unlike.cli.output import print_json, say
from unlike.store.open import Place


def doctor(
    llm: list[str] = typer.Option([], help="Also ask this LLM for one word; may be repeated."),
    embedder: list[str] = typer.Option([], help="Also encode one text with this encoder; may be repeated."),
    store: str = typer.Option("", help="Check this store instead: a folder, or postgresql://USER@HOST/NAME."),
    master: MasterAt = "",
    scrub: bool = typer.Option(False, "--scrub", help="With --store: remove deleted data from the database's files."),
    settings: SettingsAt = None,
    as_json: Json = False,
) -> None:
    """Show what is installed and what answers, or check a store and show what is in it.

    Exit status: 0; 1 if a store has faults; 2 if an LLM or encoder that you named does not answer.
    """
    findings = (
        store_findings(Place(store, master=master, notify=say), scrub, settings) if store else [c() for c in CHECKS]
    )
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
    """Print what was found, or what to do, in whole lines, so that commands in them can be copied."""
    for finding in findings:
        mark, colour = ("yes", "green") if finding.works else ("fault", "red") if finding.fault else ("no", "yellow")
        typer.echo(f"{typer.style(f'{mark:<7}', fg=colour)}{finding.part}: {finding.seen}")
        if finding.needed_for:
            typer.echo(f"{'':<7}{typer.style(f'needed for {finding.needed_for}', dim=True)}")
