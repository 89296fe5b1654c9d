"""``unlike keys``: API keys, the budget of a tenant, and the master key."""

import re
from pathlib import Path
from typing import Annotated

import typer

from unlike.cli.groups import Group
from unlike.cli.options import Json, MasterAt, StoreAt, TenantName
from unlike.cli.output import day_and_time, print_json, print_table, say
from unlike.errors import InputError
from unlike.progress import n_of
from unlike.store.open import MASTER, STORE_PARTS, Place, need, open_store_at, open_tenant, tenant_of

keys = typer.Typer(cls=Group, help="Manage API keys, the budget of a tenant, and the master key.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the key, to manage it; requests do not send it.")]
UNLIMITED = "none"
DAY_MS = 24 * 3600 * 1000


@keys.command("new")
def new(
    name: Name,
    store: StoreAt,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it may do: read, write, generate or administer; may be repeated. Default: all."),
    ] = None,
    days: Annotated[float | None, typer.Option(help="Number of days after which it expires.", min=0)] = None,
    tenant: TenantName = "default",
    new_store: Annotated[
        bool, typer.Option("--new-store", help="Create an empty store where there is none, to fill it over HTTP.")
    ] = False,
    master: MasterAt = "",
) -> None:
    """Create an API key for a tenant, which is created if it does not exist; the key is shown only once."""
    need(STORE_PARTS)
    from unlike.store import api_keys

    place = Place(store, tenant, master, say)
    with open_store_at(place, new=new_store or not place.in_folder, migrate=True) as opened_store:
        opened = tenant_of(opened_store, place, new=True)
        lasts_ms = None if days is None else int(days * DAY_MS)
        key = opened.run_with_retry(
            lambda tx: api_keys.new(tx, name, scope or api_keys.SCOPES, lasts_ms and tx.now_ms + lasts_ms)
        )
    say(f"key {name!r} of tenant {tenant!r}; save it now, it is not shown again. Send it as: Authorization: Bearer KEY")
    typer.echo(key)


@keys.command("list")
def show(store: StoreAt, tenant: TenantName = "default", master: MasterAt = "", as_json: Json = False) -> None:
    """List a tenant's API keys, its budget, and the tokens used today."""
    from rich.table import Table

    need(STORE_PARTS)
    from unlike.store import api_keys, daily_budget

    with open_tenant(Place(store, tenant, master, say)) as opened, opened.read() as tx:
        rows = [dict(row._mapping) for row in api_keys.listed(tx)]  # pyright: ignore[reportPrivateUsage] - it is public
        budget, used = daily_budget.budget_of(tx), daily_budget.used_today(tx)
    if as_json:
        print_json({"keys": rows, "tokens_a_day": budget, "tokens_today": used})
        return
    table = Table("key", "created (UTC)", "state", "may")
    for row in rows:
        until = f"valid until {day_and_time(row['expires_ms'])}" if row["expires_ms"] else "valid"
        state = f"revoked {day_and_time(row['revoked_ms'])}" if row["revoked_ms"] else until
        table.add_row(row["name"], day_and_time(row["created_ms"]), state, ", ".join(row["scopes"]))
    if rows:
        print_table(table)
    else:
        typer.echo(
            f"tenant {tenant!r} has no API key; create one with: unlike keys new NAME --store {Place(store).shown}"
        )
    typer.echo(_budget(budget, used))


@keys.command("revoke")
def revoke(name: Name, store: StoreAt, tenant: TenantName = "default", master: MasterAt = "") -> None:
    """Revoke an API key; a running service notices within seconds."""
    need(STORE_PARTS)
    from unlike.store import api_keys

    with open_tenant(Place(store, tenant, master, say)) as opened:
        opened.run_with_retry(lambda tx: api_keys.revoke(tx, name))
    typer.echo(f"key {name!r} of tenant {tenant!r} is revoked")


@keys.command("budget", context_settings={"ignore_unknown_options": True})
def budget(
    store: StoreAt,
    tokens: Annotated[
        str | None,
        typer.Argument(help="Tokens per day (UTC) of LLM calls, none for no limit; without it the budget is shown."),
    ] = None,
    tenant: TenantName = "default",
    master: MasterAt = "",
) -> None:
    """Show or set what a tenant's requests and profile builds may use per day; builds wait for the next day."""
    need(STORE_PARTS)
    from unlike.store import daily_budget

    limit = None if tokens is None else _tokens(tokens)
    with open_tenant(Place(store, tenant, master, say)) as opened:
        if tokens is not None:
            opened.run_with_retry(lambda tx: daily_budget.set_budget(tx, limit))
        with opened.read() as tx:
            text = _budget(daily_budget.budget_of(tx), daily_budget.used_today(tx))
    typer.echo(f"tenant {tenant!r}: {text}")


@keys.command("master")
def master_file(file: Annotated[Path, typer.Argument(help="A new file.")]) -> None:
    """Create a master key in a file that only its owner can read."""
    need(STORE_PARTS)
    from unlike.privacy.keys import new_master_file

    made = new_master_file(file)
    typer.echo(
        f"created master key {made.id} in {file}; use it with --master file:{file} or UNLIKE_MASTER_KEY=file:{file}"
    )


@keys.command("rotate")
def rotate(
    store: StoreAt,
    new_master: Annotated[str, typer.Option(help="The new master key: file:PATH, env:NAME or command:CMD.")],
    master: MasterAt = "",
) -> None:
    """Encrypt all keys of a store with another master key, in one transaction; stop services that use the store first.

    Once the old master key is destroyed, data erased before can no longer be read from old backups and logs either.
    """
    need(STORE_PARTS)
    from unlike.privacy.keys import open_master
    from unlike.store.rotate import rotate as wrap_again

    key = open_master(new_master)
    with open_store_at(Place(store, master=master, notify=say)) as opened:
        old = opened.keys.master.id
        if key.id == old:
            raise InputError("--new-master is the store's current master key; create another: unlike keys master FILE")
        wrapped = wrap_again(opened, key)
    typer.echo(
        f"master key {old} -> {key.id}: the keys of {n_of(wrapped['tenants'], 'tenant')} and "
        f"{n_of(wrapped['users'], 'user')} are encrypted with it"
    )
    typer.echo(
        "from now on give the new one (--master or UNLIKE_MASTER_KEY); running services must be restarted with it"
    )
    own = Path(store) / MASTER
    if not master and own.is_file():
        typer.echo(f"{own} is the old key: destroy it, or keep it only to open old backups")


def _tokens(given: str) -> int | None:
    if given == UNLIMITED:
        return None
    if not re.fullmatch(r"[0-9]+(_[0-9]+)*", given):
        raise InputError(f"budget is {given!r}; give a number of tokens, or none for no limit")
    return int(given)


def _budget(limit: int | None, used: int) -> str:
    per_day = "no limit" if limit is None else f"{n_of(limit, 'token')} per day"
    return f"budget: {per_day}; {n_of(used, 'token')} used today (UTC)"
