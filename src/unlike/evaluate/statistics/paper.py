"""The papers' own figures (``published.csv``), shown only beside the same corpus, split, model, settings and metric.

DPL's tables 1, 2, 6 and 7 are missing from the available texts of the paper. Figures of a judge (S-72B) are not included,
because their rubric is not ours. DEP's table 9 prints the row of table 7 "w/o DR" again as "w/o
Guidance", so one of the two is an error of the paper.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from unlike.data.corpus import Corpus
from unlike.evaluate.statistics.measured import MeasuredRun

FILE = Path(__file__).with_name("published.csv")
METRICS = ("rouge1", "meteor", "bleu", "bertscore")
TEST_CASES = {"Books": 317, "Movies & TV": 1925, "CDs & Vinyl": 1754}
"""Test cases of each data set that DPL's authors published."""

_SAMPLING = {"temperature": "0.8", "top_p": "0.95"}
_RETRIEVAL = {"n_records": "8", "retriever": "bm25"}
_COMPARISON = {"n_peers": "4", "selector": "kmeans", "dimensions": "None"}
_SETTINGS = {"non_perso": {}, "dpl": _RETRIEVAL | _COMPARISON, "dep": {}, "pplug": {}}
"""By method: the settings that matter, with their values in the papers; ``_RETRIEVAL`` for all other methods."""
_ADAPTER = {
    "dep": {"n_records": "8", "signals": "his+diff", "with_text": "True", "with_note": "True", "reduction": "sae"},
    "pplug": {"kind": "pplug"},
}


@dataclass(frozen=True, slots=True)
class Published:
    """The figures of a paper for one variant.

    Attributes:
        table: Where they are printed, such as "DPL, table 8".
        figures: By metric.
    """

    table: str
    figures: Mapping[str, float]


def published(runs: Sequence[MeasuredRun], corpus: Corpus) -> Published | None:
    """The paper's figures for a variant; None unless every run has its corpus, split, model and settings.

    Args:
        runs: Runs of the variant.
        corpus: Corpus of the runs.
    """
    data_set = data_set_of(corpus)
    if not data_set or not all(_covers_split(run, corpus) and _samples_alike(run) for run in runs):
        return None
    method = str(runs[0].facts["method"])
    for row in _rows():
        is_candidate = row["data_set"] == data_set and row["method"] == method
        if is_candidate and all(_is_model(row["llm"], run) and _has_settings(row, run) for run in runs):
            return Published(row["table"], {name: float(row[name]) for name in METRICS if row[name]})
    return None


def data_set_of(corpus: Corpus) -> str:
    """The papers' data set that a corpus is: a category of DPL-main with all its test cases; "" for any other corpus."""
    source = corpus.manifest["source"]
    if source.get("name") != "dpl-hub" or source.get("main") != "DPL-main":
        return ""
    name = str(source.get("category")).replace("_and_", " & ").replace("_", " ")
    return name if TEST_CASES.get(name) == len(corpus.cases("test")) else ""


def _covers_split(run: MeasuredRun, corpus: Corpus) -> bool:
    return run.facts["split"] == "test" and {row.case_id for row in run.rows} == {c.id for c in corpus.cases("test")}


def _samples_alike(run: MeasuredRun) -> bool:
    return _as_text(run.facts["settings"], _SAMPLING) == _SAMPLING


def _is_model(name: str, run: MeasuredRun) -> bool:
    """Whether the run's LLM is this model, under whatever owner or folder and in whatever engine, but not quantised."""
    return re.search(rf"(?:^|[:/]){re.escape(name)}(?::bfloat16)?$", str(run.facts["llm"]), re.IGNORECASE) is not None


def _has_settings(row: Mapping[str, str], run: MeasuredRun) -> bool:
    printed = dict(pair.split("=") for pair in row["settings"].split())
    method, adapter = row["method"], _ADAPTER.get(row["method"])
    if adapter is not None:
        wanted = adapter | printed
        return _as_text(run.facts.get("adapter") or {}, wanted) == wanted
    wanted = _SETTINGS.get(method, _RETRIEVAL) | printed
    return _as_text(run.facts["settings"], wanted) == wanted


def _as_text(settings: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """Those settings as ``published.csv`` writes them."""
    found = {name: settings.get(name) for name in names}
    return {name: "+".join(value) if isinstance(value, list | tuple) else str(value) for name, value in found.items()}


@cache
def _rows() -> tuple[Mapping[str, str], ...]:
    with FILE.open(encoding="utf-8", newline="") as lines:
        return tuple(csv.DictReader(lines))
