"""``unlike ingest``: records into a store, from a table in any format."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.curate import (
    FORMS,
    Delimiter,
    Encoding,
    KeepMarkup,
    Map,
    MaxMalformed,
    TimeFormat,
    TimeUnit,
    pairs,
)
from unlike.cli.open_memory import EmbedderName, LLMUri, SettingsAt, open_parts
from unlike.cli.open_store import PARTS, MasterAt, Place, StoreAt, TenantName, named, need, open_tenant, say
from unlike.cli.wording import n_of
from unlike.data.tables.fields import Reading
from unlike.errors import InputError

if TYPE_CHECKING:
    from unlike.cli.ingest_lines import Rows
    from unlike.memory.answers import Added
    from unlike.memory.memory import Memory
    from unlike.store.users import Consent

TOLD = 5
"""Wrong lines and conflicts that are told one by one."""
CONSENTS = {"own,peer": (True, True), "own": (True, False), "none": (False, False)}


@dataclass(frozen=True, slots=True)
class Table:
    """A file with records, and how to read it."""

    file: Path
    columns: Mapping[str, str]
    reading: Reading

    def rows(self) -> "Iterator[Rows]":
        """Its records, some at a time."""
        from unlike.cli.ingest_lines import read_records

        return read_records(self.file, self.columns, self.reading)


@dataclass(slots=True)
class Total:
    """What came of a file.

    Attributes:
        n_same: Records that were there already.
        conflicts: Ids that are there with other words.
        n_refused: Records of users who were erased, or refused in advance.
        n_wrong: Lines that are no records.
        redacted: Identifiers taken out, by kind.
        n_new_users: Users not known before.
        n_compared: Those of them who may be compared with others.
    """

    n_new: int = 0
    n_same: int = 0
    conflicts: list[str] = field(default_factory=list[str])
    n_refused: int = 0
    n_wrong: int = 0
    redacted: dict[str, int] = field(default_factory=dict[str, int])
    n_new_users: int = 0
    n_compared: int = 0

    def plus(self, added: "Added") -> None:
        """Count some more."""
        self.n_new += added.n_new
        self.n_same += added.n_same
        self.conflicts += added.conflicts
        self.n_refused += added.n_refused
        for kind, n in added.redacted.items():
            self.redacted[kind] = self.redacted.get(kind, 0) + n


def ingest(
    file: Annotated[
        Path,
        typer.Argument(help=f"{FORMS}: user_id, item_id, text [record_id, title, rating, timestamp, item_title, ...]."),
    ],
    store: StoreAt,
    tenant: TenantName = "default",
    consent: Annotated[
        str, typer.Option(help="What new users agree to: own,peer (to be compared with others, too), own, or none.")
    ] = "own",
    map: Map = [],  # noqa: B006
    encoding: Encoding = "",
    delimiter: Delimiter = "",
    time_unit: TimeUnit = "",
    time_format: TimeFormat = "",
    keep_markup: KeepMarkup = False,
    max_malformed: MaxMalformed = 0.1,
    strict: Annotated[bool, typer.Option("--strict", help="Keep nothing where any line is wrong.")] = False,
    build: Annotated[bool, typer.Option("--build", help="Then build profiles, as unlike profile build does.")] = False,
    llm: LLMUri = "",
    embedder: EmbedderName = "minilm",
    settings: SettingsAt = None,
    master: MasterAt = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Keep records, each once: the same file again changes nothing. Mail addresses and the like are taken out.

    Exit status: 0; 3 where lines were wrong, or record ids are there with other words; 2 where nothing could be done.
    """
    need(PARTS)
    agreed = _consent(consent)
    if build and not llm:
        raise InputError("--build needs an LLM; give --llm")
    reading = Reading(encoding, delimiter, time_unit, time_format, keep_markup, max_malformed)
    table = Table(file, pairs(map, "--map"), reading)
    if strict:
        _refuse_wrong(table)
    parts = open_parts(settings, llm if build else "", embedder if build else "")
    with open_tenant(Place(store, tenant, master), new=True) as opened:
        total = _add_all(parts.memory(opened), table, agreed, quiet=as_json)
        if not as_json:
            _tell(total, agreed, None if build else f"unlike profile build --store {named(store)} --llm URI")
        elif not build:
            typer.echo(json.dumps(asdict(total), indent=2))
        if build:
            from unlike.cli.profile_build import build_and_show

            build_and_show(opened, parts, (), as_json, also=asdict(total))
    if total.n_wrong or total.conflicts:
        raise typer.Exit(3)


def _consent(given: str) -> "Consent":
    from unlike.store.users import Consent

    name = ",".join(sorted(part.strip() for part in given.split(",")))
    if name not in CONSENTS:
        raise InputError(f"--consent is {given!r}; allowed are {'; '.join(CONSENTS)}")
    return Consent(*CONSENTS[name])


def _refuse_wrong(table: Table) -> None:
    wrong = [one for rows in table.rows() for one in rows.wrong]
    if wrong:
        told = "; ".join(wrong[:TOLD])
        more = f"; and {len(wrong) - TOLD:,} more" if len(wrong) > TOLD else ""
        raise InputError(f"{table.file} has {n_of(len(wrong), 'wrong line')}, so nothing was kept: {told}{more}")


def _add_all(memory: "Memory", table: Table, consent: "Consent", quiet: bool) -> Total:
    """Add a table to a memory, some rows at a time, showing how far it is."""
    from unlike.cli.live import live_bar
    from unlike.cli.store_facts import facts_of
    from unlike.door import wait_for

    with memory.tenant.read() as tx:
        before = facts_of(tx)
    total = Total()
    with live_bar(f"reading {table.file.name}", quiet) as report:
        for rows in table.rows():
            for warning in rows.warnings:
                say(f"warning: {warning}")
            for why in rows.wrong[: max(0, TOLD - total.n_wrong)]:
                say(why)
            total.n_wrong += len(rows.wrong)
            total.plus(wait_for(memory.add(rows.rows, consent)))
            report(rows.n_done, rows.n, f"{total.n_new:,} new records")
    with memory.tenant.read() as tx:
        after = facts_of(tx)
    total.n_new_users, total.n_compared = after.n_users - before.n_users, after.n_compared - before.n_compared
    return total


def _tell(total: Total, consent: "Consent", next_command: str | None) -> None:
    there = f", {total.n_same:,} there already" if total.n_same else ""
    typer.echo(f"{n_of(total.n_new, 'new record')}{there}; {n_of(total.n_new_users, 'new user')}")
    if total.redacted:
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(total.redacted.items()))
        typer.echo(f"taken out of the texts: {kinds}")
    if total.n_new_users:
        typer.echo(
            f"{total.n_compared:,} of {n_of(total.n_new_users, 'new user')} may be compared with others{_why_not(consent)}"
        )
    if total.n_wrong:
        more = f" (the first {TOLD} are above)" if total.n_wrong > TOLD else ""
        say(f"{n_of(total.n_wrong, 'wrong line')} left out{more}; correct them and give the file again")
    if total.n_refused:
        say(f"{n_of(total.n_refused, 'record')} of erased users refused; to take them: unlike erase USER --readmit")
    if total.conflicts:
        ids = ", ".join(total.conflicts[:TOLD]) + (", …" if len(total.conflicts) > TOLD else "")
        say(
            f"{n_of(len(total.conflicts), 'record id')} there with other words, which stay: {ids}; give new texts new ids"
        )
    if next_command:
        typer.echo(f"next: {next_command}")


def _why_not(consent: "Consent") -> str:
    if consent.peer:
        return ""
    return "; where they agree to it: unlike consent USER --peer yes, and --consent own,peer for those to come"
