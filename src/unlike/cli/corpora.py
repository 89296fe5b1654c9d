"""``unlike corpus``: what a corpus holds, and a corpus of a store's consenting users."""

import inspect
from pathlib import Path
from typing import Any

import typer

from unlike.cli.corpus import corpus
from unlike.cli.curate import settings_from, show, with_thresholds
from unlike.cli.listing import Listing
from unlike.cli.open_store import PARTS, MasterAt, Place, StoreAt, TenantName, need, open_tenant, say

SHOW = "show"


class ShowsFolders(Listing):
    """Commands, of which ``show`` is meant where none is named: ``unlike corpus DIR``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own context is private
        """Put ``show`` before what is no command."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = [SHOW, *args]
        return super().parse_args(ctx, args)


corpora = typer.Typer(
    cls=ShowsFolders, help="Show what is in a corpus (unlike corpus DIR), or make one of a store.", no_args_is_help=True
)
corpora.command(SHOW)(corpus)


def _store(store: StoreAt, tenant: TenantName = "default", master: MasterAt = "") -> None: ...


def _export(out: Path, json: bool, store: str, tenant: str, master: str, **thresholds: Any) -> None:  # noqa: ANN401
    """Make a corpus of the users who agree to both uses of their records, to compare methods on it.

    A corpus folder holds texts and user ids in plain, and no later erasure reaches it.
    """
    need(PARTS)
    from unlike.cli.corpus_export import write_corpus_of

    settings = settings_from(**thresholds)
    with open_tenant(Place(store, tenant, master)) as opened:
        manifest = write_corpus_of(opened, settings, out)
    show(manifest, out, json)
    say(f"{out} holds texts and user ids in plain; when somebody is erased from the store, make it again")


_own = list(inspect.signature(_store).parameters.values())
_export.__signature__ = with_thresholds(_own, preset="small")  # type: ignore[attr-defined]
corpora.command("export")(_export)
