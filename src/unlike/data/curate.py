"""Curation of raw reviews (DPL, appendix A): every threshold a setting, repeated until nothing changes.

Works on keys and lengths alone; the texts are read once from the raw files and once more, for the records that stay,
at the end. So tens of millions of reviews fit one machine.
"""

import json
import shutil
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from unlike.data import parquet_rows
from unlike.data.corpus import Corpus
from unlike.data.folder import FILES, QUARANTINE, SPLITS, building, write_manifest
from unlike.data.sources import Source
from unlike.data.split import Split, count_without_peers, split
from unlike.data.staging import stage_items, stage_records
from unlike.data.steps import ANY, WITH_CASES, Step, Steps
from unlike.data.tables.log import ReadLog
from unlike.errors import InputError
from unlike.settings import CurateSettings

TIME_PAPER = "DPL has nothing to compare there; run with --time paper, which reads all texts of others"


def curate(
    source: Source, settings: CurateSettings, out: Path | str, notify: Callable[[str], object] = warnings.warn
) -> Corpus:
    """Turn raw files into a corpus folder, and open it.

    Args:
        source: The raw files, from ``unlike.data.sources``.
        settings: Thresholds; ``unlike.settings.CURATE_PRESETS`` has some.
        out: The folder to make; a corpus that is there is replaced.
        notify: Called with each warning about the corpus, in one line.

    Raises:
        InputError: The input is not usable, nothing survives, or the folder cannot be written.
    """
    for warning in write_corpus(source, settings, out)["warnings"]:
        notify(warning)
    return Corpus.open(out)


def write_corpus(source: Source, settings: CurateSettings, out: Path | str) -> dict[str, Any]:
    """``curate`` without opening what it made; returns the manifest."""
    with (
        building(Path(out)) as folder,
        closing(ReadLog(folder / QUARANTINE)) as log,
        _keep_quarantine_on_error(log, folder / QUARANTINE, Path(out)),
    ):
        stage = folder / "stage"
        stage.mkdir()
        records = stage_records(source, stage / "records", log)
        items = stage_items(source, records, stage / "items", log)
        source = source.without_empty(records, items)
        steps = Steps(settings)
        with _values_on_error(log):
            kept = unique_ids(curated(records, items, source, settings, steps))
            parts = split(kept, settings)
            _count_split(parts, kept, settings, steps)
        _write_tables(parts, records, items, folder)
        shutil.rmtree(stage)
        log.close()
        peers = count_without_peers(parts)
        return write_manifest(
            folder,
            _facts(source, settings, steps, kept, parts)
            | {"quarantined": log.count, "reading": log.facts() | {"markup_kept": source.reading.keep_markup}}
            | {
                "peers": peers,
                "warnings": [*log.warnings(), *_warnings_of_cases(parts), *_warnings_of_time(source, kept, peers)],
            },
        )


@contextmanager
def _keep_quarantine_on_error(log: ReadLog, file: Path, out: Path) -> Generator[None]:
    """Where no corpus is made, malformed lines are a likely cause: keep them beside the folder and name the file."""
    kept = out.absolute().with_name(f"{out.name}.{QUARANTINE}")
    try:
        yield
    except InputError as error:
        if not log.count:
            raise
        log.close()
        shutil.copyfile(file, kept)
        raise InputError(f"{error}; {log.count:,} malformed lines, with reasons: {kept.name}") from error
    kept.unlink(missing_ok=True)


@contextmanager
def _values_on_error(log: ReadLog) -> Generator[None]:
    """Where nothing is left, values that cannot be read are a likely cause: the error names them."""
    try:
        yield
    except InputError as error:
        raise InputError("; ".join([str(error), *log.unreadable()])) from error


def _warnings_of_cases(parts: Split) -> list[str]:
    """A warning where fewer than half of the users have cases, since results are then about few of them."""
    n, n_with = (keys["user_id"].n_unique() for keys in (parts.records, parts.cases))
    if n_with * 2 >= n or n_with == 0:  # none where no targets are asked for
        return []
    return [
        f"only {n_with:,} of {n:,} users have cases; to get more, lower --train-targets (cases that only training needs), "
        "--min-profile or --min-profile-reviewers"
    ]


def _warnings_of_time(source: Source, kept: pl.DataFrame, peers: Mapping[str, int]) -> list[str]:
    """What makes the times unusable for methods that compare with others."""
    if not source.has("timestamp"):
        return [f"the records have no timestamp, so nothing was written before anything else: {TIME_PAPER}"]
    if kept.height > 1 and kept["timestamp"].n_unique() == 1:
        return [f"all records have the same timestamp, so nothing was written before anything else: {TIME_PAPER}"]
    n, without = peers["cases"], peers["without_as_of"]
    if without * 2 > n:
        return [f"{without:,} of {n:,} cases have no text of others before them: {TIME_PAPER}"]
    return []


def curated(
    records: pl.LazyFrame, items: pl.LazyFrame, source: Source, settings: CurateSettings, steps: Steps
) -> pl.DataFrame:
    """The keys of the records that all rules leave.

    Returns:
        row, id, user_id, item_id, timestamp.
    """
    keys = _complete_records(records, source, settings, steps)
    if source.items is not None:
        keys = keys.join(items.select("item_id").unique().collect(engine="streaming"), on="item_id", how="semi")
        steps.count(f"items that {source.items.name} has", keys)
    keys = _on_described_items(keys, items, source, settings, steps)
    # Sorted once; of what repeats, the latest stays.
    keys = keys.sort("timestamp", "id", "row")
    keys = keys.unique(["user_id", "item_id"], keep="last", maintain_order=True)
    steps.count("latest text per user and item", keys)
    keys = keys.unique(["user_id", "text_hash", "n_chars"], keep="last", maintain_order=True)
    steps.count("no repeated texts of a user", keys)
    return to_fixed_point(keys, settings, steps).select("row", "id", "user_id", "item_id", "timestamp")


def _complete_records(records: pl.LazyFrame, source: Source, settings: CurateSettings, steps: Steps) -> pl.DataFrame:
    """The records that pass the rules which look at one record alone."""
    present = {"title": pl.col("title").str.strip_chars() != "", "rating": pl.col("rating").is_not_null(),
               "timestamp": pl.col("timestamp").is_not_null()}  # fmt: skip
    present = {name: rule.fill_null(False) for name, rule in present.items() if source.has(name)}
    needed = ("title", "rating", "timestamp") if settings.require_title_and_rating else ("timestamp",)
    complete = pl.all_horizontal(pl.lit(True), *(present[name] for name in needed if name in present))
    n_left = (pl.col("user_id").n_unique(), pl.col("item_id").n_unique(), pl.len())
    n_missing = ((~rule).sum().alias(name) for name, rule in present.items())
    users, items, n, *missing = records.select(*n_left, *n_missing).collect(engine="streaming").row(0)
    steps.note(Step("read", users, items, n))
    steps.missing = dict(zip(present, missing, strict=True))
    all_complete = records.filter(complete)
    left = all_complete.filter(pl.col("n_chars") >= settings.min_chars)

    def counted(name: str, some: pl.LazyFrame) -> Step:
        return Step(name, *some.select(*n_left).collect(engine="streaming").row(0))

    def longest(lower: CurateSettings) -> bool:
        found = all_complete.select(pl.col("n_chars").max()).collect(engine="streaming").item()
        return found >= lower.min_chars

    steps.note(counted(" and ".join(", ".join(needed).rsplit(", ", 1)), all_complete))
    steps.note(counted("long enough", left), "min_chars", leaves=longest)
    id_ = pl.coalesce(pl.col("record_id").replace("", None), pl.format("{}:{}", "user_id", "item_id"))
    return left.select(
        "row", "user_id", "item_id", "n_chars", "text_hash", pl.col("timestamp").fill_null(0), id=id_
    ).collect(engine="streaming")


def _on_described_items(
    keys: pl.DataFrame, items: pl.LazyFrame, source: Source, settings: CurateSettings, steps: Steps
) -> pl.DataFrame:
    """The records on items that pass the rules about items."""

    def left(given: CurateSettings) -> pl.DataFrame:
        return keys.join(_described_items(items, source, given), on="item_id", how="semi")

    found = left(settings)
    steps.count("items with title and description", found, ANY, leaves=lambda given: left(given).height > 0)
    return found


def _described_items(items: pl.LazyFrame, source: Source, settings: CurateSettings) -> pl.DataFrame:
    """Ids of the items that pass the rules about items; of an item that is there twice the first counts."""
    rules = [pl.lit(True)]
    if source.items_have("title"):
        rules.append(pl.col("title").str.strip_chars() != "")
    if settings.description_chars and source.items_have("description"):
        rules.append(pl.col("description").str.len_chars().is_between(*settings.description_chars))
    if settings.require_categories and source.items_have("categories"):
        rules.append(pl.col("categories").str.len_chars() > len("[]"))
    if settings.require_categories and source.items_have("rating_number"):
        rules.append(pl.col("rating_number") > 0)
    passing = items.select("item_id", "row", passes=pl.all_horizontal(rules).fill_null(False))
    first = passing.collect(engine="streaming").sort("row").unique("item_id", keep="first", maintain_order=True)
    return first.filter("passes").select("item_id")


def to_fixed_point(keys: pl.DataFrame, settings: CurateSettings, steps: Steps) -> pl.DataFrame:
    """Drop items with too few reviewers and users with too few or too many records until nothing changes.

    Both are counted before either is dropped, so the result does not depend on which comes first. Counted are numbers
    that stand for the ids, an array each: every pass costs milliseconds where it took seconds by the ids.
    """
    users, items = _numbered(keys["user_id"]), _numbered(keys["item_id"])
    left = np.arange(keys.height)

    def leaves(lower: CurateSettings) -> bool:
        return all(len(stay) for stay in _passes(users, items, lower))

    for number, left in enumerate(_passes(users, items, settings), 1):
        n_users, n_items = (int(np.count_nonzero(np.bincount(numbers[left]))) for numbers in (users, items))
        step = Step(f"reviewers and records, pass {number}", n_users, n_items, len(left))
        steps.note(step, "min_records", "min_reviewers", leaves=leaves)
    return keys[left]


def _passes(
    users: NDArray[np.uint32], items: NDArray[np.uint32], settings: CurateSettings
) -> Iterator[NDArray[np.int64]]:
    """The places of the records that each pass leaves."""
    left = np.arange(len(users))
    while True:
        written, reviewers = np.bincount(users[left]), np.bincount(items[left])
        enough = (written >= settings.min_records) & (written <= settings.max_records)
        stays = enough[users[left]] & (reviewers >= settings.min_reviewers)[items[left]]
        if stays.all():
            return
        left = left[stays]
        yield left


def _numbered(ids: pl.Series) -> NDArray[np.uint32]:
    """A number for each id, the same for the same id."""
    return ids.cast(pl.Categorical).to_physical().to_numpy()


def unique_ids(keys: pl.DataFrame) -> pl.DataFrame:
    """In the order of the files, ids that are there more than once numbered from their second time on."""
    keys = keys.sort("row")
    again = pl.int_range(pl.len()).over("id")
    while keys["id"].n_unique() < keys.height:  # a number may make an id that a later record has
        keys = keys.with_columns(id=pl.when(again > 0).then(pl.format("{}~{}", "id", again)).otherwise("id"))
    return keys


def _count_split(parts: Split, kept: pl.DataFrame, settings: CurateSettings, steps: Steps) -> None:
    if settings.drop_unshared:
        steps.count("profile records on shared items", parts.records, "min_profile_reviewers")
    if settings.test_targets + settings.val_targets + settings.train_targets == 0:
        return
    users = parts.cases.select("user_id").unique()
    left = parts.records.join(users, on="user_id", how="semi")
    thresholds = ("min_profile", "min_profile_reviewers", "train_targets")
    steps.count(WITH_CASES, left, *thresholds, leaves=lambda lower: split(kept, lower).cases.height > 0)


def _write_tables(parts: Split, records: pl.LazyFrame, items: pl.LazyFrame, folder: Path) -> None:
    """Join the texts once, white space normalised, in the order of the files."""
    records_file, items_file, cases_file = (folder / name for name in FILES)
    kept = parts.records.select("row", "id").sort("row").lazy()
    records.join(kept, on="row", how="inner", maintain_order="left").select(
        "id", "user_id", "item_id", _tidy("text"), _tidy("title"), "rating", pl.col("timestamp").fill_null(0)
    ).sink_parquet(records_file, compression="zstd", row_group_size=50_000)
    used = parts.records.select("item_id").unique()
    known = items.join(used.lazy(), on="item_id", how="semi").collect(engine="streaming").sort("row")
    parquet_rows.write(_item_table(known), items_file)
    wanted = parts.cases.select("id", "split").lazy()
    cases = pl.scan_parquet(records_file).join(wanted, on="id", how="inner").rename({"text": "reference"}).collect()
    parquet_rows.write(parquet_rows.in_order(cases), cases_file)


def _item_table(known: pl.DataFrame) -> pl.DataFrame:
    first = known.unique("item_id", keep="first", maintain_order=True).sort("item_id")
    attributes = [
        _attributes(categories, n) for categories, n in first.select("categories", "rating_number").iter_rows()
    ]
    return first.select(
        _tidy("title"), _tidy("description"), id="item_id", attributes=pl.Series(attributes, dtype=pl.String)
    ).select(*parquet_rows.ITEMS)


def _attributes(categories: str | None, rating_number: float | None) -> str:
    known = {
        "categories": json.loads(categories) if categories else None,
        "rating_number": rating_number and int(rating_number),
    }
    return json.dumps({name: value for name, value in known.items() if value}, ensure_ascii=False)


def _tidy(column: str) -> pl.Expr:
    return pl.col(column).fill_null("").str.replace_all(r"\s+", " ").str.strip_chars()


def _facts(source: Source, settings: CurateSettings, steps: Steps, kept: pl.DataFrame, parts: Split) -> dict[str, Any]:
    cases = dict(parts.cases["split"].value_counts().iter_rows())
    return {
        "source": source.facts(),
        "settings": asdict(settings),
        "steps": steps.rows(),
        "missing": steps.missing,
        "curated": _sizes(kept),
        "corpus": _sizes(parts.records),
        "split": {name: cases.get(name, 0) for name in SPLITS},
    }


def _sizes(keys: pl.DataFrame) -> dict[str, int]:
    return {"users": keys["user_id"].n_unique(), "items": keys["item_id"].n_unique(), "records": keys.height}
