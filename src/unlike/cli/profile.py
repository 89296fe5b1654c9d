"""``unlike profile``: build profiles, see what they say and on what evidence, change them by hand, go back."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.listing import Listing
from unlike.cli.open_memory import EmbedderName, LLMUri, SettingsAt, open_parts
from unlike.cli.open_store import PARTS, MasterAt, Place, StoreAt, TenantName, named, need, open_tenant
from unlike.cli.wording import day_and_time, n_of
from unlike.errors import InputError

if TYPE_CHECKING:
    from unlike.memory.answers import Evidence, Profile
    from unlike.memory.memory import Memory

profile = typer.Typer(cls=Listing, help="Build, see and change what is known of users.", no_args_is_help=True)

User = Annotated[str, typer.Argument(help="User id.")]
Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


@profile.command("build")
def build(
    store: StoreAt,
    llm: LLMUri,
    users: Annotated[list[str] | None, typer.Argument(help="Build these anew, whether or not that is due.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Build all anew, whether or not that is due.")] = False,
    embedder: EmbedderName = "minilm",
    tenant: TenantName = "default",
    settings: SettingsAt = None,
    master: MasterAt = "",
    as_json: Json = False,
) -> None:
    """Do all work that waits: cluster items, compare, summarise. A service that runs does the same by itself.

    Ended and started again, it goes on. Exit status: 0; 3 where jobs failed; 2 where the LLM cannot be used.
    """
    need(PARTS)
    from unlike.cli.profile_build import build_and_show

    parts = open_parts(settings, llm, embedder)
    with open_tenant(Place(store, tenant, master)) as opened:
        build_and_show(opened, parts, None if everyone else users or [], as_json)


@profile.command("show")
def show(
    user: User,
    store: StoreAt,
    version: Annotated[int | None, typer.Option(help="An earlier version.")] = None,
    tenant: TenantName = "default",
    settings: SettingsAt = None,
    master: MasterAt = "",
    as_json: Json = False,
) -> None:
    """Show a profile: each statement with the records that bear it out and how many others were compared."""
    need(PARTS)
    from unlike.door import wait_for
    from unlike.memory.context import read_context
    from unlike.store.records import Unknown

    with open_tenant(Place(store, tenant, master)) as opened:
        memory = open_parts(settings).memory(opened)
        with opened.read() as tx:
            known = read_context(tx, user, memory.settings)
        try:
            found = wait_for(memory.profile(user, version))
        except Unknown:
            if known.user is None or version is not None:
                raise
            found = None
    if as_json:
        facts = {"user_id": user} if found is None else asdict(found)
        typer.echo(json.dumps(facts | {"rung": known.rung, "why": known.why}, indent=2, ensure_ascii=False))
        return
    typer.echo(f"{user}: texts are written from: {known.rung.replace('_', ' ')} ({known.why})")
    if found is not None:
        _show(found)


def _show(found: "Profile") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    state = ("in force" if found.current else "not in force") + (", to be built anew" if found.stale else "")
    how = "written by hand" if found.origin == "edited" else "built"
    typer.echo(f"version {found.version} of {len(found.versions)}, {how} {day_and_time(found.created_ms)} UTC, {state}")
    table = Table(show_lines=True)
    table.add_column("statement", ratio=3, overflow="fold")
    table.add_column("evidence", ratio=1, overflow="fold")
    for statement in found.statements:
        table.add_row(Text(statement.text), Text(_evidence(statement)))
    Console().print(table)


def _evidence(statement: "Evidence") -> str:
    parts = [", ".join(statement.record_ids)] if statement.record_ids else []
    parts += [f"compared with {n_of(statement.n_peers, 'other')}"] if statement.n_peers else []
    parts += ["written by hand"] if statement.origin == "edited" else []
    parts += ["pinned"] if statement.pinned else []
    return "\n".join(parts) or "none"


@profile.command("edit")
def edit(
    user: User,
    store: StoreAt,
    source: Annotated[
        Path | None, typer.Option("--from", help="File with the statements, in place of an editor: one a line.")
    ] = None,
    tenant: TenantName = "default",
    settings: SettingsAt = None,
    master: MasterAt = "",
) -> None:
    """Put a profile in one's own words, in $EDITOR or from a file: one statement a line, # a comment, ! pins it.

    A pinned statement stays when the profile is built anew. A statement that is left as it is keeps its evidence.
    """
    need(PARTS)
    from unlike.cli.profile_edit import as_lines, asked_editor, kept, read_source, statements_in
    from unlike.door import wait_for
    from unlike.memory.answers import Changed

    with open_tenant(Place(store, tenant, master)) as opened:
        memory = open_parts(settings).memory(opened)
        read_ms, before = _in_force(memory, user)
        text = asked_editor(as_lines(user, before)) if source is None else read_source(source)
        after = statements_in(text, before)
        if [(one.text, one.pinned) for one in after] == [(one.text, one.pinned) for one in before]:
            typer.echo("nothing changed")
            return
        try:
            made = wait_for(memory.edit(user, after, read_ms))
        except Changed as error:
            raise InputError(
                f"the profile of {user} was built anew while you edited it, so nothing was changed; your text is in "
                f"{kept(text)}: look at the new one, then edit again or give it with --from"
            ) from error
    n_pinned = sum(one.pinned for one in after)
    typer.echo(f"version {made} of {user}: {n_of(len(after), 'statement')}, {n_pinned} pinned")
    if n_pinned < len(after):
        typer.echo("what is not pinned goes when new records build the profile anew; ! before a statement pins it")


def _in_force(memory: "Memory", user: str) -> "tuple[int | None, tuple[Evidence, ...]]":
    """When the profile in force was made, and its statements; none for a user without one."""
    from unlike.door import wait_for
    from unlike.store.records import Unknown

    wait_for(memory.consent(user))  # says so where there is no such user
    try:
        found = wait_for(memory.profile(user))
    except Unknown:
        return None, ()
    return found.created_ms, found.statements


@profile.command("history")
def history(
    user: User, store: StoreAt, tenant: TenantName = "default", master: MasterAt = "", as_json: Json = False
) -> None:
    """List the versions of a profile, newest first."""
    from rich.console import Console
    from rich.table import Table

    from unlike.door import wait_for

    with open_tenant(Place(store, tenant, master)) as opened:
        versions = wait_for(open_parts().memory(opened).profile(user)).versions
    if as_json:
        typer.echo(json.dumps([asdict(version) for version in versions], indent=2))
        return
    table = Table("version", "made (UTC)", "how", "")
    for version in versions:
        state = ("in force" if version.current else "") + (", to be built anew" if version.stale else "")
        how = "by hand" if version.origin == "edited" else "built"
        table.add_row(str(version.version), day_and_time(version.created_ms), how, state.removeprefix(", "))
    Console().print(table)
    typer.echo(f"go back with: unlike profile rollback {user} VERSION --store {named(store)}")


@profile.command("rollback")
def rollback(
    user: User,
    version: Annotated[int, typer.Argument(help="As unlike profile history lists it.")],
    store: StoreAt,
    tenant: TenantName = "default",
    master: MasterAt = "",
) -> None:
    """Make an earlier version the one in force again, until the profile is built anew."""
    from unlike.door import wait_for

    with open_tenant(Place(store, tenant, master)) as opened:
        wait_for(open_parts().memory(opened).go_back(user, version))
    typer.echo(f"version {version} of {user} is in force; new records build the profile anew")
