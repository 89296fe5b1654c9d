"""``unlike profile build``: do all waiting work of a store."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.interrupt import interruptible
from unlike.cli.options import EmbedderName, Json, LLMUri, MasterAt, SettingsAt, StoreAt, TenantName
from unlike.cli.output import print_json, print_rewrites, print_table, say
from unlike.cli.progress import progress
from unlike.cli.suggest_user import suggesting_users
from unlike.errors import Stopped
from unlike.memory.open import open_memory_parts
from unlike.progress import n_of
from unlike.store.open import STORE_PARTS, Place, need, open_tenant

if TYPE_CHECKING:
    from unlike.memory.build_all import Built
    from unlike.memory.memory import Memory
    from unlike.memory.open import MemoryParts
    from unlike.store.counts import Facts
    from unlike.store.database import Tenant

SHOWN = 20
"""Users that are listed one by one."""


def build(
    store: StoreAt,
    llm: LLMUri,
    users: Annotated[
        list[str] | None, typer.Argument(help="Build only these users' profiles, even if not due.")
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Rebuild all profiles even if not due.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, max=10_000, help="Build at most N profiles.")] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Count calls and tokens without calling the LLM: its endpoint need not run, and no key is needed. Nothing is "
            "changed.",
        ),
    ] = False,
    embedder: EmbedderName = "minilm",
    tenant: TenantName = "default",
    settings: SettingsAt = None,
    master: MasterAt = "",
    as_json: Json = False,
) -> None:
    """Build the profiles that are due: cluster the texts on each item, compare, summarise. A running service does it too.

    Failed jobs are tried again.

    If it is interrupted, the same command continues. Exit status: 0; 3 if jobs failed; 2 if the LLM cannot be used.
    """
    need(STORE_PARTS)
    from unlike.llm.open import open_counter, open_patient

    wanted = None if everyone else users or []
    parts = open_memory_parts(settings, llm, embedder, opening=open_counter if dry_run else open_patient)
    with open_tenant(Place(store, tenant, master, say)) as opened, suggesting_users(opened, *(users or ())):
        (_forecast if dry_run else build_and_show)(opened, parts, wanted, as_json, limit)


def build_and_show(
    tenant: "Tenant",
    parts: "MemoryParts",
    user_ids: Sequence[str] | None = (),
    as_json: bool = False,
    limit: int | None = None,
    also: Mapping[str, object] | None = None,
) -> None:
    """Do the waiting jobs, and print what was built.

    Args:
        tenant: Whose profiles are shown.
        parts: With an LLM.
        user_ids: Users whose profiles alone are built; () for all that are due, None for all.
        as_json: Print JSON.
        limit: Maximum number of profiles.
        also: More entries of the JSON.

    Raises:
        EngineError: The LLM cannot be used; the remaining jobs keep waiting.
        Stopped: The user stopped it.
        typer.Exit: 3 if jobs failed, are postponed for a reason, or were done by another process with other settings.
    """
    from unlike.memory.build_all import build_profiles
    from unlike.store.counts import facts_of

    with progress(quiet=as_json) as on_progress, interruptible():
        built, unusable = asyncio.run(build_profiles(tenant, parts, user_ids, on_progress, limit))
    with tenant.read() as tx:
        facts = facts_of(tx)
    if as_json:
        print_json({**(also or {}), **asdict(built), "now": asdict(facts)})
    else:
        _show_built(parts.memory(tenant), built, facts, list(dict.fromkeys([*(user_ids or ()), *built.users])))
    if built.n_otherwise:
        say(
            f"{n_of(built.n_otherwise, 'profile')} built meanwhile by another process with other settings, LLM or embedder, such "
            "as a running service; stop it, or restart it with these, and run this again"
        )
    if unusable:
        raise unusable
    if built.stopped:
        raise Stopped("stopped before all jobs were done")
    if built.failed or built.postponed or built.n_otherwise:
        raise typer.Exit(3)


def _forecast(
    tenant: "Tenant", parts: "MemoryParts", user_ids: Sequence[str] | None, as_json: bool, limit: int | None
) -> None:
    from unlike.memory.build_all import forecast_build

    with progress(quiet=as_json) as on_progress:
        found = asyncio.run(forecast_build(tenant, parts, user_ids, on_progress, limit))
    if as_json:
        print_json(found)
        return
    typer.echo(
        f"{n_of(found.n_profiles, 'profile')}: {n_of(found.n_calls, 'call')}, {found.prompt_tokens:,} prompt tokens, "
        f"about {found.completion_tokens:,} completion tokens; nothing was changed"
    )
    print_rewrites(found.rewrites_not_counted)


def _show_built(memory: "Memory", built: "Built", facts: "Facts", users: Sequence[str]) -> None:
    if users:
        _table(memory, users[:SHOWN])
    if len(users) > SHOWN:
        typer.echo(f"and {n_of(len(users) - SHOWN, 'more user')}")
    lacking = _why_none(memory, facts) if facts.n_users else "the store has no records; add some with unlike ingest"
    waiting, running = (facts.jobs.get(state, 0) for state in ("waiting", "running"))
    if not (built.n_jobs or waiting or running):
        typer.echo(f"nothing is due{lacking and '; '}{lacking or ': all profiles are up to date with the records'}")
        return
    what = f"{n_of(len(built.users), 'profile')} built" if built.users else "no profile changed"
    typer.echo(f"{what}; {built.wall_s:.0f} s, {n_of(built.n_calls, 'LLM call')}, {built.tokens:,} tokens")
    waits = f"; {n_of(running, 'job')} of another process running" if running else ""
    waits += f"; {n_of(waiting, 'job')} waiting" if waiting else ""
    waits += f": {built.postponed}" if waiting and built.postponed else ""
    typer.echo(
        f"{facts.n_profiles:,} of {n_of(facts.n_users, 'user')} have a profile{lacking and ': '}{lacking}{waits}"
    )
    if built.failed:
        say(f"{n_of(len(built.failed), 'job')} failed for good; the first: {built.failed[0].error}")
        if built.call_error:
            say(f"last error of the LLM: {built.call_error}")
        say("these users keep their previous profiles; when the cause is fixed, run: unlike profile build")


def _why_none(memory: "Memory", facts: "Facts") -> str:
    """Which users cannot have a profile yet; "" where none lacks records."""
    from unlike.store.counts import n_with_few_records

    if facts.n_profiles >= facts.n_users:
        return ""
    needed = memory.settings.min_records
    with memory.tenant.read() as tx:
        n_few = n_with_few_records(tx, needed)
    have = "has" if n_few == 1 else "have"
    return f"a profile needs {n_of(needed, 'record')}, and {n_of(n_few, 'user')} {have} fewer" if n_few else ""


def _table(memory: "Memory", users: Sequence[str]) -> None:
    """Print a row per user: what exists, and what texts are written from."""
    from rich.table import Table

    from unlike.memory.context import read_context

    table = Table("user", "version", "statements", "compared with", "texts are written from")
    with memory.tenant.read() as tx:
        for user_id in users:
            known = read_context(tx, user_id, memory.settings, with_others=False)
            rung = known.rung.replace("_", " ")
            if known.profile is None:
                table.add_row(user_id, "none", "", "", f"{rung}: {known.why}")
                continue
            statements = known.profile.profile.statements
            n_peers = max((statement.n_peers for statement in statements), default=0)
            table.add_row(user_id, str(known.profile.version), str(len(statements)), n_of(n_peers, "other"), rung)
    print_table(table)
