"""Runs and experiments on disk: the list, the values and cases of a run, one case, two runs compared.

Functions are plain ``def``: FastAPI runs them in worker threads, since they read files and measure texts.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter
from starlette.responses import Response

from unlike.errors import InputError
from unlike.evaluate.running.likelihood import LOGLIK
from unlike.evaluate.running.progress import FILE as PROGRESS
from unlike.evaluate.running.progress import calls_in_journal, journal_of, read_progress
from unlike.evaluate.running.run import GENERATIONS, JOURNAL, RUN
from unlike.inspector.readers.case_details import case_details, title_of
from unlike.inspector.readers.distribution import distribution, thinned
from unlike.inspector.readers.run_folders import FINDINGS, Head, RunFolder
from unlike.inspector.readers.workspace import Workspace, metrics_of, of_cases, values_of_case
from unlike.inspector.routes.parameters import CaseId, Here, Limit, MetricName, Offset, RunName, Search, page, sent

router = APIRouter(prefix="/inspect/api", tags=["runs"])
SHOWN_FACTS = (
    "method",
    "variant",
    "apart",
    "split",
    "sample",
    "llm",
    "embedder",
    "task",
    "n_cases",
    "n_done",
    "n_failed",
)
COUNTS = ("n_calls", "n_cached", "n_calls_failed", "prompt_tokens", "completion_tokens", "wall_s")
MOST_POINTS = 2_000
MOST_EXTREMES = 12
LIVE_S = 15.0
"""A journal written to so lately, and after all results, is one that somebody is writing."""
_RESULTS = (FINDINGS, RUN, f"*/{RUN}", f"runs/*/{RUN}")
_UNDER_WAY = (PROGRESS, JOURNAL, f"{JOURNAL}-wal")
Order = Literal["up", "down"]


@router.get("/runs")
def list_runs(here: Here, seen: str = "") -> Response:
    """All runs, and how far they are; nothing but ``changed: false`` where the caller has seen this already."""
    stamp, age_s = _stamp(here.where)
    if seen == stamp:
        return sent({"stamp": stamp, "changed": False, "age_s": age_s})
    runs = here.runs()
    return sent(
        {
            "stamp": stamp,
            "changed": True,
            "age_s": age_s,
            "live": _is_live(here.where),
            "name": here.where.resolve().name,
            "runs": [_listed(run) for run in runs],
            "has_findings": (here.where / FINDINGS).is_file(),
            "progress": _plain(read_progress(here.where)),
            "calls": [_plain(call) for call in _calls(here.where)],
        }
    )


@router.get("/report")
def report(here: Here) -> Response:
    """What the experiment found, as its report shows it; null where there is no report yet."""
    return sent(here.report())


@router.get("/run")
def one_run(here: Here, run: RunName) -> Response:
    """Facts of a run, and what can be measured of its cases."""
    found = here.run(run)
    return sent(
        {
            "name": found.name,
            "facts": dict(found.facts),
            "metrics": metrics_of(found),
            "others": [other.name for other in here.runs() if other.name != found.name and not other.damage],
            "has_adapter": bool(found.facts["settings"].get("adapter")),
        }
    )


@router.get("/run/values")
def values(here: Here, run: RunName, metric: MetricName) -> Response:
    """The distribution of a metric over the cases of a run; of very many cases the ends and an even part of the rest."""
    of_case = here.values(run, metric)
    rows = here.rows(run)
    points = [(head.case_id, head.user_id, of_case[head.case_id]) for head in rows.heads if head.case_id in of_case]
    shown = thinned(sorted(points, key=lambda point: (point[2], point[0])), MOST_POINTS)
    return sent(
        {
            **_named(metric),
            **distribution([value for *_, value in points]),
            "n_missing": len(rows.heads) - len(points),
            "points": shown,
        }
    )


@router.get("/run/cases")
def cases(
    here: Here,
    run: RunName,
    metric: MetricName = "",
    sort: MetricName = "",
    order: Order = "down",
    search: Search = "",
    status: Literal["", "done", "failed"] = "",
    offset: Offset = 0,
    limit: Limit = 25,
) -> Response:
    """A page of the cases of a run, with their values of a metric; sorted by a metric, cases without a value come last."""
    heads = [head for head in here.rows(run).heads if _fits(head, search, status)]
    by_metric = here.values(run, sort) if sort and sort not in _COLUMNS else None
    rows, about = page(_sorted(heads, sort, order, by_metric), offset, limit)
    shown = here.values(run, metric) if metric else by_metric or {}
    corpus, _ = _corpus(here, here.run(run))
    listed = [
        _plain(head) | {"value": shown.get(head.case_id), "item_title": title_of(head.item_id, corpus)} for head in rows
    ]
    return sent({**about, "rows": listed})


@router.get("/case")
def case(here: Here, run: RunName, case: CaseId) -> Response:
    """A case whole: what the method read, thought and wrote."""
    found, rows = here.run(run), here.rows(run)
    row = rows.row(case)
    corpus, missing = _corpus(here, found)
    before, after = rows.around(case)
    about = case_details(row, corpus, here.dimensions_of(found))
    around = {"run": found.name, "before": before, "after": after, "corpus_missing": missing}
    beside = [other.name for other in here.runs() if other.name != found.name and not other.damage]
    return sent({**about, **around, "beside": beside})


@router.get("/case/values")
def case_values(here: Here, run: RunName, case: CaseId) -> Response:
    """The metrics of one case."""
    found = here.run(run)
    row = here.rows(run).row(case)
    return sent(values_of_case(row, _corpus(here, found)[0], here.likelihood_of(found).get(case)))


@router.get("/compare")
def compare(here: Here, left: str, right: str, metric: MetricName) -> Response:
    """Two runs case by case: every case both have a value for, and where the right one gains and loses most."""
    ours, theirs = here.values(left, metric), here.values(right, metric)
    user_of = {head.case_id: head.user_id for head in here.rows(left).heads}
    both = [(case, user_of[case], ours[case], theirs[case]) for case in user_of if case in ours and case in theirs]
    by_gain = sorted(both, key=lambda point: (point[3] - point[2], point[0]))
    return sent(
        {
            **_named(metric),
            "n": len(both),
            "left": distribution([point[2] for point in both]),
            "right": distribution([point[3] for point in both]),
            "gain": distribution([point[3] - point[2] for point in both]),
            "n_one_only": len(ours.keys() ^ theirs.keys()),
            "points": thinned(by_gain, MOST_POINTS),
            "gains": [point for point in reversed(by_gain[-MOST_EXTREMES:]) if point[3] > point[2]],
            "losses": [point for point in by_gain[:MOST_EXTREMES] if point[3] < point[2]],
        }
    )


_COLUMNS: dict[str, Callable[[Head], Any]] = {
    "case_id": lambda head: head.case_id,
    "user_id": lambda head: (head.user_id, head.case_id),
    "n_words": lambda head: (head.n_words or 0, head.case_id),
    "status": lambda head: (head.status, head.case_id),
}


def _sorted(heads: Sequence[Head], sort: str, order: Order, measured: Mapping[str, float] | None) -> Sequence[Head]:
    if not sort:
        return heads
    if measured is None:
        return sorted(heads, key=_COLUMNS[sort], reverse=order == "down")
    sign = -1 if order == "down" else 1
    return sorted(heads, key=lambda head: (head.case_id not in measured, sign * measured.get(head.case_id, 0.0)))


def _fits(head: Head, search: str, status: str) -> bool:
    folded = search.casefold()
    return (not status or head.status == status) and (
        not search or any(folded in word.casefold() for word in (head.case_id, head.user_id, head.item_id))
    )


def _named(name: str) -> dict[str, Any]:
    if name == LOGLIK:
        return {"metric": name, "label": "Log-likelihood", "scale": "per token"}
    metric = of_cases(name)
    return {"metric": name, "label": metric.label, "scale": metric.scale}


def _listed(run: RunFolder) -> dict[str, Any]:
    facts = {name: run.facts.get(name) for name in (*SHOWN_FACTS, *COUNTS)}
    return {"name": run.name, "damage": run.damage, **facts}


def _calls(where: Path) -> list[Any]:
    journal = journal_of(where)
    return list(calls_in_journal(journal)) if journal else []


def _stamp(where: Path) -> tuple[str, float | None]:
    """A digest of when the files of interest were last written, and how long ago the last one was."""
    names = (*_RESULTS, *_UNDER_WAY, GENERATIONS, f"*/{GENERATIONS}", f"runs/*/{GENERATIONS}")
    seen = sorted((str(path), stat.st_mtime_ns, stat.st_size) for name in names for path, stat in _stats(where, name))
    age_s = max(0.0, time.time() - max(written for _, written, _ in seen) / 1e9) if seen else None
    return hashlib.sha256(repr(seen).encode("utf-8", "surrogateescape")).hexdigest()[:16], age_s


def _is_live(where: Path) -> bool:
    results, under_way = (
        max((stat.st_mtime for name in names for _, stat in _stats(where, name)), default=0.0)
        for names in (_RESULTS, _UNDER_WAY)
    )
    return under_way > results and time.time() - under_way < LIVE_S


def _stats(where: Path, pattern: str) -> list[tuple[Path, Any]]:
    found: list[tuple[Path, Any]] = []
    for path in where.glob(pattern):
        try:
            found.append((path, path.stat()))
        except OSError:
            continue  # gone since the folder was read
    return found


def _corpus(here: Workspace, run: RunFolder) -> tuple[Any, str]:
    """The corpus of a run, or why there is none."""
    try:
        return here.corpus_of(run), ""
    except InputError as error:
        return None, str(error)


def _plain(value: Any) -> Any:  # noqa: ANN401 - a dataclass or None
    return None if value is None else asdict(value)
