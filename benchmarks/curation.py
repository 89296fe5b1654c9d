"""Curation of up to ten million invented reviews: time and memory, and against the same rules in plain Python.

Every size has a process of its own. A run of all sizes puts its figures and a plot into the docs.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.own_process import alone, peak_mb
from benchmarks.results import REPOSITORY, commit, machine
from benchmarks.row import Row
from benchmarks.synthetic import write_reviews

if TYPE_CHECKING:
    from benchmarks.plain_curation import Review

SIZES, QUICK = (1_000_000, 3_000_000, 10_000_000), (50_000, 150_000)
EVERYTHING = 571_540_000
"""Reviews in Amazon Reviews 2023."""
FASTER, FASTER_FROM_FILES, MOST_GB = 20.0, 5.0, 6.0
TIME_GROWTH, MEMORY_GROWTH = 1.0, 1.2
PRESET = "dpl-paper"
PAGE, PLOT = REPOSITORY / "docs" / "curation.md", REPOSITORY / "docs" / "curation.png"
HEADING = "\n## Time and memory\n"


@dataclass(frozen=True)
class Measured:
    """A curation: reviews read, seconds, and the most memory that its process held, in GB."""

    n: int
    s: float
    gb: float


def main(quick: bool = False) -> list[Row]:
    """The rules against plain Python, then time and memory over the sizes."""
    sizes = QUICK if quick else SIZES
    with tempfile.TemporaryDirectory(prefix="unlike-curation-") as folder:
        first = _files(Path(folder), sizes[0])
        rows = alone(_against_plain, *first)
        measured = [alone(_curated, *(first if n == sizes[0] else _files(Path(folder), n)), n) for n in sizes]
    if not quick:
        _document(measured)
    return [*rows, *_growth(measured)]


def _files(folder: Path, n: int) -> tuple[Path, Path]:
    """The files of n reviews, those of the size before removed."""
    for file in folder.glob("*.jsonl"):
        file.unlink()
    return write_reviews(folder, n)


def _curated(reviews: Path, items: Path, n: int) -> Measured:
    from unlike.data.curate import write_corpus
    from unlike.data.sources import amazon_2023
    from unlike.settings import CURATE_PRESETS

    with tempfile.TemporaryDirectory(dir=reviews.parent) as folder:
        started = time.perf_counter()
        write_corpus(amazon_2023(reviews, items), CURATE_PRESETS[PRESET], Path(folder) / "corpus")
        return Measured(n, time.perf_counter() - started, peak_mb() / 1000)


def _against_plain(reviews: Path, items: Path) -> list[Row]:
    """The fixed point alone, from the same rows in memory; and everything from the files on."""
    import polars as pl

    from benchmarks import plain_curation
    from unlike.data.curate import to_fixed_point, write_corpus
    from unlike.data.sources import amazon_2023
    from unlike.data.steps import Steps
    from unlike.settings import CURATE_PRESETS

    settings = CURATE_PRESETS[PRESET]
    rows: list[Review] = plain_curation.before_the_fixed_point(reviews, items, settings)
    columns = {"row": [row.row for row in rows], "user_id": [row.user for row in rows]}
    keys = pl.DataFrame(columns | {"item_id": [row.item for row in rows]})
    our_s, ours = _timed(lambda: set(to_fixed_point(keys, settings, Steps(settings))["row"].to_list()))
    their_s, theirs = _timed(lambda: {row.row for row in plain_curation.to_fixed_point(rows, settings)})
    assert ours == theirs, "the same records stay"
    with tempfile.TemporaryDirectory(dir=reviews.parent) as folder:
        corpus = Path(folder) / "corpus"
        whole_s, _ = _timed(lambda: write_corpus(amazon_2023(reviews, items), settings, corpus))
        kept = set(pl.read_parquet(corpus / "records.parquet", columns=["id"])["id"].to_list())
    plain_s, plain = _timed(lambda: plain_curation.curated(reviews, items, settings))
    assert kept == {row.id for row in plain}, "the same records stay"
    what, facts = "the same in plain Python", {"records_kept": len(kept)}
    return [
        Row("curation: the fixed point", what, their_s / our_s, FASTER,
            facts=facts | {"s": round(our_s, 3), "their_s": round(their_s, 2)}),
        Row("curation: from raw files to a corpus folder", f"{what}, without writing it", plain_s / whole_s, FASTER_FROM_FILES,
            facts=facts | {"s": round(whole_s, 1), "their_s": round(plain_s, 1)}),
    ]  # fmt: skip


def _timed(work: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    made = work()
    return time.perf_counter() - started, made


def _growth(measured: Sequence[Measured]) -> list[Row]:
    small, large = measured[0], measured[-1]
    facts = {
        f"{one.n:,}": f"{one.s:.1f} s, {one.n / one.s:,.0f} reviews per second, {one.gb:.2f} GB" for one in measured
    }
    hours, gb = _projected(measured)
    facts |= {f"projected to {EVERYTHING:,}": f"{hours:.1f} hours, {gb:.0f} GB"}
    times, sizes = large.s / small.s, large.n / small.n
    return [
        Row(f"curation of {large.n:,} reviews: peak memory", "", large.gb, MOST_GB, "GB", at_most=True, facts=facts),
        Row(
            f"curation of {large.n:,} reviews: time a review",
            f"that of {small.n:,}",
            times / sizes,
            TIME_GROWTH,
            at_most=True,
            facts=facts,
        ),
        Row(
            f"curation of {large.n:,} reviews: memory a review",
            f"that of {small.n:,}",
            large.gb / small.gb / sizes,
            MEMORY_GROWTH,
            at_most=True,
            facts=facts,
        ),
    ]


def _projected(measured: Sequence[Measured]) -> tuple[float, float]:
    """Hours and GB for everything: straight lines through the figures."""
    import numpy as np

    n = [one.n for one in measured]
    seconds, gb = (np.polyval(np.polyfit(n, values, 1), EVERYTHING) for values in (
        [one.s for one in measured], [one.gb for one in measured]))  # fmt: skip
    return float(seconds) / 3600, float(gb)


def _document(measured: Sequence[Measured]) -> None:
    """The figures in the docs, with a plot."""
    hours, gb = _projected(measured)
    here, large = machine(), measured[-1]
    lines = [f"| {one.n:,} | {one.s:.0f} s | {one.n / one.s:,.0f} | {one.gb:.1f} GB |" for one in measured]
    told = f"""
Invented reviews (users and items follow Zipf's law), from JSON lines on disk to a corpus folder with `--preset {PRESET}`,
on {here["cores"]} cores ({here["processor"]}), commit {commit()}:

| reviews | time | reviews per second | peak memory |
|---|---|---|---|
{chr(10).join(lines)}

![Time and memory over the number of reviews](curation.png)

Both grow in a straight line. Continued to the {EVERYTHING:,} reviews of Amazon Reviews 2023 it gives {hours:.1f} hours and
{gb:.0f} GB of memory on one such machine, for all categories at once; one category at a time, as the papers do it, takes as
much memory as the largest of them. `make bench` measures it again.
"""
    PAGE.write_text(PAGE.read_text(encoding="utf-8").partition(HEADING)[0] + HEADING + told, encoding="utf-8")
    _plot(measured)
    assert large.gb < gb, "more reviews take more memory"


def _plot(measured: Sequence[Measured]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    millions = [one.n / 1e6 for one in measured]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for axes, values, label in (
        (left, [one.s for one in measured], "seconds"),
        (right, [one.gb for one in measured], "GB, peak"),
    ):
        axes.plot(millions, values, marker="o", color="#2b6cb0")
        axes.set(xlabel="million reviews", ylabel=label, xlim=(0, None), ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PLOT, dpi=120, metadata={"Software": None})
    pyplot.close(figure)
