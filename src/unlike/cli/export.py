"""``unlike export``: all that is held about a user, for that user."""

import json
from pathlib import Path
from typing import Annotated

import typer

from unlike.cli.open_memory import open_parts
from unlike.cli.open_store import MasterAt, Place, StoreAt, TenantName, open_tenant, say
from unlike.cli.wording import n_of
from unlike.errors import InputError


def export(
    user: Annotated[str, typer.Argument(help="User id.")],
    store: StoreAt,
    out: Annotated[Path | None, typer.Option(help="File to write; else it is printed.")] = None,
    tenant: TenantName = "default",
    master: MasterAt = "",
) -> None:
    """Give out all that is held about a user as JSON: records, differences, profiles, consent, jobs, audit."""
    from unlike.door import wait_for

    with open_tenant(Place(store, tenant, master)) as opened:
        held = wait_for(open_parts().memory(opened).export(user))
    text = json.dumps(held, indent=2, ensure_ascii=False)
    if out is None:
        typer.echo(text)
        return
    write_private(out, text + "\n")
    say(f"{n_of(len(held['records']), 'record')} and {n_of(len(held['profiles']), 'profile version')} of {user}: {out}")


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, in place of one that is there.

    Raises:
        InputError: It cannot be written.
    """
    try:
        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}; name a file in a writable folder") from error
