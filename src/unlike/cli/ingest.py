"""``unlike ingest``: records into a store, from a table in any format."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.curate import FORMATS, Delimiter, Encoding, KeepMarkup, Map, MaxMalformed, TimeFormat, TimeUnit
from unlike.cli.options import EmbedderName, Json, LLMUri, MasterAt, SettingsAt, StoreAt, TenantName, pairs
from unlike.cli.output import print_json, say
from unlike.cli.progress import progress
from unlike.errors import InputError
from unlike.memory.open import open_memory_parts
from unlike.progress import n_of
from unlike.store.open import STORE_PARTS, Place, need, open_tenant

if TYPE_CHECKING:
    from unlike.data.tables.fields import Reading
    from unlike.memory.ingest_file import Ingested, RecordTable
    from unlike.memory.memory import Memory
    from unlike.memory.record_rows import Rows
    from unlike.store.users import Consent

SHOWN = 5
"""Wrong lines and conflicts that are listed one by one."""
CONSENTS = {"own,peer": (True, True), "own": (True, False), "none": (False, False)}


def ingest(
    store: StoreAt,
    file: Annotated[
        Path | None,
        typer.Argument(
            help=f"{FORMATS}: user_id, item_id, text [record_id, title, rating, timestamp, item_title, ...]; "
            "or a corpus folder."
        ),
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Add the packaged sample of invented people, who agree to both uses.")
    ] = False,
    tenant: TenantName = "default",
    consent: Annotated[
        str, typer.Option(help="What new users agree to: own (texts for them), own,peer (also comparison), or none.")
    ] = "own",
    map: Map = None,
    encoding: Encoding = "",
    delimiter: Delimiter = "",
    time_unit: TimeUnit = "",
    time_format: TimeFormat = None,
    keep_markup: KeepMarkup = False,
    max_malformed: MaxMalformed = 0.1,
    strict: Annotated[bool, typer.Option("--strict", help="Add nothing if any line is wrong.")] = False,
    build: Annotated[bool, typer.Option("--build", help="Then run unlike profile build with --llm.")] = False,
    llm: LLMUri = "",
    embedder: EmbedderName = "minilm",
    settings: SettingsAt = None,
    master: MasterAt = "",
    as_json: Json = False,
) -> None:
    """Add records to a store; records already in it change nothing. Email addresses and other identifiers are removed.

    Exit status: 0; 3 if lines were wrong, or record ids exist already with other texts; 2 if nothing could be done.
    """
    need(STORE_PARTS)
    from unlike.data.tables.fields import Reading
    from unlike.llm.open import open_patient

    _check(file, sample, build and not llm)
    agreed = _consent("own,peer" if sample else consent)
    reading = Reading(encoding, delimiter, time_unit, tuple(time_format or ()), keep_markup, max_malformed)
    table = _table(file, map, reading) if file else _sample()
    if strict:
        _refuse_wrong(table)
    parts = open_memory_parts(settings, llm if build else "", embedder if build else "", opening=open_patient)
    rows = table.first_read()  # a file that cannot be used leaves no new store behind
    with open_tenant(Place(store, tenant, master, say), new=True) as opened:
        total = _add(parts.memory(opened), table, rows, agreed, as_json)
        if not as_json:
            _summarise(total, agreed, None if build else f"unlike profile build --store {Place(store).shown} --llm URI")
        elif not build:
            print_json(total)
        if build:
            from unlike.cli.profile_build import build_and_show

            build_and_show(opened, parts, (), as_json, also=asdict(total))
    if total.n_wrong or total.conflicts:
        raise typer.Exit(3)


def _check(file: Path | None, sample: bool, lacks_llm: bool) -> None:
    if (file is None) != sample:
        raise InputError("give a FILE or --sample, and not both")
    if lacks_llm:
        raise InputError("--build needs an LLM; give --llm")


def _add(
    memory: "Memory", table: "RecordTable", rows: "Iterator[Rows]", agreed: "Consent", as_json: bool
) -> "Ingested":
    from unlike.memory.ingest_file import ingest_file

    with progress(quiet=as_json) as on_progress:
        return ingest_file(memory, table, agreed, on_progress, _say_note, rows)


def _table(file: Path, map: list[str] | None, reading: "Reading") -> "RecordTable":
    from unlike.memory.ingest_file import RecordTable

    return RecordTable(file, pairs(map or (), "--map", "user_id=author"), reading)


def _sample() -> "RecordTable":
    from unlike.api import sample_corpus
    from unlike.memory.ingest_file import RecordTable

    return RecordTable(Path("the sample"), corpus=sample_corpus())


def _consent(given: str) -> "Consent":
    from unlike.store.users import Consent

    name = ",".join(sorted(part.strip() for part in given.split(",")))
    if name not in CONSENTS:
        raise InputError(f"--consent is {given!r}; allowed are {'; '.join(CONSENTS)}")
    return Consent(*CONSENTS[name])


def _refuse_wrong(table: "RecordTable") -> None:
    wrong = [one for rows in table.rows() for one in rows.wrong]
    if wrong:
        shown = "; ".join(wrong[:SHOWN])
        more = f"; and {len(wrong) - SHOWN:,} more" if len(wrong) > SHOWN else ""
        raise InputError(f"{table.file} has {n_of(len(wrong), 'wrong line')}, so nothing was added: {shown}{more}")


def _say_note(n_wrong: int, note: str) -> None:
    if n_wrong <= SHOWN:
        say(note)


def _summarise(total: "Ingested", consent: "Consent", next_command: str | None) -> None:
    there = f", {total.n_same:,} already there" if total.n_same else ""
    typer.echo(f"{n_of(total.n_new, 'new record')}{there}; {n_of(total.n_new_users, 'new user')}")
    if total.redacted:
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(total.redacted.items()))
        typer.echo(f"removed from the texts: {kinds}")
    if total.n_new_users:
        advice = "; where they agree: unlike consent USER --peer yes, and --consent own,peer for new users"
        typer.echo(
            f"{total.n_compared:,} of {n_of(total.n_new_users, 'new user')} may be compared with others"
            f"{'' if consent.peer else advice}"
        )
    elif total.n_same and consent.peer:
        typer.echo("what users who are there already agree to was not changed; see unlike consent USER")
    if total.n_wrong:
        more = f" (the first {SHOWN} are above)" if total.n_wrong > SHOWN else ""
        say(f"{n_of(total.n_wrong, 'wrong line')} skipped{more}; correct them and give the file again")
    if total.n_in_future:
        say(
            f"{n_of(total.n_in_future, 'record')} dated in the future, taken as the latest of their users; see --time-format"
        )
    if total.n_refused:
        readmit = "to accept a user's again: unlike erase USER --readmit"
        say(f"{n_of(total.n_refused, 'record')} refused: deleted before, or of erased users; {readmit}")
    if total.conflicts:
        ids = ", ".join(total.conflicts[:SHOWN]) + (", …" if len(total.conflicts) > SHOWN else "")
        say(
            f"{n_of(len(total.conflicts), 'record id')} already there with another text, title, rating, user or item; "
            f"the stored ones are kept: {ids}; give new texts new ids"
        )
    if next_command:
        typer.echo(f"next: {next_command}")
