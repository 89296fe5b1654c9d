"""``unlike consent``: what a user agrees to."""

from typing import Annotated, Literal

import typer

from unlike.cli.options import Json, MasterAt, StoreAt, TenantName, User
from unlike.cli.output import print_json, say
from unlike.memory.open import open_memory
from unlike.progress import n_of
from unlike.store.open import Place

YesNo = Literal["yes", "no"]
USES = {"own": "used for texts written for the user", "peer": "used in comparisons for others' profiles"}


def consent(
    user: User,
    store: StoreAt,
    own: Annotated[YesNo | None, typer.Option(help="Records may be used for texts written for the user.")] = None,
    peer: Annotated[YesNo | None, typer.Option(help="Others' profiles may compare with this user's records.")] = None,
    wording: Annotated[str, typer.Option(help="Text that the user was shown; it is stored with the answer.")] = "",
    tenant: TenantName = "default",
    master: MasterAt = "",
    as_json: Json = False,
) -> None:
    """Show or change what a user agrees to; what consent no longer covers is deleted at once, also from other profiles."""
    from unlike.sync import wait_for

    with open_memory(store, tenant=tenant, master=master, notify=say) as memory:
        before = wait_for(memory.consent(user))
        after = wait_for(memory.set_consent(user, _agrees(own), _agrees(peer), wording)) if own or peer else before
        n_waiting = wait_for(memory.jobs("waiting", limit=1)).total
    if as_json:
        print_json(after)
        return
    for name, use in USES.items():
        now, then = getattr(after, name), getattr(before, name)
        was = "" if now == then else f" (was {_word(then)})"
        typer.echo(f"{name:<5}{_word(now)}{was}: records may {'' if now else 'not '}be {use}")
    if after != before:
        typer.echo(
            f"{n_of(n_waiting, 'job')} waiting; a running service does the work, or run: "
            f"unlike profile build --store {Place(store).shown} --llm URI"
        )


def _agrees(word: YesNo | None) -> bool | None:
    return None if word is None else word == "yes"


def _word(agreed: bool) -> str:
    return "yes" if agreed else "no"
