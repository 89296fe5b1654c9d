"""``unlike corpus``: what a corpus holds, and a corpus made from the consenting users of a store."""

import inspect
from pathlib import Path
from typing import Annotated

import typer

from unlike.cli.curate import add_options, settings_from, show_manifest, warn
from unlike.cli.groups import Group
from unlike.cli.options import Json, MasterAt, StoreAt, TenantName
from unlike.cli.output import day_and_time, print_facts, print_json, say
from unlike.store.open import STORE_PARTS, Place, need, open_tenant


class _ShowsByDefault(Group):
    """``unlike corpus DIR`` means ``unlike corpus show DIR``."""

    default = "show"


corpus = typer.Typer(
    cls=_ShowsByDefault,
    help="Show what is in a corpus (unlike corpus DIR), or make one from a store.",
    no_args_is_help=True,
)


@corpus.command("show")
def show(folder: Annotated[Path, typer.Argument(help="A corpus folder.")], as_json: Json = False) -> None:
    """Show what is in a corpus: sizes, cases, lengths, times, how much can be compared, and a sample record."""
    from unlike.data.corpus import Corpus
    from unlike.data.corpus_facts import facts_of

    opened = Corpus.open(folder)
    facts = facts_of(opened)
    if as_json:
        print_json(facts)
        return
    sample = facts.pop("sample")
    if sample:
        sample["timestamp"] = f"{day_and_time(sample['timestamp'])} UTC"
    print_facts(facts, str(folder))
    typer.echo("a record:")
    for name, value in ((name, value) for name, value in sample.items() if value not in ("", None)):
        typer.echo(f"  {name}: {value}")
    warn(opened.manifest)
    typer.echo(f"next: unlike run --corpus {folder} --method dpl --llm llama.cpp:smollm2 --limit 5 --out RUN")


def _export(
    store: StoreAt,
    tenant: TenantName = "default",
    master: MasterAt = "",
    *,
    out: Path,
    json: bool,
    preset: str,
    **thresholds: object,
) -> None:
    """Make a corpus from the users who agree to both uses of their records, to compare methods on it.

    A corpus folder holds texts and user ids unencrypted, and no later erasure reaches it.
    """
    need(STORE_PARTS)
    from unlike.memory.corpus_export import write_corpus_of

    settings = settings_from(preset, **thresholds)
    with open_tenant(Place(store, tenant, master, say)) as opened:
        manifest = write_corpus_of(opened, settings, out)
    show_manifest(manifest, out, json)
    say(f"{out} holds texts and user ids unencrypted; when a user is erased from the store, export it again")


_parameters = inspect.signature(_export).parameters.values()
add_options(_export, [each for each in _parameters if each.kind is each.POSITIONAL_OR_KEYWORD], preset="small")
corpus.command("export")(_export)
