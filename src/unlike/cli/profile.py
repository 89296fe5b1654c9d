"""``unlike profile``: show profiles with their evidence, edit them, go back to an earlier version, build them."""

import os
import shlex
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.groups import Group
from unlike.cli.options import Json, MasterAt, SettingsAt, StoreAt, TenantName, User
from unlike.cli.output import day_and_time, print_json, print_table, say
from unlike.cli.profile_build import build
from unlike.cli.suggest_user import suggesting_users
from unlike.errors import InputError
from unlike.memory.open import open_memory
from unlike.progress import n_of
from unlike.store.open import STORE_PARTS, Place, need

if TYPE_CHECKING:
    from unlike.memory.answers import Evidence, Profile
    from unlike.memory.memory import Memory

profile = typer.Typer(cls=Group, help="Build, show and edit the profiles of users.", no_args_is_help=True)
profile.command("build")(build)


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
    """Show a profile: each statement with the records that support it and how many others were compared."""
    need(STORE_PARTS)
    from unlike.memory.context import read_context
    from unlike.memory.outdated import made_under
    from unlike.store import profiles
    from unlike.store.records import Unknown
    from unlike.sync import wait_for

    with (
        open_memory(store, tenant=tenant, settings=settings, master=master, notify=say) as memory,
        suggesting_users(memory.tenant, user),
    ):
        with memory.tenant.read() as tx:
            known = read_context(tx, user, memory.settings, with_others=False)
            now = made_under(memory.task, memory.settings)
            otherwise = settings is not None and known.user in profiles.outdated(
                tx, now, private=memory.settings.private
            )
        try:
            found = wait_for(memory.profile(user, version))
        except Unknown:
            if known.user is None or version is not None:
                raise
            found = None
    if as_json:
        facts = {"user_id": user} if found is None else asdict(found)
        print_json(facts | {"rung": known.rung, "why": known.why})
        return
    typer.echo(f"{user}: texts are written from: {known.rung.replace('_', ' ')} ({known.why})")
    if found is not None:
        _show_profile(found)
    if otherwise:
        typer.echo("this profile was made under other settings than these; unlike profile build rebuilds it")


def _show_profile(found: "Profile") -> None:
    from rich.table import Table

    state = ("current" if found.current else "not current") + (", outdated" if found.stale else "")
    how = "written by hand" if found.origin == "edited" else "built"
    typer.echo(f"version {found.version}, {how} {day_and_time(found.created_ms)} UTC, {state}")
    table = Table(show_lines=True)
    table.add_column("statement", ratio=3, overflow="fold")
    table.add_column("evidence", ratio=1, overflow="fold")
    for statement in found.statements:
        table.add_row(statement.text, _evidence(statement))
    print_table(table)


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
        Path | None, typer.Option("--from", help="File with the statements, one per line, instead of an editor.")
    ] = None,
    tenant: TenantName = "default",
    settings: SettingsAt = None,
    master: MasterAt = "",
) -> None:
    """Edit a profile in $EDITOR or from a file: one statement per line, # begins a comment, ! pins a statement.

    A pinned statement stays when the profile is rebuilt. An unchanged statement keeps its evidence.
    """
    need(STORE_PARTS)
    from unlike.memory.answers import Changed
    from unlike.memory.profile_text import as_lines, statements_in
    from unlike.sync import wait_for

    with (
        open_memory(store, tenant=tenant, settings=settings, master=master, notify=say) as memory,
        suggesting_users(memory.tenant, user),
    ):
        read_ms, before = _current(memory, user)
        text = _edited(as_lines(user, before)) if source is None else _read(source)
        after = statements_in(text, before)
        if [(one.text, one.pinned) for one in after] == [(one.text, one.pinned) for one in before]:
            typer.echo("nothing changed")
            return
        try:
            made = wait_for(memory.edit(user, after, read_ms))
        except Changed as error:
            raise InputError(
                f"the profile of {user} was rebuilt while you edited it, so nothing was changed; your text is in "
                f"{_kept(text)}: look at the new profile, then edit it again or give your text with --from"
            ) from error
    n_pinned = sum(one.pinned for one in after)
    typer.echo(f"version {made} of {user}: {n_of(len(after), 'statement')}, {n_pinned} pinned")
    if n_pinned < len(after):
        typer.echo(
            "statements that are not pinned are replaced when the profile is rebuilt; ! before a statement pins it"
        )


def _current(memory: "Memory", user: str) -> "tuple[int | None, tuple[Evidence, ...]]":
    """When the current profile was made, and its statements; none for a user without one."""
    from unlike.store.records import Unknown
    from unlike.sync import wait_for

    wait_for(memory.consent(user))  # raises if there is no such user
    try:
        found = wait_for(memory.profile(user))
    except Unknown:
        return None, ()
    return found.created_ms, found.statements


def _edited(text: str) -> str:
    """The text after the user edited it."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise InputError("no editor is set; set EDITOR, or give the statements in a file: --from FILE")
    with tempfile.TemporaryDirectory() as folder:  # readable only by its owner
        file = Path(folder) / "profile.txt"
        file.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise InputError(f"editor {editor!r} failed: {error}; nothing was changed; set EDITOR") from error
        return _read(file)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise InputError(f"{file} cannot be read: {error}; give a text file with one statement per line") from error


def _kept(text: str) -> Path:
    """Save the text that could not be used; returns the file."""
    descriptor, name = tempfile.mkstemp(prefix="unlike-profile-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)


@profile.command("history")
def history(
    user: User, store: StoreAt, tenant: TenantName = "default", master: MasterAt = "", as_json: Json = False
) -> None:
    """List the versions of a profile, newest first."""
    from rich.table import Table

    from unlike.sync import wait_for

    with open_memory(store, tenant=tenant, master=master, notify=say) as memory, suggesting_users(memory.tenant, user):
        versions = wait_for(memory.profile(user)).versions
    if as_json:
        print_json([asdict(version) for version in versions])
        return
    table = Table("version", "created (UTC)", "how", "")
    for version in versions:
        state = ", ".join(word for word, is_so in (("current", version.current), ("outdated", version.stale)) if is_so)
        how = "by hand" if version.origin == "edited" else "built"
        table.add_row(str(version.version), day_and_time(version.created_ms), how, state)
    print_table(table)
    typer.echo(f"go back with: unlike profile rollback {user} VERSION --store {Place(store).shown}")


@profile.command("rollback")
def rollback(
    user: User,
    version: Annotated[int, typer.Argument(help="A version that unlike profile history lists.")],
    store: StoreAt,
    tenant: TenantName = "default",
    master: MasterAt = "",
) -> None:
    """Make an earlier version the current one, with what was pinned in it, until the profile is rebuilt."""
    from unlike.sync import wait_for

    with open_memory(store, tenant=tenant, master=master, notify=say) as memory, suggesting_users(memory.tenant, user):
        wait_for(memory.go_back(user, version))
    typer.echo(f"version {version} of {user} is current; new records rebuild the profile")
