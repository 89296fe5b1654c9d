"""``unlike backup``: a copy of a store, made while others go on writing."""

from pathlib import Path
from typing import Annotated

import typer

from unlike.cli.open_store import MasterAt, Place, StoreAt, open_store, say


def backup(
    store: StoreAt,
    out: Annotated[Path, typer.Option(help="Folder for the copy; one that holds no store.")],
    master: MasterAt = "",
) -> None:
    """Copy a store in a folder to another one, as it is at one moment; to restore it is to open the copy.

    The master key is not copied. A copy holds whoever is erased later: keep it no longer than you promise.
    """
    from unlike.store.backup import backup as copied

    with open_store(Place(store, master=master)) as opened:
        file = copied(opened, out)
    say(f"{file.stat().st_size / 2**20:.1f} MB written to {file}; without the master key nobody can read it")
