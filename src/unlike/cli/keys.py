"""``unlike keys``: keys of the HTTP API, the tenant's budget, and the master key."""

import json
from pathlib import Path
from typing import Annotated

import typer

from unlike.cli.listing import Listing
from unlike.cli.open_store import (
    MASTER,
    PARTS,
    MasterAt,
    Place,
    StoreAt,
    TenantName,
    need,
    open_store,
    open_tenant,
    say,
)
from unlike.cli.wording import day_and_time, n_of
from unlike.errors import InputError

keys = typer.Typer(
    cls=Listing, help="Keys of the API, the budget of a tenant, and the master key.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="What the key is called; it stands in no request.")]
UNLIMITED = "none"
DAY_MS = 24 * 3600 * 1000


@keys.command("new")
def new(
    name: Name,
    store: StoreAt,
    scope: Annotated[
        list[str] | None, typer.Option(help="What it may do: read, write, generate or administer; all for none given.")
    ] = None,
    days: Annotated[float | None, typer.Option(help="After so many days it ends.", min=0)] = None,
    tenant: TenantName = "default",
    master: MasterAt = "",
) -> None:
    """Make an API key for a tenant, who is made where there is none, and print it: it is shown this once only."""
    need(PARTS)
    from unlike.store import api_keys

    with open_tenant(Place(store, tenant, master), new=True) as opened:
        lasts_ms = None if days is None else int(days * DAY_MS)
        key = opened.insist(
            lambda tx: api_keys.new(tx, name, scope or api_keys.SCOPES, lasts_ms and tx.now_ms + lasts_ms)
        )
    say(
        f"key {name!r} of tenant {tenant!r}; keep it now, it is not shown again. Requests send: Authorization: Bearer KEY"
    )
    typer.echo(key)


@keys.command("list")
def show(
    store: StoreAt,
    tenant: TenantName = "default",
    master: MasterAt = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """List the API keys of a tenant, its budget, and what it used of it today."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    need(PARTS)
    from unlike.store import api_keys, spend

    with open_tenant(Place(store, tenant, master)) as opened, opened.read() as tx:
        rows = [dict(row._mapping) for row in api_keys.listed(tx)]  # pyright: ignore[reportPrivateUsage] - it is public
        budget, used = spend.budget_of(tx), spend.used_today(tx)
    if as_json:
        typer.echo(json.dumps({"keys": rows, "tokens_a_day": budget, "tokens_today": used}, indent=2))
        return
    table = Table("key", "made (UTC)", "", "may")
    for row in rows:
        until = f"valid until {day_and_time(row['expires_ms'])}" if row["expires_ms"] else "valid"
        state = f"revoked {day_and_time(row['revoked_ms'])}" if row["revoked_ms"] else until
        table.add_row(Text(row["name"]), day_and_time(row["created_ms"]), state, ", ".join(row["scopes"]))
    Console().print(table)
    typer.echo(f"budget: {_a_day(budget)}; {n_of(used, 'token')} used today (UTC)")


@keys.command("revoke")
def revoke(name: Name, store: StoreAt, tenant: TenantName = "default", master: MasterAt = "") -> None:
    """Make an API key worthless; a service that runs notices within seconds."""
    need(PARTS)
    from unlike.store import api_keys

    with open_tenant(Place(store, tenant, master)) as opened:
        opened.insist(lambda tx: api_keys.revoke(tx, name))
    typer.echo(f"key {name!r} of tenant {tenant!r} is revoked")


@keys.command("budget")
def budget(
    tokens: Annotated[str, typer.Argument(help="Tokens a day (UTC) of LLM calls, or none for no limit.")],
    store: StoreAt,
    tenant: TenantName = "default",
    master: MasterAt = "",
) -> None:
    """Limit what a tenant's requests and builds of profiles may use in a day; builds wait for the next day."""
    need(PARTS)
    from unlike.store import spend

    limit = _tokens(tokens)
    with open_tenant(Place(store, tenant, master)) as opened:
        opened.insist(lambda tx: spend.set_budget(tx, limit))
    typer.echo(f"tenant {tenant!r}: {_a_day(limit)}")


@keys.command("master")
def master_file(file: Annotated[Path, typer.Argument(help="A new file.")]) -> None:
    """Make a master key in a file that only its owner can read."""
    need(PARTS)
    from unlike.privacy.keys import new_master_file

    made = new_master_file(file)
    typer.echo(
        f"made master key {made.id} in {file}; give it with --master file:{file} or UNLIKE_MASTER_KEY=file:{file}"
    )


@keys.command("rotate")
def rotate(
    store: StoreAt,
    new_master: Annotated[str, typer.Option(help="The key from now on: file:PATH, env:NAME or command:CMD.")],
    master: MasterAt = "",
) -> None:
    """Wrap all keys of a store with another master key, in one transaction; end services that use the store before.

    Once the old master key is destroyed, what was erased cannot be read in older backups and logs either.
    """
    need(PARTS)
    from unlike.privacy.keys import open_master
    from unlike.store.rotate import rotate as wrap_again

    key = open_master(new_master)
    with open_store(Place(store, master=master)) as opened:
        old = opened.keys.master.id
        if key.id == old:
            raise InputError("--new-master is the master key the store has; give another one: unlike keys master FILE")
        wrapped = wrap_again(opened, key)
    typer.echo(
        f"master key {old} -> {key.id}: the keys of {n_of(wrapped['tenants'], 'tenant')} and "
        f"{n_of(wrapped['users'], 'user')} are wrapped again"
    )
    typer.echo("from now on give the new one (--master or UNLIKE_MASTER_KEY), and start services again")
    own = Path(store) / MASTER
    if not master and own.is_file():
        typer.echo(f"{own} is the old key: destroy it, or keep it where it opens older backups and nothing else")


def _tokens(given: str) -> int | None:
    if given == UNLIMITED:
        return None
    if not given.replace("_", "").isdecimal():
        raise InputError(f"budget is {given!r}; give a number of tokens, or none for no limit")
    return int(given)


def _a_day(limit: int | None) -> str:
    return "no limit" if limit is None else f"{n_of(limit, 'token')} a day"
