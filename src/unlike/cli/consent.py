"""``unlike consent``: what a user agrees to."""

from typing import Annotated

import typer

from unlike.cli.options import Json, MasterAt, StoreAt, TenantName, User
from unlike.cli.output import print_json, say
from unlike.cli.suggest_user import suggesting_users
from unlike.errors import InputError
from unlike.memory.open import open_memory
from unlike.progress import n_of
from unlike.store.open import Place

USES = {"own": "used for texts written for the user", "peer": "used in comparisons for others' profiles"}


def consent(
    user: User,
    store: StoreAt,
    own: Annotated[
        str, typer.Option(metavar="yes|no", help="Records may be used for texts written for the user.")
    ] = "",
    peer: Annotated[
        str, typer.Option(metavar="yes|no", help="Others' profiles may compare with this user's records.")
    ] = "",
    wording: Annotated[str, typer.Option(help="Text that the user was shown; it is stored with the answer.")] = "",
    tenant: TenantName = "default",
    master: MasterAt = "",
    as_json: Json = False,
) -> None:
    """Show or change what a user agrees to; what consent no longer covers is deleted at once, also from other profiles."""
    from unlike.sync import wait_for

    agreed = _agrees("--own", own), _agrees("--peer", peer)
    with open_memory(store, tenant=tenant, master=master, notify=say) as memory, suggesting_users(memory.tenant, user):
        before = wait_for(memory.consent(user))
        after = wait_for(memory.set_consent(user, *agreed, wording)) if own or peer else before
        n_waiting = wait_for(memory.jobs("waiting", limit=1)).total
    if as_json:
        print_json(after)
        return
    for name, use in USES.items():
        now, then = getattr(after, name), getattr(before, name)
        was = "" if now == then else f" (was {_word(then)})"
        typer.echo(f"{name:<5}{_word(now)}{was}: records may {'' if now else 'not '}be {use}")
    if (after.own, after.peer) != (before.own, before.peer):
        typer.echo(
            f"{n_of(n_waiting, 'job')} waiting; a running service does the work, or run: "
            f"unlike profile build --store {Place(store).shown} --llm URI"
        )


def _agrees(option: str, word: str) -> bool | None:
    if word not in ("", "yes", "no"):
        raise InputError(f"{option} is {word!r}; give yes or no")
    return word == "yes" if word else None


def _word(agreed: bool) -> str:
    return "yes" if agreed else "no"
