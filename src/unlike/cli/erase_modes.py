"""The other modes of ``unlike erase``: replay after a restore, one record, refusals, a whole tenant."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from unlike.cli.output import confirm
from unlike.progress import n_of

if TYPE_CHECKING:
    from unlike.memory.memory import Memory
    from unlike.privacy.signing import Receipt
    from unlike.store.database import Tenant


def files_in(place: Path) -> list[Path]:
    """Receipts: a file, or all JSON files of a folder."""
    return sorted(place.glob("*.json")) if place.is_dir() else [place]


def erase_again(memory: "Memory", receipts: "Sequence[Receipt]", public_key: str) -> None:
    """Erase the users of receipts again; each must be signed by the store's key, or by ``public_key``."""
    from unlike.privacy.signing import verify
    from unlike.sync import wait_for

    for receipt in receipts:
        verify(receipt, public_key or memory.public_key)
    back = wait_for(memory.erase_again(receipts))
    typer.echo(f"{n_of(len(receipts), 'receipt')}: {n_of(len(back), 'user')} erased again")
    typer.echo("records of all of them are refused from now on")


def delete_record(memory: "Memory", record_id: str) -> None:
    """Delete one record."""
    from unlike.sync import wait_for

    user = wait_for(memory.delete_record(record_id))
    typer.echo(f"record {record_id} of {user} is deleted; the profile is rebuilt without it")


def refuse_user(memory: "Memory", user: str, refused: bool) -> None:
    """Refuse a user's records, or accept them again."""
    from unlike.sync import wait_for

    wait_for(memory.refuse(user, refused))
    typer.echo(f"records of {user} are {'refused' if refused else 'accepted'} from now on")


def erase_tenant(tenant: "Tenant", yes: bool) -> None:
    """Delete a tenant with all its data."""
    from unlike.memory.erase import erase_tenant as delete_tenant

    typer.echo(f"about to delete tenant {tenant.name!r}: its users, records, profiles, keys and budget")
    confirm(yes, "Delete?", "nothing was deleted")
    is_scrubbed = delete_tenant(tenant)
    advice = "" if is_scrubbed else "; its files are still being read: run unlike doctor --store DIR --scrub"
    typer.echo(f"tenant {tenant.name!r} is deleted{advice}")
