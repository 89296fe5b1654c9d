"""``unlike curate``: raw reviews to a corpus folder, one command per data set."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unlike.cli.groups import Group
from unlike.cli.options import Json, pairs
from unlike.cli.output import new_console, print_table, say
from unlike.errors import InputError
from unlike.progress import n_of
from unlike.settings import CURATE_PRESETS, CurateSettings, checked

if TYPE_CHECKING:
    from unlike.data.sources import Source

curate = typer.Typer(
    cls=Group,
    help="Turn raw reviews into a corpus: records, items, and cases to evaluate methods on.",
    no_args_is_help=True,
)

FORMATS = (
    ".jsonl, .json, .csv, .tsv (plain, .gz, .bz2, .xz, .zst, .zip), .parquet, a folder of them, or - for standard input"
)
Reviews = Annotated[Path, typer.Option(help=f"File with the reviews: {FORMATS}.")]
Items = Annotated[Path | None, typer.Option(help="File with the items. Default: items as the reviews describe them.")]
Table = Annotated[Path, typer.Argument(help=f"File with the texts: {FORMATS}.")]
Map = Annotated[
    list[str] | None,
    typer.Option(
        help="FIELD=COLUMN, or FIELD=- to leave a field out; may be repeated. Fields: user_id, item_id, text, record_id, "
        "title, rating, timestamp, item_title, item_description. Default: the column named like the field."
    ),
]
ItemMap = Annotated[
    list[str] | None,
    typer.Option(
        help="FIELD=COLUMN, as --map, in --items. Fields: item_id, title, description, categories, rating_number."
    ),
]
Out = Annotated[Path, typer.Option(help="Folder of the corpus; an existing corpus is replaced.")]

THRESHOLDS: dict[str, object] = {
    "preset": Annotated[
        str,
        typer.Option(
            help=f"Preset of the thresholds below, each of which its own option replaces: {', '.join(CURATE_PRESETS)}."
        ),
    ],
    "min_records": Annotated[int | None, typer.Option(help="Minimum number of records per user.")],
    "max_records": Annotated[int | None, typer.Option(help="Maximum number of records per user.")],
    "min_reviewers": Annotated[int | None, typer.Option(help="Minimum number of distinct reviewers per item.")],
    "min_chars": Annotated[int | None, typer.Option(help="Minimum number of characters per text.")],
    "description_chars": Annotated[
        str | None, typer.Option(help="Length of an item's description in characters: MIN:MAX, or any.")
    ],
    "test_targets": Annotated[int | None, typer.Option(help="Test cases per user: the most recent records.")],
    "val_targets": Annotated[int | None, typer.Option(help="Validation cases per user: the records before those.")],
    "train_targets": Annotated[int | None, typer.Option(help="Training cases per user: the records before those.")],
    "min_profile": Annotated[
        int | None, typer.Option(help="Minimum number of records on shared items per user before the oldest case.")
    ],
    "min_profile_reviewers": Annotated[
        int | None, typer.Option(help="Minimum number of reviewers of an item that counts as shared.")
    ],
}
"""Options; each overrides the preset."""


Encoding = Annotated[str, typer.Option(help="Encoding of text files, such as cp1252. Default: recognised.")]
Delimiter = Annotated[str, typer.Option(help="Delimiter of CSV. Default: recognised.")]
TimeUnit = Annotated[str, typer.Option(help="Unit of numeric times: s, ms, us or ns. Default: by their range.")]
TimeFormat = Annotated[
    list[str] | None,
    typer.Option(
        help="Format of times in words, such as %d/%m/%Y; may be repeated: the first that fits counts. Default: recognised."
    ),
]
KeepMarkup = Annotated[bool, typer.Option("--keep-markup", help="Keep HTML tags and entities in the texts.")]
MaxMalformed = Annotated[float, typer.Option(help="Maximum share of malformed lines; with more, the file is refused.")]
READING: dict[str, object] = {
    "encoding": Encoding,
    "delimiter": Delimiter,
    "time_unit": TimeUnit,
    "time_format": TimeFormat,
    "keep_markup": KeepMarkup,
    "max_malformed": MaxMalformed,
}
"""How files are read: the fields of ``tables.fields.Reading``."""


def settings_from(preset: str, **thresholds: object) -> CurateSettings:
    """A preset with some thresholds changed.

    Args:
        preset: Its name.
        thresholds: By option; None for one that stays, and ``description_chars`` as MIN:MAX or any.

    Raises:
        InputError: There is no such preset, or a threshold is not allowed.
    """
    from dataclasses import asdict

    if preset not in CURATE_PRESETS:
        raise InputError(f"no preset {preset!r}; allowed are {', '.join(CURATE_PRESETS)}")
    changes = {name: value for name, value in thresholds.items() if value is not None}
    if "description_chars" in changes:
        changes["description_chars"] = _range(str(changes["description_chars"]))
    return checked(CurateSettings, asdict(CURATE_PRESETS[preset]) | changes, "thresholds")


def add_options(command: Callable[..., None], own: Sequence[inspect.Parameter], preset: str = "dpl-paper") -> None:
    """Set the options of a command that makes a corpus: its own, --out, --json and the thresholds."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    options = [*(parameter.replace(kind=keyword) for parameter in own)]
    options.append(inspect.Parameter("out", keyword, annotation=Out))
    for name, annotation in THRESHOLDS.items():
        default = preset if name == "preset" else None
        options.append(inspect.Parameter(name, keyword, annotation=annotation, default=default))
    options.append(inspect.Parameter("json", keyword, annotation=Json, default=False))
    command.__signature__ = inspect.Signature(options)  # pyright: ignore[reportFunctionMemberAccess] - typer reads it


def show_manifest(manifest: Mapping[str, Any], out: Path, as_json: bool) -> None:
    """Print the sizes after each step of curation, and the next command."""
    from rich.table import Table as Grid

    console = new_console()
    if as_json:
        console.print_json(data=manifest)
        return
    grid = Grid("step", title=f"{manifest['source']['name']} → {out}")
    for column in ("users", "items", "records"):
        grid.add_column(column, justify="right")
    for step in manifest["steps"]:
        grid.add_row(step["step"], *(f"{step[name]:,}" for name in ("users", "items", "records")))
    print_table(grid, console)
    lines = [_corpus_line(manifest)]
    lines.append("cases: " + ", ".join(f"{n:,} {name}" for name, n in manifest["split"].items()))
    lines += _reading_notes(manifest, out)
    console.print("\n".join([*lines, f"next: unlike corpus {out}"]), soft_wrap=True)
    warn(manifest)


def _corpus_line(manifest: Mapping[str, Any]) -> str:
    """The sizes of the corpus; where the last step counts fewer, why."""
    from unlike.data.steps import WITH_CASES

    sizes = manifest["corpus"]
    line = "corpus: " + ", ".join(f"{n:,} {name}" for name, n in sizes.items())
    last = manifest["steps"][-1] if manifest["steps"] else {"step": ""}
    if last["step"] != WITH_CASES or last["users"] == sizes["users"]:
        return line
    n_users, n_records = (sizes[name] - last[name] for name in ("users", "records"))
    stay = f"{n_of(n_users, 'user')} without cases and their {n_of(n_records, 'record')}, to compare with"
    return f"{line}; the table's last row leaves out {stay}"


def _reading_notes(manifest: Mapping[str, Any], out: Path) -> Iterator[str]:
    """What was assumed about the files, and what was left out."""
    reading = manifest.get("reading", {})
    if missing := {name: n for name, n in manifest.get("missing", {}).items() if n}:
        counts = ", ".join(f"{name} in {n:,}" for name, n in missing.items())
        needed = missing if manifest["settings"]["require_title_and_rating"] else missing.keys() & {"timestamp"}
        what = f"records without {' or '.join(needed)} are left out" if needed else "these records stay"
        yield f"missing: {counts} of {n_of(manifest['steps'][0]['records'], 'record')}; {what}"
    for what, how in reading.get("assumed", {}).items():
        yield f"{what}: {how}"
    if n := reading.get("texts_with_markup"):
        yield f"{n_of(n, 'text')} had HTML markup, which was removed (--keep-markup keeps it)"
    if n := manifest["quarantined"]:
        yield f"{n_of(n, 'malformed line')}, with reasons: {out / 'quarantine.jsonl'}"


def warn(manifest: Mapping[str, Any]) -> None:
    """Print the warnings about a corpus on standard error."""
    for warning in manifest.get("warnings", ()):
        say(f"warning: {warning}")


def _range(text: str) -> tuple[int, int] | None:
    low, _, high = text.partition(":")
    if text == "any":
        return None
    if not (low.isdecimal() and high.isdecimal() and int(low) <= int(high)):
        raise InputError(f"--description-chars is {text!r}; give MIN:MAX such as 100:2000, or any")
    return int(low), int(high)


def _source_command(name: str) -> Callable[[Callable[..., "Source"]], Callable[..., "Source"]]:
    """Make a command of a function that returns a source; it also gets --out, --json and the thresholds."""

    def register(read: Callable[..., "Source"]) -> Callable[..., "Source"]:
        own = inspect.signature(read).parameters

        def command(out: Path, json: bool, preset: str, **options: object) -> None:
            from unlike.data.curate import write_corpus
            from unlike.data.folder import is_corpus
            from unlike.data.tables.fields import Reading

            reading = checked(Reading, {name: options.pop(name) for name in READING}, "options")
            source = replace(read(**{name: options.pop(name) for name in own}), reading=reading)
            existed = is_corpus(out)
            manifest = write_corpus(source, settings_from(preset, **options), out)
            if existed:
                say(f"the corpus in {out} is replaced")
            show_manifest(manifest, out, json)

        command.__doc__ = read.__doc__
        add_options(command, [*own.values(), *_reading_options()])
        curate.command(name)(command)
        return read

    return register


def _reading_options() -> list[inspect.Parameter]:
    """The parameters of how files are read."""
    from unlike.data.tables.fields import Reading

    keyword = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(name, keyword, annotation=annotation, default=getattr(Reading(), name))
        for name, annotation in READING.items()
    ]


SOURCES = {
    "amazon-2023": "Amazon Reviews 2023: the reviews and the metadata of one category.",
    "amazon-2014": "Amazon product data of 2014 or 2018, also the 5-cores: reviews and metadata.",
    "yelp": "Yelp's open data set: review.json and business.json.",
    "goodreads": "Goodreads' reviews and books.",
}
"""Data sets with a file of reviews and one of items, each with its help."""


def _add_source(name: str, about: str) -> None:
    def read(reviews: Reviews, items: Items = None) -> "Source":
        from unlike.data import sources

        return getattr(sources, name.replace("-", "_"))(reviews, items)

    read.__doc__ = about
    _source_command(name)(read)


for _name, _about in SOURCES.items():
    _add_source(_name, _about)


@_source_command("table")
def table(file: Table, map: Map = None, items: Items = None, item_map: ItemMap = None) -> "Source":
    """Any table with a user, an item and a text in every row."""
    from unlike.data import sources

    columns = pairs(map or (), "--map", "user_id=author")
    return sources.table(file, columns, items, pairs(item_map or (), "--item-map", "item_id=id"))


@curate.command("dpl-hub")
def dpl_hub(
    main: Annotated[str, typer.Argument(help="Hub id or saved folder of DPL-main or DPL-Yelp.")],
    out: Out,
    meta: Annotated[
        str | None,
        typer.Argument(help="Hub id or saved folder of DPL-meta; none for DPL-Yelp, whose rows name the items."),
    ] = None,
    category: Annotated[str | None, typer.Option(help="Books, CDs_and_Vinyl or Movies_and_TV.")] = None,
    json: Json = False,
) -> None:
    """DPL's published data, curated and split by its authors."""
    from unlike.data import hub

    show_manifest(hub.dpl_hub(main, meta, category).write(out), out, json)
