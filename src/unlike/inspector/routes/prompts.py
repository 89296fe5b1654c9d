"""The exact prompts of a case: its method is walked again over the same corpus, with the journal for an LLM."""

import sqlite3
from contextlib import closing
from dataclasses import asdict

from fastapi import APIRouter
from starlette.responses import Response

from unlike.api import open_kit
from unlike.config import MethodSettings, vector_file
from unlike.data.corpus import Corpus
from unlike.door import wait_for
from unlike.errors import InputError, UnlikeError
from unlike.evaluate.running.progress import journal_of, open_to_read
from unlike.evaluate.running.replay import Replayed, Unasked, prompts_of
from unlike.evaluate.statistics.measured import calls_in
from unlike.inspector.readers.run_folders import RunFolder
from unlike.inspector.readers.workspace import Workspace
from unlike.inspector.routes.parameters import CaseId, Here, RunName, sent
from unlike.llm.backend import Backend
from unlike.llm.open import open_llm
from unlike.methods.kit import Kit
from unlike.methods.table import ADAPTED
from unlike.records import Case, Generation

router = APIRouter(prefix="/inspect/api", tags=["runs"])
NOT_ALL = "could not be made again as sent: the corpus, the templates or the way tokens are counted differ from those of the run"


@router.get("/case/prompts")
def prompts(here: Here, run: RunName, case: CaseId) -> Response:
    """Every call of a case, with its prompt and its answer. Takes a while where the encoder must be loaded."""
    found = here.run(run)
    method = str(found.facts["method"])
    if method in ADAPTED:
        raise InputError(f"the prompts of {method!r} hold vectors; what these carry is on the page Latent")
    row, corpus = here.rows(run).row(case), here.corpus_of(found)
    journal = journal_of(found.folder)
    if journal is None:
        raise InputError("the journal is not beside this run, so there is nothing to check a prompt against")
    with closing(open_to_read(journal)) as db:
        replayed = _walked(here, found, corpus, row, db)
    note = f"{replayed.n_unknown} prompt{'s' * (replayed.n_unknown > 1)} {NOT_ALL}" if replayed.n_unknown else ""
    return sent({"calls": [asdict(call) for call in replayed.sent], "note": note})


def _walked(here: Workspace, run: RunFolder, corpus: Corpus, row: Generation, db: sqlite3.Connection) -> Replayed:
    """The case walked again: with estimated token counts where nothing had to be left out, else with the model's own."""
    case, method = _case(corpus, row), str(run.facts["method"])
    model = _model(row, db)
    kit = here.once(("kit", run.folder, model), lambda: _kit(corpus, run, Unasked(model)))
    replayed = wait_for(prompts_of(case, method, kit, db))
    backend = _real(here.llm_of(run)) if replayed.n_unknown else None
    if backend is None:
        return replayed
    try:
        again = wait_for(prompts_of(case, method, _kit(corpus, run, backend), db))
    finally:
        wait_for(backend.aclose())
    return again if len(again.sent) > len(replayed.sent) else replayed


def _kit(corpus: Corpus, run: RunFolder, backend: Backend) -> Kit:
    """The run's collaborators once more."""
    given = dict(run.facts["settings"])
    dimensions = given.pop("dimensions", None)
    try:
        settings = MethodSettings(**given, dimensions=None if dimensions is None else tuple(dimensions))
    except TypeError as error:
        raise InputError(f"run {run.name} has settings of another version: {error}") from error
    embedder, task = (str(run.facts.get(name) or "") for name in ("embedder", "task"))
    if not embedder:
        raise InputError(f"run {run.name} does not say which embedder it had")
    return open_kit(corpus, backend, embedder, settings, vectors=vector_file(), task=task)


def _case(corpus: Corpus, row: Generation) -> Case:
    try:
        return corpus.case(row.case_id)
    except InputError as error:
        raise InputError(f"the corpus has no case {row.case_id!r}; is it that of the run?") from error


def _model(row: Generation, db: sqlite3.Connection) -> str:
    """The model as the journal names it: by a call of this case, else by any."""
    keys = [str(call.get("key", "")) for call in calls_in(row.trace)]
    marks = ",".join("?" * len(keys[:500]))
    found = db.execute(f"SELECT model FROM calls WHERE key IN ({marks}) LIMIT 1", keys[:500]).fetchone()
    found = found or db.execute("SELECT model FROM calls LIMIT 1").fetchone()
    if not found:
        raise InputError("the journal of this run is empty")
    return str(found[0])


def _real(uri: str) -> Backend | None:
    """The run's own LLM, for its token counts; None where it cannot be opened here."""
    try:
        return open_llm(uri)
    except UnlikeError:
        return None
