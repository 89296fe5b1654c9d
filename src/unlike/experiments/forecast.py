"""Calls, tokens and cost of a run or an experiment, or of what is left of one that was begun. No LLM is called.

Answers are assumed to be as long as those of the same step in the journal; the text itself, as the real texts; other
steps, as ``ASSUMED_COMPLETION_TOKENS`` says.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from unlike.errors import MissingPart
from unlike.evaluate.running.all_judges import ASSUMED_TOKENS, Grading, forecast_judge
from unlike.evaluate.running.planned import planned_runs
from unlike.evaluate.running.run_method import Job, generation, run_jobs
from unlike.evaluate.running.run_plan import cases_of, forecast
from unlike.experiments.adapters import forecast_training, placeholder_adapters, untrained_adapters
from unlike.experiments.calls_left import existing_journal
from unlike.experiments.folder import check_folder
from unlike.experiments.run import RunRequest, checked_cases
from unlike.experiments.watch import SILENT_WATCH, Watch
from unlike.llm.forecast import ForecastLLM
from unlike.llm.journal import Journal
from unlike.llm.open import open_counter
from unlike.llm.soft_prompt import SOFT_STEPS
from unlike.llm.usage import Usage
from unlike.methods.steps import WRITING_STEPS
from unlike.methods.table import open_method
from unlike.progress import n_of
from unlike.settings import MethodSettings
from unlike.sync import wait_for

if TYPE_CHECKING:
    from unlike.evaluate.running.run_plan import KitOf
    from unlike.experiments.adapters import TrainingForecast
    from unlike.experiments.open import Experiment
    from unlike.llm.backend import Backend
    from unlike.records import Case

REFERENCES_COUNTED = 200
"""Maximum number of real texts whose length is counted."""
Prices = tuple[float | None, float | None]
"""Price per million prompt tokens and per million completion tokens."""


@dataclass(frozen=True)
class Forecast:
    """The LLM calls that are left.

    Attributes:
        what: Runs or judge.
        n_cases: Cases of all runs together.
        usage: Calls and tokens; ``n_cached`` counts answers in the journal and calls that methods share.
        counts_exactly: Whether prompts were counted with the model's tokenizer.
        lengths: Assumed length of the answers by step, in tokens.
        rewrites_not_counted: Maximum number of times that each call is made again; these are not counted, since only a
            reply shows whether they are made.
    """

    what: str
    n_cases: int
    usage: Usage
    counts_exactly: bool
    lengths: dict[str, int]
    rewrites_not_counted: int = 0

    def cost(self, prices: Prices) -> float | None:
        """The price of all tokens; None where a price is missing."""
        price_in, price_out = prices
        if price_in is None or price_out is None:
            return None
        return (self.usage.prompt_tokens * price_in + self.usage.completion_tokens * price_out) / 1e6


@dataclass(frozen=True)
class ExperimentForecast:
    """The trainings and LLM calls that are left in an experiment.

    Attributes:
        trainings: Adapters that would be trained first.
        parts: The runs, and the judges, each with its cost.
        not_measurable: Why METEOR, where it is asked for, cannot be measured; "" where it can.
    """

    trainings: tuple["TrainingForecast", ...]
    parts: tuple[tuple[Forecast, float | None], ...]
    not_measurable: str = ""


def forecast_run(request: RunRequest, watch: Watch = SILENT_WATCH) -> Forecast:
    """The LLM calls that ``run_request`` would still make.

    Raises:
        InputError: A name or setting is not allowed.
        MissingPart: A package is not installed.
    """
    backend = open_counter(request.llm) if isinstance(request.llm, str) else request.llm
    cases = checked_cases(request)
    watch.destination(request.llm_name)
    kit = request.open_kit(backend, None, watch)
    with existing_journal(request.journal_file) as known:
        asked = _forecast_llm(backend, known, cases)
        job = Job(request.method, open_method(request.method), cases, replace(kit, llm=asked))
        wait_for(run_jobs([job], generation, on_progress=watch.cases("forecast", asked.meter)))
        usage, rewrites = asked.usage, kit.settings.max_rewrites
        return Forecast(request.method, len(cases), usage, backend.counts_exactly, asked.lengths, rewrites)


def forecast_experiment(opened: "Experiment", watch: Watch = SILENT_WATCH) -> ExperimentForecast:
    """The trainings and LLM calls that are left in an experiment.

    Raises:
        InputError: As ``experiment``.
    """
    untrained = untrained_adapters(opened)
    check_folder(opened.folder, opened.plan, opened.corpus.hash)
    for uri in (opened.plan.llm.uri, *(judge.uri for judge in opened.plan.judges)):
        watch.destination(uri)
    trainings = tuple(forecast_training(adapter, opened.training_corpora) for adapter in untrained)
    with existing_journal(opened.journal_file) as known, placeholder_adapters(opened, untrained) as adapter_folder:
        kit_of = opened.kits(opened.plan.llm, None, asks=False, adapter_folder=adapter_folder)
        return ExperimentForecast(trainings, tuple(_parts(opened, kit_of, known)), _why_no_meteor(opened))


def _why_no_meteor(opened: "Experiment") -> str:
    """Why METEOR, whose data is a download, cannot be measured; "" where it can, or is not needed."""
    from unlike.evaluate.metrics.meteor import find_data
    from unlike.language import language_of

    plan = opened.plan
    references = [case.reference for case in opened.corpus.cases(plan.split, REFERENCES_COUNTED) if case.reference]
    try:
        if "meteor" in plan.metrics and language_of(references) == "english":
            find_data()
    except MissingPart as missing:
        return str(missing)
    return ""


def _parts(opened: "Experiment", kit_of: "KitOf", known: Journal | None) -> "Generator[tuple[Forecast, float | None]]":
    plan, corpus, runs = opened.plan, opened.corpus, planned_runs(opened.plan)
    backend = kit_of(MethodSettings()).llm.backend
    cases = [case for run in runs for case in cases_of(plan, corpus, run.sample)]
    asked = _forecast_llm(backend, known, cases)
    usage = wait_for(forecast(plan, corpus, kit_of, runs, asked))
    rewrites = max((run.settings.max_rewrites for run in runs), default=0)
    found = Forecast(n_of(len(runs), "run"), len(cases), usage, backend.counts_exactly, asked.lengths, rewrites)
    yield found, found.cost((plan.llm.price_in, plan.llm.price_out))
    for judge in plan.judges:
        kit = opened.kits(judge, None, asks=False)(MethodSettings())
        graded = wait_for(forecast_judge(Grading(plan, judge, corpus, kit), opened.folder, known))
        found = Forecast(judge.label, len(cases), graded, kit.llm.backend.counts_exactly, ASSUMED_TOKENS[judge.kind])
        yield found, found.cost((judge.price_in, judge.price_out))


def _forecast_llm(backend: "Backend", known: Journal | None, cases: "Sequence[Case]") -> ForecastLLM:
    texts = [case.reference for case in cases if case.reference][:REFERENCES_COUNTED]
    lengths = dict[str, int]()
    if texts:
        n_tokens = sum(backend.count_tokens([{"role": "user", "content": text}]) for text in texts)
        overhead = backend.count_tokens([{"role": "user", "content": ""}])
        steps = (*WRITING_STEPS.values(), *SOFT_STEPS.values())
        lengths = dict.fromkeys(steps, max(1, round(n_tokens / len(texts) - overhead)))
    return ForecastLLM(backend, known, lengths | (known.mean_completion_tokens() if known else {}))
