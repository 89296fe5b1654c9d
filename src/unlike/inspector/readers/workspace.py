"""A folder under inspection: its runs, their values and corpora, each opened once and reopened when it changes."""

import threading
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from unlike.data.corpus import Corpus
from unlike.errors import CustomCodeFailed, InputError, MissingPart, NotMeasurable, UnlikeError
from unlike.evaluate.metrics import Metric, open_metric
from unlike.evaluate.metrics.score import score
from unlike.evaluate.metrics.texts import ScoredText
from unlike.evaluate.metrics.values import values_of
from unlike.evaluate.report.answer import answer
from unlike.evaluate.report.page import render_body
from unlike.evaluate.running.likelihood import FILE as LIKELIHOOD
from unlike.evaluate.running.likelihood import LOGLIK, read_likelihood
from unlike.evaluate.running.run_method import GENERATIONS, corpus_folder, read_run, task_of
from unlike.evaluate.statistics.findings import Findings
from unlike.evaluate.statistics.measured import language_of_cases
from unlike.inspector.readers.case_details import others_read
from unlike.inspector.readers.run_folders import FINDINGS, Rows, RunFolder, list_runs, read_findings
from unlike.language import Language
from unlike.records import Generation

METRICS = ("rouge1", "rougeL", "meteor", "bleu_sentence", "length_ratio", "distinct2", "leakage")
"""Metrics offered for every run; each is computed when it is shown."""
_MAX_CACHED = 64

T = TypeVar("T")


class Workspace:
    """The folder that an inspector shows, with a cache of opened files and computed values.

    Args:
        where: A run folder, an experiment folder, a folder of runs, or a corpus folder.
        corpus: The corpus folder, if it has moved since the runs.
        llm: URI of the runs' LLM, where run.json has none that can be opened.
        embedder: Encoder for maps; "" for that of the runs.

    Attributes:
        where: The folder.
    """

    def __init__(self, where: Path, corpus: Path | None = None, llm: str = "", embedder: str = "") -> None:
        self.where = where
        self._moved_corpus = corpus
        self._llm = llm
        self._embedder = embedder
        self._cache: dict[Hashable, Any] = {}
        self._locks: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def runs(self) -> list[RunFolder]:
        """All runs; damaged ones have a reason."""
        return list_runs(self.where)

    def run(self, name: str) -> RunFolder:
        """The run of that name.

        Raises:
            InputError: There is none, or it is damaged.
        """
        for found in self.runs():
            if found.name == name:
                if found.damage:
                    raise InputError(found.damage)
                return found
        raise InputError(f"no run {name[:80]!r} here; take one from the list of runs")

    def rows(self, name: str) -> Rows:
        """The rows of a run.

        Raises:
            InputError: There is no such run, or it is damaged.
        """
        folder = self.run(name).folder
        return self.cached(("rows", folder, _version_of(folder / GENERATIONS)), lambda: Rows(folder))

    def values(self, name: str, metric: str) -> dict[str, float]:
        """The value of each case of a run, by case id.

        Raises:
            InputError: No such run or metric, or the run is damaged.
            MissingPart: The metric needs something that is not installed.
        """
        run = self.run(name)
        if metric == LOGLIK:
            return self.likelihood_of(run)
        measure = of_cases(metric)
        what = ("values", run.folder, metric, _version_of(run.folder / GENERATIONS))
        return self.cached(what, lambda: self._measured(run, measure))

    def _measured(self, run: RunFolder, metric: Metric) -> dict[str, float]:
        others = None
        if metric.needs == "peers":
            corpus = self.corpus_of(run)
            others = {row.case_id: others_read(row, corpus) for row in read_run(run.folder)[0]}
        scores = score([run.folder], [metric.name], others, language=self.language_of(run))
        note = next((row.note for row in scores.rows if row.note), "")
        if note:
            raise InputError(f"{metric.label} of run {run.name}: {note}")
        return {case: value for values in scores.per_case.values() for case, value in values.items()}

    def likelihood_of(self, run: RunFolder) -> dict[str, float]:
        """The likelihood of the real texts of a run, by case id; empty where it was not measured."""
        path = run.folder / LIKELIHOOD
        return self.cached((LOGLIK, path, _version_of(path)), lambda: _likelihood(run.folder))

    def language_of(self, run: RunFolder) -> Language | None:
        """The language of the real texts of a run, by which it and each of its cases are measured."""
        what = ("language", run.folder, _version_of(run.folder / GENERATIONS))
        return self.cached(what, lambda: language_of_cases(read_run(run.folder)[0]))

    def findings(self) -> Findings | None:
        """The findings of an experiment or a report; None where there are none yet.

        Raises:
            InputError: It is damaged.
        """
        path = self.where / FINDINGS
        return self.cached(("findings", path, _version_of(path)), lambda: read_findings(self.where))

    def report(self) -> dict[str, Any] | None:
        """The findings as the report shows them: title, answer, and the rest as HTML; None where there are none yet."""
        found = self.findings()
        if found is None:
            return None
        html = self.cached(("report", _version_of(self.where / FINDINGS)), lambda: render_body(found))
        return {"title": found.title, "answer": answer(found), "html": html, "has_gains": bool(found.gains)}

    def llm_of(self, run: RunFolder) -> str:
        """URI of the LLM that a run was made with; an experiment appends a digest, which is removed."""
        return self._llm or str(run.facts.get("llm_uri") or run.facts.get("llm") or "").partition("#")[0]

    def embedder(self) -> str:
        """Name of the encoder for maps: the given one, that of the runs, or the packaged one."""
        of_runs = (str(run.facts.get("embedder") or "") for run in self.runs())
        return self._embedder or next((name for name in of_runs if name), "minilm")

    def dimensions_of(self, run: RunFolder) -> list[str]:
        """Names of the dimensions that a run compared along; none where its prompts are gone."""
        try:
            task = task_of(run.folder, run.facts)
            return [dimension.name for dimension in task.standard(run.facts["settings"].get("dimensions"))]
        except (UnlikeError, KeyError, TypeError):
            return []

    def corpus(self) -> Corpus:
        """The corpus: the folder itself, or that of the runs.

        Raises:
            InputError: There is none.
        """
        if (self.where / "manifest.json").is_file():
            return self.corpus_at(self.where)
        run = next((run for run in self.runs() if not run.damage), None)
        if run is None:
            raise InputError(f"no readable run in {self.where}, so no corpus; give one with --corpus")
        return self.corpus_of(run)

    def corpus_of(self, run: RunFolder) -> Corpus:
        """The corpus that a run was made on.

        Raises:
            InputError: It is not at the path in run.json.
        """
        return self.corpus_at(corpus_folder(run.folder, run.facts, self._moved_corpus))

    def corpus_at(self, path: Path) -> Corpus:
        """An opened corpus folder."""
        return self.cached(("corpus", path, _version_of(path / "manifest.json")), lambda: Corpus.open(path))

    def cached(self, key: Hashable, make: Callable[[], T]) -> T:
        """A cached value; a missing one is computed once, also where several threads need it."""
        with self._lock:
            mine = self._locks.setdefault(key, threading.Lock())
        with mine:
            with self._lock:
                if key in self._cache:
                    return cast(T, self._cache[key])
            made = make()
            with self._lock:
                self._cache[key] = made
                for old in list(self._cache)[:-_MAX_CACHED]:
                    del self._cache[old]
                    self._locks.pop(old, None)
            return made


def of_cases(name: str) -> Metric:
    """A metric that has a value for each case.

    Raises:
        InputError: The name is unknown, or the metric is one of all texts together.
    """
    metric = open_metric(name)
    if metric.per_case is None:
        raise InputError(f"metric {name!r} is one of all texts together; of single cases there is bleu_sentence")
    return metric


def metrics_of(run: RunFolder) -> list[dict[str, Any]]:
    """The metrics that a run has values of per case: name, label and scale."""
    names = [open_metric(name) for name in METRICS]
    found = [{"name": metric.name, "label": metric.label, "scale": metric.scale} for metric in names]
    if (run.folder / LIKELIHOOD).is_file():
        found.insert(0, {"name": LOGLIK, "label": "Log-likelihood", "scale": "per token"})
    return found


def _likelihood(folder: Path) -> dict[str, float]:
    return {row.case_id: row.loglik for row in read_likelihood(folder) if row.loglik is not None}


def _version_of(path: Path) -> tuple[int, int]:
    """Time of the last change of a file, and its size."""
    try:
        seen = path.stat()
    except OSError:
        return (0, 0)
    return (seen.st_mtime_ns, seen.st_size)


def values_of_case(
    row: Generation, corpus: Corpus | None, loglik: float | None, language: Language | None
) -> list[dict[str, Any]]:
    """All metrics of one case: name, label, scale and value, or the reason why there is none.

    Args:
        row: Of the run.
        corpus: Of the run; None where it is missing.
        loglik: The likelihood of the real text, where it was measured.
        language: Of the run; one text alone may seem to be of another.
    """
    found = [open_metric(name) for name in METRICS]
    values = [_of_case(metric, row, corpus, language) for metric in found] if row.text is not None else []
    if loglik is not None:
        values.insert(0, {"name": LOGLIK, "label": "Log-likelihood", "scale": "per token", "value": loglik, "note": ""})
    return values


def _of_case(metric: Metric, row: Generation, corpus: Corpus | None, language: Language | None) -> dict[str, Any]:
    value, note = None, ""
    try:
        value = _measured_alone(metric, row, corpus, language)
    except (InputError, MissingPart, NotMeasurable, CustomCodeFailed) as error:
        note = str(error)
    return {"name": metric.name, "label": metric.label, "scale": metric.scale, "value": value, "note": note}


def _measured_alone(metric: Metric, row: Generation, corpus: Corpus | None, language: Language | None) -> float | None:
    against: Sequence[str] | str | None = row.reference
    if metric.needs == "peers":
        if corpus is None:
            raise InputError("the corpus is not there")
        against = others_read(row, corpus)
    if against is None and metric.needs == "reference":
        raise InputError("there is no real text")
    assert metric.per_case, f"metric {metric.name} is one of single cases"
    text = ScoredText(row.case_id, row.text or "", ())
    (value,) = values_of(metric, [text], [against], () if metric.tokens is None else (language,))
    return value
