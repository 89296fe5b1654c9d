"""``unlike curate``: raw reviews to a corpus folder, one command a data set."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unlike.cli.listing import Listing
from unlike.config import CURATE_PRESETS, CurateSettings
from unlike.errors import InputError

if TYPE_CHECKING:
    from unlike.data.sources import Source

curate = typer.Typer(
    cls=Listing,
    help="Turn raw reviews into a corpus: records, items and cases to try methods on.",
    no_args_is_help=True,
)

FORMS = (
    ".jsonl, .json, .csv, .tsv (plain, .gz, .bz2, .xz, .zst, .zip), .parquet, a folder of them, or - for standard input"
)
Reviews = Annotated[Path, typer.Option(help=f"File with the reviews: {FORMS}.")]
Items = Annotated[Path | None, typer.Option(help="File with the items; without it they are what the reviews say.")]
Table = Annotated[Path, typer.Argument(help=f"File with the texts: {FORMS}.")]
Map = Annotated[
    list[str],
    typer.Option(
        help="OURS=THEIRS, repeatable. Ours: user_id, item_id, text, record_id, title, rating, timestamp, item_title, "
        "item_description."
    ),
]
ItemMap = Annotated[
    list[str], typer.Option(help="OURS=THEIRS in --items: item_id, title, description, categories, rating_number.")
]
Out = Annotated[Path, typer.Option(help="Folder to make; a corpus that is there is replaced.")]
Json = Annotated[bool, typer.Option("--json", help="Print the manifest.")]

OPTIONS: dict[str, Any] = {
    "preset": Annotated[str, typer.Option(help=f"Thresholds to start from: {', '.join(CURATE_PRESETS)}.")],
    "min_records": Annotated[int | None, typer.Option(help="Records a user needs.")],
    "max_records": Annotated[int | None, typer.Option(help="Records a user may have.")],
    "min_reviewers": Annotated[int | None, typer.Option(help="Distinct reviewers an item needs.")],
    "min_chars": Annotated[int | None, typer.Option(help="Characters a text needs.")],
    "description_chars": Annotated[str | None, typer.Option(help="Length of an item's description, LO:HI, or any.")],
    "test_targets": Annotated[int | None, typer.Option(help="Test cases a user gives: the most recent records.")],
    "val_targets": Annotated[int | None, typer.Option(help="Validation cases a user gives: those before.")],
    "train_targets": Annotated[int | None, typer.Option(help="Training cases a user gives: those before.")],
    "min_profile": Annotated[int | None, typer.Option(help="Shared records a user needs before the oldest target.")],
    "min_profile_reviewers": Annotated[int | None, typer.Option(help="Reviewers that make an item shared.")],
}
"""The thresholds; each overrides the preset."""
Encoding = Annotated[str, typer.Option(help="Of text files, such as cp1252; recognised where it is not given.")]
Delimiter = Annotated[str, typer.Option(help="Between the cells of CSV; recognised where it is not given.")]
TimeUnit = Annotated[str, typer.Option(help="Of numeric times: s, ms, us or ns; recognised by their range.")]
TimeFormat = Annotated[str, typer.Option(help="Of times in words, such as %d/%m/%Y; usual ones are recognised.")]
KeepMarkup = Annotated[bool, typer.Option("--keep-markup", help="Leave HTML tags and entities in the texts.")]
MaxMalformed = Annotated[float, typer.Option(help="Share of lines that may be malformed.")]
READING: dict[str, Any] = {
    "encoding": Encoding,
    "delimiter": Delimiter,
    "time_unit": TimeUnit,
    "time_format": TimeFormat,
    "keep_markup": KeepMarkup,
    "max_malformed": MaxMalformed,
}
"""How files are read: the fields of ``tables.fields.Reading``."""


def source_command(name: str) -> Callable[[Callable[..., "Source"]], Callable[..., "Source"]]:
    """Make a command of a function from files to a source: it gets --out, --json and the thresholds besides."""

    def register(read: Callable[..., "Source"]) -> Callable[..., "Source"]:
        own = inspect.signature(read).parameters

        def command(out: Path, json: bool, **options: Any) -> None:  # noqa: ANN401
            from unlike.data.curate import write_corpus
            from unlike.data.tables.fields import Reading

            reading = Reading(**{name: options.pop(name) for name in READING})
            source = replace(read(**{name: options.pop(name) for name in own}), reading=reading)
            show(write_corpus(source, settings_from(**options), out), out, json)

        command.__doc__ = read.__doc__
        command.__signature__ = with_thresholds([*own.values(), *reading_options()])  # type: ignore[attr-defined]
        curate.command(name)(command)
        return read

    return register


def reading_options() -> list[inspect.Parameter]:
    """The parameters that say how files are read."""
    from unlike.data.tables.fields import Reading

    keyword = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(name, keyword, annotation=annotation, default=getattr(Reading(), name))
        for name, annotation in READING.items()
    ]


def with_thresholds(own: list[inspect.Parameter], preset: str = "dpl-paper") -> inspect.Signature:
    """The parameters of a command that makes a corpus: its own, --out, --json and the thresholds."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    ours = [inspect.Parameter("out", keyword, annotation=Out)]
    for name, annotation in OPTIONS.items():
        default = preset if name == "preset" else None
        ours.append(inspect.Parameter(name, keyword, annotation=annotation, default=default))
    ours.append(inspect.Parameter("json", keyword, annotation=Json, default=False))
    return inspect.Signature([*(parameter.replace(kind=keyword) for parameter in own), *ours])


def settings_from(preset: str, description_chars: str | None = None, **thresholds: int | None) -> CurateSettings:
    """A preset with some thresholds changed.

    Raises:
        InputError: No such preset, or a threshold that cannot be.
    """
    if preset not in CURATE_PRESETS:
        raise InputError(f"no preset {preset!r}; allowed are {', '.join(CURATE_PRESETS)}")
    changes: dict[str, Any] = {name: value for name, value in thresholds.items() if value is not None}
    if negative := [name for name, value in changes.items() if value < 0]:
        raise InputError(f"--{negative[0].replace('_', '-')} is {changes[negative[0]]}; give 0 or more")
    if description_chars is not None:
        changes["description_chars"] = _range(description_chars)
    return replace(CURATE_PRESETS[preset], **changes)


def _range(text: str) -> tuple[int, int] | None:
    low, _, high = text.partition(":")
    if text == "any":
        return None
    if not (low.isdecimal() and high.isdecimal() and int(low) <= int(high)):
        raise InputError(f"--description-chars is {text!r}; give LO:HI such as 100:2000, or any")
    return int(low), int(high)


def show(manifest: Mapping[str, Any], out: Path, as_json: bool) -> None:
    """Print what was made of the input, and what to do next."""
    from rich.console import Console
    from rich.table import Table as Grid

    console = Console()
    if as_json:
        console.print_json(data=manifest)
        return
    grid = Grid("step", title=f"{manifest['source']['name']} → {out}")
    for column in ("users", "items", "records"):
        grid.add_column(column, justify="right")
    for step in manifest["steps"]:
        grid.add_row(step["step"], *(f"{step[name]:,}" for name in ("users", "items", "records")))
    console.print(grid)
    lines = ["curated: " + ", ".join(f"{n:,} {name}" for name, n in manifest["curated"].items())]
    lines.append("cases: " + ", ".join(f"{n:,} {name}" for name, n in manifest["split"].items()))
    lines += read_as(manifest, out)
    console.print("\n".join([*lines, f"next: unlike corpus {out}"]), markup=False, highlight=False, soft_wrap=True)
    warn(manifest)


def read_as(manifest: Mapping[str, Any], out: Path) -> Iterator[str]:
    """What was assumed of the files, and what was left out."""
    reading = manifest.get("reading", {})
    for what, how in reading.get("assumed", {}).items():
        yield f"{what}: {how}"
    if reading.get("texts_with_markup"):
        yield f"{reading['texts_with_markup']:,} texts had HTML markup, which was taken out (--keep-markup leaves it)"
    if manifest["quarantined"]:
        yield f"{manifest['quarantined']:,} malformed lines, with reasons: {out / 'quarantine.jsonl'}"


def warn(manifest: Mapping[str, Any]) -> None:
    """Say on standard error what is wrong with a corpus."""
    for warning in manifest.get("warnings", ()):
        typer.echo(f"warning: {warning}", err=True)


@source_command("amazon-2023")
def amazon_2023(reviews: Reviews, items: Items = None) -> "Source":
    """Amazon Reviews 2023: the reviews and the metadata of one category."""
    from unlike.data import sources

    return sources.amazon_2023(reviews, items)


@source_command("amazon-2014")
def amazon_2014(reviews: Reviews, items: Items = None) -> "Source":
    """Amazon product data of 2014 or 2018, also the 5-cores: reviews and metadata."""
    from unlike.data import sources

    return sources.amazon_2014(reviews, items)


@source_command("yelp")
def yelp(reviews: Reviews, items: Items = None) -> "Source":
    """Yelp's open data set: review.json and business.json."""
    from unlike.data import sources

    return sources.yelp(reviews, items)


@source_command("goodreads")
def goodreads(reviews: Reviews, items: Items = None) -> "Source":
    """Goodreads' reviews and books."""
    from unlike.data import sources

    return sources.goodreads(reviews, items)


@source_command("table")
def table(file: Table, map: Map = [], items: Items = None, item_map: ItemMap = []) -> "Source":  # noqa: B006
    """Any table with a user, an item and a text in every row."""
    from unlike.data import sources

    return sources.table(file, pairs(map, "--map"), items, pairs(item_map, "--item-map"))


def pairs(given: list[str], option: str) -> dict[str, str]:
    """The names in options OURS=THEIRS.

    Raises:
        InputError: One has another form.
    """
    split = [pair.partition("=") for pair in given]
    if wrong := [pair for pair, (ours, _, theirs) in zip(given, split, strict=True) if not (ours and theirs)]:
        raise InputError(f"{option} is {wrong[0]!r}; give OURS=THEIRS, such as user_id=author")
    return {ours: theirs for ours, _, theirs in split}


@curate.command("dpl-hub")
def dpl_hub(
    main: Annotated[str, typer.Argument(help="Hub id or saved folder of DPL-main.")],
    meta: Annotated[str, typer.Argument(help="Hub id or saved folder of DPL-meta.")],
    out: Out,
    category: Annotated[str | None, typer.Option(help="Books, CDs_and_Vinyl or Movies_and_TV.")] = None,
    json: Json = False,
) -> None:
    """DPL's published data, curated and split by its authors."""
    from unlike.data import hub

    show(hub.dpl_hub(main, meta, category).write(out), out, json)


assert set(OPTIONS) - {"preset"} <= {field.name for field in fields(CurateSettings)}
