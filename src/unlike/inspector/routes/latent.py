"""Explanations of a trained adapter: latent units with their top records, and what each part contributed to a text.

They load the frozen LLM, so they are computed on request, in a worker thread, one at a time. torch is imported only then.
"""

import threading
from collections.abc import Mapping
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from starlette.responses import Response

from unlike.data.corpus import Corpus
from unlike.embed.encoder import Encoder
from unlike.embed.open import open_encoder
from unlike.errors import InputError, MissingPart, how_to_install
from unlike.evaluate.running.run_method import task_of
from unlike.experiments.explain import EXPLAINED, AdapterRun, adapter_of, explain_row
from unlike.inspector.readers.run_folders import RunFolder
from unlike.inspector.readers.workspace import Workspace
from unlike.inspector.routes.parameters import CaseId, Here, RunName, ascii_json_response, page
from unlike.llm.open import open_llm
from unlike.records import Generation
from unlike.serve.routes.context import Limit, Offset
from unlike.settings import vector_file
from unlike.writing.loglik import ScoringEngine, scorer_of

if TYPE_CHECKING:
    from unlike.latent.explain import Explanation, Unit

router = APIRouter(prefix="/inspect/api/latent", tags=["latent"])
TOP_RECORDS = 5
TOP_UNITS = 8
TORCH = f"torch is not installed, which adapters need; {how_to_install('latent')}"
_one_at_a_time = threading.Lock()


@router.get("")
def runs(here: Here) -> Response:
    """Runs that used an adapter, each with the reason why it cannot be explained, if so."""
    found = [run for run in here.runs() if not run.damage and run.facts["settings"].get("adapter")]
    return ascii_json_response(
        {
            "runs": [{"name": run.name, "method": run.facts["method"], "why_not": why_not(run)} for run in found],
            "why_none": "" if found else "no run here used an adapter",
        }
    )


def why_not(run: RunFolder) -> str:
    """Why a run cannot be explained; "" where it can."""
    if run.facts["method"] != EXPLAINED:
        return f"method {run.facts['method']}: its vectors belong to no single record; only those of {EXPLAINED} do"
    if any(find_spec(part) is None for part in ("torch", "transformers")):
        return TORCH
    adapter = adapter_of(run.folder, run.facts)
    return "" if adapter.is_dir() else f"the adapter is not in {str(adapter)!r} any more"


@router.get("/units")
def units(
    here: Here,
    run: RunName,
    sort: Literal["unit", "usual", "peak", "contrast"] = "contrast",
    order: Literal["up", "down"] = "down",
    offset: Offset = 0,
    limit: Limit = 20,
) -> Response:
    """A page of latent units with the records they are most active for; by contrast: peak minus mean activation."""
    found = _checked(here, run)
    corpus = here.corpus_of(found)
    listed = [_unit(number, unit) for number, unit in enumerate(_units(here, found, corpus))]
    listed.sort(key=lambda row: (row[sort], row["unit"]), reverse=order == "down")
    rows, whole = page(listed, offset, limit)
    ids = {top["record_id"] for row in rows for top in row["top"]}
    return ascii_json_response({**whole, "rows": rows, "records": _records(corpus, ids)})


@router.get("/case")
def case(here: Here, run: RunName, case: CaseId, real: bool = False) -> Response:
    """How much each record, difference and unit contributed to a case's text, generated or real."""
    found = _checked(here, run)
    row, corpus = here.rows(found.name).row(case), here.corpus_of(found)
    text = row.reference if real else row.text
    if not text:
        raise InputError(f"case {case[:80]!r} has no {'real' if real else 'generated'} text; choose the other one")
    key = ("explained", found.folder, case, real)
    explanation = here.cached(key, lambda: _explain(found, corpus, row, text, here.llm_of(found)))
    ids = {share.record_id for share in explanation.vectors if share.record_id}
    return ascii_json_response({**asdict(explanation), "text": text, "records": _records(corpus, ids)})


def _checked(here: Workspace, name: str) -> RunFolder:
    found = here.run(name)
    why = why_not(found)
    if why == TORCH:
        raise MissingPart(why)
    if why:
        raise InputError(why)
    return found


def _encoder(run: RunFolder) -> Encoder:
    embedder = str(run.facts.get("embedder") or "")
    if not embedder:
        raise InputError(f"run {run.name} does not say which embedder it had")
    return open_encoder(embedder, vector_file())


def _units(here: Workspace, run: RunFolder, corpus: Corpus) -> "list[Unit]":
    from unlike.latent.adapter import load_adapter
    from unlike.latent.explain import top_records

    def make() -> "list[Unit]":
        with _one_at_a_time:
            return top_records(
                load_adapter(adapter_of(run.folder, run.facts)), _encoder(run), corpus.records(), TOP_RECORDS
            )

    return here.cached(("units", run.folder, corpus.hash), make)


def _explain(run: RunFolder, corpus: Corpus, row: Generation, text: str, uri: str) -> "Explanation":
    with _one_at_a_time:
        task = task_of(run.folder, run.facts)
        made_with = AdapterRun(corpus, _encoder(run), task, adapter_of(run.folder, run.facts))
        return explain_row(made_with, _engine(uri), row, text, TOP_UNITS)


def _engine(uri: str) -> ScoringEngine:
    """The frozen LLM.

    Raises:
        InputError: It cannot be opened.
    """
    try:
        return scorer_of(open_llm(uri))
    except InputError as error:
        raise InputError(f"the LLM of this run cannot be opened ({error}); start unlike inspect with --llm") from error


def _unit(number: int, unit: "Unit") -> dict[str, Any]:
    peak = unit.top[0].activation if unit.top else 0.0
    return {"unit": number, "peak": peak, "contrast": peak - unit.usual, **asdict(unit)}


def _records(corpus: Corpus, ids: set[str]) -> Mapping[str, Any]:
    found = [corpus.record(record_id) for record_id in sorted(ids)]
    return {record.id: asdict(record) | {"item_title": corpus.item(record.item_id).name} for record in found}
