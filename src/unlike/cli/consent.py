"""``unlike consent``: what a user agrees to."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from unlike.cli.open_memory import open_parts
from unlike.cli.open_store import MasterAt, Place, StoreAt, TenantName, named, open_tenant
from unlike.cli.wording import n_of

if TYPE_CHECKING:
    from unlike.memory.memory import Memory

YesNo = Literal["yes", "no"]


def consent(
    user: Annotated[str, typer.Argument(help="User id.")],
    store: StoreAt,
    own: Annotated[YesNo | None, typer.Option(help="Records may be used for texts written for the user.")] = None,
    peer: Annotated[YesNo | None, typer.Option(help="Records may be compared with those of others.")] = None,
    wording: Annotated[str, typer.Option(help="What the user was shown; it is kept with the answer.")] = "",
    tenant: TenantName = "default",
    master: MasterAt = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show or change what a user agrees to; what was made against it goes at once, also from others' profiles."""
    from unlike.door import wait_for

    with open_tenant(Place(store, tenant, master)) as opened:
        memory = open_parts().memory(opened)
        before = wait_for(memory.consent(user))
        after = wait_for(memory.set_consent(user, _said(own), _said(peer), wording)) if own or peer else before
        n_waiting = _n_waiting(memory)
    if as_json:
        typer.echo(json.dumps(asdict(after)))
        return
    for name, what in (("own", "used for texts for the user"), ("peer", "compared with those of others")):
        now, then = getattr(after, name), getattr(before, name)
        typer.echo(
            f"{name:<5}{_word(now)}{'' if now == then else f' (was {_word(then)})'}: records may {_not(now)}be {what}"
        )
    if after != before:
        jobs = n_of(n_waiting, "job")
        typer.echo(
            f"{jobs} to do; a service that runs does them, or: unlike profile build --store {named(store)} --llm URI"
        )


def _n_waiting(memory: "Memory") -> int:
    from unlike.door import wait_for

    return wait_for(memory.jobs("waiting", limit=1)).total


def _said(word: YesNo | None) -> bool | None:
    return None if word is None else word == "yes"


def _word(agreed: bool) -> str:
    return "yes" if agreed else "no"


def _not(agreed: bool) -> str:
    return "" if agreed else "not "
