"""``unlike generate``: the text a user would write about an item, from the user memory, by one LLM call."""

import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.open_memory import EmbedderName, LLMUri, SettingsAt, open_parts
from unlike.cli.open_store import PARTS, MasterAt, Place, StoreAt, TenantName, need, open_tenant, say
from unlike.errors import CallFailed, InputError

if TYPE_CHECKING:
    from unlike.memory.answers import Request, Written
    from unlike.memory.memory import Memory


def generate(
    user: Annotated[str, typer.Argument(help="For whom; one nobody has seen gets a plain text.")],
    store: StoreAt,
    llm: LLMUri,
    item: Annotated[str, typer.Option(help="Id of the item the text is about.")] = "",
    title: Annotated[str, typer.Option(help="Of the text, where it is given.")] = "",
    rating: Annotated[float | None, typer.Option(help="Of the item by the user, where it is given.")] = None,
    item_title: Annotated[str, typer.Option(help="What the item is called, where the store does not know it.")] = "",
    item_description: Annotated[str, typer.Option(help="What it is, where the store does not know it.")] = "",
    retrieved: Annotated[int, typer.Option(min=0, help="Own records to show, those that fit the request best.")] = 0,
    max_tokens: Annotated[int, typer.Option(min=1, help="New tokens.")] = 512,
    temperature: Annotated[float, typer.Option(min=0.0, help="Of the call.")] = 0.8,
    top_p: Annotated[float, typer.Option(min=0.0, max=1.0, help="Of the call.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Of the call.")] = 0,
    stream: Annotated[bool, typer.Option("--stream", help="Print the text while it is written.")] = False,
    embedder: EmbedderName = "",
    tenant: TenantName = "default",
    settings: SettingsAt = None,
    master: MasterAt = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer with what it was written from.")] = False,
) -> None:
    """Write what a user would write about an item. The text goes to standard output, what it is from to standard error.

    Exit status: 0; 3 where the call failed or the text repeated another person's words; 2 where nothing could be done.
    """
    need(PARTS)
    from unlike.memory.answers import Request
    from unlike.records import Item
    from unlike.store.records import Unknown
    from unlike.writing.guard import Repeated

    about = Item(item, item_title, item_description) if item_title or item_description else None
    if not (item or about):
        raise InputError("a text is about something: give --item, or --item-title and --item-description")
    request = Request(user, item, about, title, rating, max_tokens, temperature, top_p, seed, retrieved)
    parts = open_parts(settings, llm, embedder)
    with open_tenant(Place(store, tenant, master)) as opened:
        try:
            written = _wait(parts.memory(opened), request, _shown if stream and not as_json else None)
        except Unknown as error:
            raise InputError(
                f"no item {item!r} in the store; say what it is: --item-title and --item-description"
            ) from error
        except (CallFailed, Repeated) as error:
            typer.secho(f"unlike: {' '.join(str(error).split())}", fg="red", err=True)
            raise typer.Exit(3) from error
    if as_json:
        typer.echo(json.dumps(asdict(written), indent=2, ensure_ascii=False))
    elif not stream:
        typer.echo(written.text)
    _tell(written)


def _wait(memory: "Memory", request: "Request", on_piece: Callable[[str], None] | None) -> "Written":
    from unlike.door import wait_for

    async def write() -> "Written":
        try:
            return await (memory.generate(request) if on_piece is None else _streamed(memory, request, on_piece))
        finally:
            await memory.backend.aclose()

    return wait_for(write())


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


def _shown(piece: str) -> None:
    typer.echo(piece, nl=False)


def _tell(written: "Written") -> None:
    say(
        f"from: {written.rung.replace('_', ' ')} ({written.why}); "
        f"{written.prompt_tokens:,} + {written.completion_tokens:,} tokens"
    )
    if written.finish_reason == "length":
        say("the text was cut at --max-tokens")
    for run in written.repeats:
        say(f"repeats another person's words: {run}")
