"""``unlike generate``: the text a user would write about an item, from the user memory, by one LLM call."""

from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.options import EmbedderName, Json, LLMUri, MasterAt, SettingsAt, StoreAt, TenantName
from unlike.cli.output import print_json, say
from unlike.cli.suggest_user import user_suggestion
from unlike.errors import CallFailed, InputError
from unlike.memory.open import open_memory
from unlike.store.open import STORE_PARTS, Place, need

if TYPE_CHECKING:
    from unlike.memory.answers import Request, Written
    from unlike.memory.memory import Memory


def generate(
    user: Annotated[str, typer.Argument(help="User id; an unknown user gets a text without a profile.")],
    store: StoreAt,
    llm: LLMUri,
    item: Annotated[str, typer.Option(help="Id of the item that the text is about.")] = "",
    title: Annotated[str, typer.Option(help="Title of the text.")] = "",
    rating: Annotated[float | None, typer.Option(help="The user's rating of the item.")] = None,
    item_title: Annotated[str, typer.Option(help="Title of an item that is not in the store.")] = "",
    item_description: Annotated[str, typer.Option(help="Description of an item that is not in the store.")] = "",
    retrieved: Annotated[
        int,
        typer.Option(
            min=0,
            help="Number of the user's records, those that match the request best, that the LLM reads beside the profile.",
        ),
    ] = 0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Maximum number of new tokens.")] = 512,
    temperature: Annotated[float, typer.Option(min=0.0, help="Sampling temperature.")] = 0.8,
    top_p: Annotated[float, typer.Option(min=0.0, max=1.0, help="Nucleus sampling.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Seed of sampling.")] = 0,
    stream: Annotated[bool, typer.Option("--stream", help="Print the text while it is written.")] = False,
    embedder: EmbedderName = "",
    tenant: TenantName = "default",
    settings: SettingsAt = None,
    master: MasterAt = "",
    as_json: Json = False,
) -> None:
    """Write what a user would write about an item: the text to standard output, its sources to standard error.

    Exit status: 0; 3 if the call failed or the text repeated another person's words; 2 if nothing could be done.
    """
    need(STORE_PARTS)
    from unlike.memory.answers import Request
    from unlike.records import Item
    from unlike.store.records import Unknown
    from unlike.writing.repeat_guard import Repeated

    about = Item(item, item_title, item_description) if item_title or item_description else None
    if not (item or about):
        raise InputError("nothing to write about: give --item, or --item-title and --item-description")
    request = Request(user, item, about, title, rating, max_tokens, temperature, top_p, seed, retrieved)
    with open_memory(store, llm, embedder, tenant=tenant, settings=settings, master=master, notify=say) as memory:
        try:
            written = _written(memory, request, _print_piece if stream and not as_json else None)
        except Unknown as error:
            raise _no_such_item(memory, item) from error
        except (CallFailed, Repeated) as error:
            typer.secho(f"unlike: {' '.join(str(error).split())}", fg="red", err=True)
            raise typer.Exit(3) from error
        meant = user_suggestion(memory.tenant, user)
    if as_json:
        print_json(written)
    elif not stream:
        typer.echo(written.text)
    _say_sources(written)
    if meant:
        say(f"there is no user {user!r}; {meant}")
    if written.profile_version:
        say(f"evidence for each statement of the profile: unlike profile show {user} --store {Place(store).shown}")


def _no_such_item(memory: "Memory", item: str) -> InputError:
    from unlike.store.similar_ids import similar_ids
    from unlike.store.tables import ITEMS

    with memory.tenant.read() as tx:
        near = similar_ids(tx, ITEMS.c.item_id, item)
    meant = f"did you mean {' or '.join(near)}? For a new item " if near else ""
    return InputError(f"no item {item!r} in the store; {meant}give --item-title and --item-description")


def _written(memory: "Memory", request: "Request", on_piece: Callable[[str], None] | None) -> "Written":
    from unlike.sync import wait_for

    return wait_for(memory.generate(request) if on_piece is None else _streamed(memory, request, on_piece))


async def _streamed(memory: "Memory", request: "Request", on_piece: Callable[[str], None]) -> "Written":
    from unlike.memory.answers import Written

    try:
        async with aclosing(memory.stream(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Written):
                    return piece
                on_piece(piece)
    finally:
        on_piece("\n")
    raise AssertionError("a stream ends with the whole text")


def _print_piece(piece: str) -> None:
    typer.echo(piece, nl=False)


def _say_sources(written: "Written") -> None:
    say(
        f"from: {written.rung.replace('_', ' ')} ({written.why}); "
        f"{written.prompt_tokens:,} + {written.completion_tokens:,} tokens"
    )
    if written.finish_reason == "length":
        say("the text was cut at --max-tokens")
    for run in written.repeats:
        say(f"repeats another person's words: {run}")
