"""``unlike backup``: copy a store while it is in use."""

from pathlib import Path
from typing import Annotated

import typer

from unlike.cli.options import MasterAt, StoreAt
from unlike.cli.output import say
from unlike.store.open import Place, open_store_at


def backup(
    store: StoreAt,
    out: Annotated[Path, typer.Option(help="Folder for the copy; it must not hold a store.")],
    master: MasterAt = "",
) -> None:
    """Copy a store in a folder, as it is at one moment, to another folder; to restore it, open the copy.

    The master key and the key that signs receipts are not copied. The copy still has users who are erased later: keep it no
    longer than you promise.
    """
    with open_store_at(Place(store, master=master, notify=say)) as opened:
        from unlike.store.backup import backup as copied

        file = copied(opened, out)
    say(f"{file.stat().st_size / 2**20:.1f} MB written to {file}; it cannot be read without the master key")
