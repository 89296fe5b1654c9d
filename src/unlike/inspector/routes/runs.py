"""Runs and experiments: the list, the values and cases of a run, one case, two runs compared.

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
from unlike.evaluate.running.run_method import GENERATIONS, JOURNAL, RUN
from unlike.inspector.readers.case_details import case_details, title_of
from unlike.inspector.readers.distribution import distribution, thinned
from unlike.inspector.readers.run_folders import FINDINGS, RowSummary, RunFolder
from unlike.inspector.readers.workspace import Workspace, metrics_of, of_cases, values_of_case
from unlike.inspector.routes.parameters import (
    CaseId,
    Here,
    MetricName,
    RunName,
    Search,
    ascii_json_response,
    page,
)
from unlike.serve.routes.context import Limit, Offset

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
MAX_POINTS = 2_000
MAX_EXTREMES = 12
LIVE_S = 15.0
"""A run is live if its journal is newer than all results, and changed within this time."""
_RESULTS = (FINDINGS, RUN, f"*/{RUN}", f"runs/*/{RUN}")
_IN_PROGRESS = (PROGRESS, JOURNAL, f"{JOURNAL}-wal")
Order = Literal["up", "down"]


@router.get("/runs")
def list_runs(here: Here, seen: str = "") -> Response:
    """All runs with their progress; only ``changed: false`` where ``seen`` is the current stamp."""
    stamp = _stamp(here.where)
    if seen == stamp:
        return ascii_json_response({"stamp": stamp, "changed": False})
    runs = here.runs()
    return ascii_json_response(
        {
            "stamp": stamp,
            "changed": True,
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
    """The findings of the experiment, as its report shows them; null where there is no report yet."""
    return ascii_json_response(here.report())


@router.get("/run")
def one_run(here: Here, run: RunName) -> Response:
    """Facts of a run, and the metrics of its cases."""
    found = here.run(run)
    return ascii_json_response(
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
    """The distribution of a metric over the cases of a run; of very many cases, a sample."""
    of_case = here.values(run, metric)
    rows = here.rows(run)
    points = [
        (summary.case_id, summary.user_id, of_case[summary.case_id])
        for summary in rows.summaries
        if summary.case_id in of_case
    ]
    shown = thinned(sorted(points, key=lambda point: (point[2], point[0])), MAX_POINTS)
    return ascii_json_response(
        {
            **_named(metric),
            **distribution([value for *_, value in points]),
            "n_missing": len(rows.summaries) - len(points),
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
    summaries = [summary for summary in here.rows(run).summaries if _fits(summary, search, status)]
    by_metric = here.values(run, sort) if sort and sort not in _COLUMNS else None
    rows, about = page(_sorted(summaries, sort, order, by_metric), offset, limit)
    shown = here.values(run, metric) if metric else by_metric or {}
    corpus, _ = _corpus(here, here.run(run))
    listed = [
        _plain(summary) | {"value": shown.get(summary.case_id), "item_title": title_of(summary.item_id, corpus)}
        for summary in rows
    ]
    return ascii_json_response({**about, "rows": listed})


@router.get("/case")
def case(here: Here, run: RunName, case: CaseId) -> Response:
    """One case: what the method read, found and wrote."""
    found, rows = here.run(run), here.rows(run)
    row = rows.row(case)
    corpus, missing = _corpus(here, found)
    before, after = rows.around(case)
    about = case_details(row, corpus, found.facts, here.dimensions_of(found))
    around = {"run": found.name, "before": before, "after": after, "corpus_missing": missing}
    beside = [other.name for other in here.runs() if other.name != found.name and not other.damage]
    return ascii_json_response({**about, **around, "beside": beside})


@router.get("/case/values")
def case_values(here: Here, run: RunName, case: CaseId) -> Response:
    """The metrics of one case."""
    found = here.run(run)
    row = here.rows(run).row(case)
    corpus, loglik = _corpus(here, found)[0], here.likelihood_of(found).get(case)
    return ascii_json_response(values_of_case(row, corpus, loglik, here.language_of(found)))


@router.get("/compare")
def compare(here: Here, left: str, right: str, metric: MetricName) -> Response:
    """Two runs case by case: cases that both have a value for, and the largest gains and losses of the right one."""
    ours, theirs = here.values(left, metric), here.values(right, metric)
    user_of = {summary.case_id: summary.user_id for summary in here.rows(left).summaries}
    both = [(case, user_of[case], ours[case], theirs[case]) for case in user_of if case in ours and case in theirs]
    by_gain = sorted(both, key=lambda point: (point[3] - point[2], point[0]))
    return ascii_json_response(
        {
            **_named(metric),
            "n": len(both),
            "left": distribution([point[2] for point in both]),
            "right": distribution([point[3] for point in both]),
            "gain": distribution([point[3] - point[2] for point in both]),
            "n_one_only": len(ours.keys() ^ theirs.keys()),
            "points": thinned(by_gain, MAX_POINTS),
            "gains": [point for point in reversed(by_gain[-MAX_EXTREMES:]) if point[3] > point[2]],
            "losses": [point for point in by_gain[:MAX_EXTREMES] if point[3] < point[2]],
        }
    )


_COLUMNS: dict[str, Callable[[RowSummary], Any]] = {
    "case_id": lambda summary: summary.case_id,
    "user_id": lambda summary: (summary.user_id, summary.case_id),
    "n_words": lambda summary: (summary.n_words or 0, summary.case_id),
    "status": lambda summary: (summary.status, summary.case_id),
}


def _sorted(
    summaries: Sequence[RowSummary], sort: str, order: Order, measured: Mapping[str, float] | None
) -> Sequence[RowSummary]:
    if not sort:
        return summaries
    if measured is None:
        return sorted(summaries, key=_COLUMNS[sort], reverse=order == "down")
    sign = -1 if order == "down" else 1
    return sorted(
        summaries, key=lambda summary: (summary.case_id not in measured, sign * measured.get(summary.case_id, 0.0))
    )


def _fits(summary: RowSummary, search: str, status: str) -> bool:
    folded = search.casefold()
    return (not status or summary.status == status) and (
        not search or any(folded in word.casefold() for word in (summary.case_id, summary.user_id, summary.item_id))
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


def _stamp(where: Path) -> str:
    """A digest of the times and sizes of all files of runs."""
    names = (*_RESULTS, *_IN_PROGRESS, GENERATIONS, f"*/{GENERATIONS}", f"runs/*/{GENERATIONS}")
    seen = sorted((str(path), stat.st_mtime_ns, stat.st_size) for name in names for path, stat in _stats(where, name))
    return hashlib.sha256(repr(seen).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _is_live(where: Path) -> bool:
    results, under_way = (
        max((stat.st_mtime for name in names for _, stat in _stats(where, name)), default=0.0)
        for names in (_RESULTS, _IN_PROGRESS)
    )
    return under_way > results and time.time() - under_way < LIVE_S


def _stats(where: Path, pattern: str) -> list[tuple[Path, Any]]:
    found: list[tuple[Path, Any]] = []
    for path in where.glob(pattern):
        try:
            found.append((path, path.stat()))
        except OSError:
            continue  # deleted since the folder was read
    return found


def _corpus(here: Workspace, run: RunFolder) -> tuple[Any, str]:
    """The corpus of a run, or why there is none."""
    try:
        return here.corpus_of(run), ""
    except InputError as error:
        return None, str(error)


def _plain(value: Any) -> Any:  # noqa: ANN401 - a dataclass or None
    return None if value is None else asdict(value)
