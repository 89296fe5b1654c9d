"""``unlike export``: everything that is stored about a user, for that user."""

import json
from pathlib import Path
from typing import Annotated

import typer

from unlike.cli.options import MasterAt, StoreAt, TenantName, User
from unlike.cli.output import say
from unlike.cli.suggest_user import suggesting_users
from unlike.errors import InputError
from unlike.memory.open import open_memory
from unlike.progress import n_of


def export(
    user: User,
    store: StoreAt,
    out: Annotated[Path | None, typer.Option(help="File to write; default: print it.")] = None,
    tenant: TenantName = "default",
    master: MasterAt = "",
) -> None:
    """Export everything that is stored about a user as JSON: records, differences, profiles, consent, jobs, audit."""
    from unlike.sync import wait_for

    with open_memory(store, tenant=tenant, master=master, notify=say) as memory, suggesting_users(memory.tenant, user):
        held = wait_for(memory.export(user))
        wait_for(memory.note_read("export", user, ""))
    text = json.dumps(held, indent=2, ensure_ascii=False)
    if out is None:
        typer.echo(text)
        return
    _write_private(out, text + "\n")
    say(f"{n_of(len(held['records']), 'record')} and {n_of(len(held['profiles']), 'profile version')} of {user}: {out}")


def _write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read; an existing file is replaced."""
    try:
        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}; name a file in a writable folder") from error
