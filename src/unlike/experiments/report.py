"""The report of an experiment, or of run folders that exist already."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlike.errors import InputError
from unlike.evaluate.running.run_method import write_whole
from unlike.evaluate.running.run_plan import find, measure_all
from unlike.experiments.folder import PLAN, planned_metrics
from unlike.experiments.watch import SILENT_WATCH, Watch
from unlike.settings import as_list, as_path, vector_file

if TYPE_CHECKING:
    from unlike.evaluate.statistics.findings import Findings

REPORT = "report.html"
COMPARISON = "comparison.html"
"""Name of a report on an experiment's runs; the experiment's own has judges and prices too."""


@dataclass(frozen=True)
class Comparison:
    """The result of an experiment or a report.

    Attributes:
        findings: The tables, tests and curves.
        files: The report in all its formats.
    """

    findings: "Findings" = field(repr=False)
    files: tuple[Path, ...]

    @property
    def n_failed(self) -> int:
        """Failed cases of all runs."""
        return len(self.findings.failures)


def write_comparison(findings: "Findings", out: Path) -> Comparison:
    """Write the report of an experiment's findings.

    Args:
        findings: What was found.
        out: The HTML file; the other formats are written beside it.

    Raises:
        InputError: The name does not end in .html, or a file cannot be written.
    """
    from unlike.evaluate.report.page import write_report

    files = write_report(findings, out)  # it refuses a name that is no HTML file
    write_whole(out.with_suffix(".json"), json.dumps(asdict(findings), indent=1, ensure_ascii=False) + "\n")
    return Comparison(findings, tuple(files))


def report(
    runs: "Sequence[Path | str] | Path | str",
    out: Path | str | None = None,
    *,
    corpus: Path | str | None = None,
    embedder: str | None = None,
    watch: Watch = SILENT_WATCH,
    **options: object,
) -> Comparison:
    """Compare run folders that exist already.

    Args:
        runs: Run folders, or folders of experiments.
        out: The HTML file; None for report.html in the folder of the runs, or in the current one where there are several. In
            an experiment's folder, which has a report of its own, it is comparison.html.
        corpus: Corpus folder, where it has moved since the runs.
        embedder: Encoder for the uniqueness of users; None for that of the first run.
        watch: Shows progress.
        options: ``title``, ``metrics``, ``users`` as in an experiment file. Without metrics, those of the runs' experiment, or
            of several that agree, are taken.

    Raises:
        InputError: There is no finished run, the runs are on different corpora or splits, ``out`` is no HTML file, or a file
            would be overwritten that is no report.
    """
    from unlike.data.corpus import Corpus
    from unlike.embed.open import open_encoder
    from unlike.evaluate.report.page import check_free
    from unlike.evaluate.running.read_plan import plan_of
    from unlike.evaluate.running.run_method import corpus_folder, read_run

    named_runs = as_list(runs)
    file = Path(out or _default_file(named_runs))
    check_free(file)
    folders = [folder for path in named_runs for folder in finished_runs(Path(path))]
    if not folders:
        raise InputError("no runs to compare: give run folders, or folders of experiments")
    facts = [read_run(folder)[1] for folder in folders]
    n_corpora = len({fact["corpus_hash"] for fact in facts})
    if n_corpora > 1:
        raise InputError(f"these runs are on {n_corpora} corpora and cannot be compared; give runs on one corpus")
    splits = sorted({str(fact["split"]) for fact in facts})
    if len(splits) > 1:
        raise InputError(f"these runs are on the splits {', '.join(splits)}, so not comparable; give runs on one split")
    embedder = embedder or str(facts[0].get("embedder", "minilm")).removeprefix("sentence-transformers:")
    named = {"split": facts[0]["split"], "settings": facts[0]["settings"], "embedder": embedder}
    made = {str(fact["method"]) for fact in facts}
    if options.get("metrics") is None:
        options |= {"metrics": _metrics_of(named_runs)}
    options = {name: value for name, value in options.items() if value is not None}
    plan = plan_of({"title": "Comparison", "methods": _methods(facts)} | named | options, "report", made=made)
    opened = Corpus.open(corpus_folder(folders[0], facts[0], as_path(corpus)))
    encoder = open_encoder(embedder, vector_file(), watch.encoding)
    return write_comparison(find(plan, opened, encoder, measure_all(folders, plan, opened)), file)


def _default_file(runs: "Sequence[Path | str]") -> Path:
    if len(runs) != 1:
        return Path(REPORT)
    folder = Path(runs[0])
    return folder / (COMPARISON if (folder / PLAN).is_file() else REPORT)


def _metrics_of(runs: "Sequence[Path | str]") -> tuple[str, ...] | None:
    """The metrics that the experiments of all these folders share; None where there are none."""
    found = {planned_metrics(Path(run)) for run in runs}
    return (found.pop() or None) if len(found) == 1 else None


def _methods(facts: "list[dict[str, Any]]") -> list[dict[str, Any]]:
    """The methods of some runs as a plan names them, each with its adapter."""
    adapters = {fact["method"]: fact["settings"].get("adapter", "") for fact in facts}
    return [{"method": method, "settings": {"adapter": adapter}} for method, adapter in adapters.items()]


def finished_runs(path: Path) -> list[Path]:
    """The run folder itself, or the runs of an experiment's folder.

    Raises:
        InputError: The experiment has no finished run.
    """
    if not (path / "runs").is_dir():
        return [path]
    finished = sorted(folder.parent for folder in (path / "runs").glob("*/run.json"))
    if not finished:
        raise InputError(f"{path} has no finished run; continue its experiment first, or give another folder")
    return finished
