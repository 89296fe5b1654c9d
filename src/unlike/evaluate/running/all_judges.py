"""All judges of an experiment over all its runs, and the forecast of their calls."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from unlike.data.corpus import Corpus
from unlike.evaluate.running.judge import judge
from unlike.evaluate.running.plan import Judge, Plan
from unlike.evaluate.running.planned import PlannedRun, planned_runs
from unlike.evaluate.running.rubric import NOT_LEARNED, Criterion, Rubric, learn_rubrics
from unlike.evaluate.running.rubric_judge import Written, judge_by_rubric, real_texts, texts_of_others
from unlike.evaluate.running.run_method import RUN, read_run
from unlike.evaluate.running.run_plan import cases_of
from unlike.evaluate.statistics.findings import RubricFindings
from unlike.evaluate.statistics.measured import MeasuredRun
from unlike.evaluate.statistics.rubrics import rubric_findings, with_floor_and_ceiling
from unlike.llm.forecast import ForecastLLM
from unlike.llm.journal import Journal
from unlike.llm.usage import Usage
from unlike.methods.kit import Kit
from unlike.records import Case
from unlike.settings import MethodSettings

ASSUMED_TOKENS = {"grade": {"judge": 8}, "rubric": {"rubric": 250, "rubric_judge": 36}}
"""Length of an answer by kind of judge and step: a number; five criteria, and whether each is met."""
ASSUMED_CRITERIA = (
    Criterion("Begins with a short sentence that says what the person felt, before anything else.", ""),
) * 5


@dataclass(frozen=True)
class Grading:
    """A judge with what it needs to grade an experiment.

    Attributes:
        plan: Plan of the experiment.
        judge: One of its judges.
        corpus: Where cases, items and earlier texts are.
        kit: Has the judge as its LLM, and a task with the templates.
    """

    plan: Plan
    judge: Judge
    corpus: Corpus
    kit: Kit

    async def rubrics(self, cases: Sequence[Case]) -> dict[str, Rubric]:
        """The rubric of each user of these cases."""
        rule = MethodSettings().but(**self.plan.settings).time_rule
        return await learn_rubrics(cases, self.kit.llm, self.corpus, self.kit.task, rule)


async def grade_all(grading: Grading, runs: Sequence[MeasuredRun]) -> tuple[RubricFindings, dict[str, Rubric]] | None:
    """Let an LLM grade every text of the runs; the grades join their values as a metric.

    Args:
        grading: The judge.
        runs: Measured runs; they are added to.

    Returns:
        For a rubric judge what it found beside the grades, and the rubrics by user id.
    """
    texts_of = [[(grading.corpus.case(r.case_id), r.text) for r in run.rows if r.text is not None] for run in runs]
    if grading.judge.kind == "rubric":
        return await _grade_by_rubric(grading, runs, texts_of)
    for run, texts in zip(runs, texts_of, strict=True):
        judged = await judge(texts, grading.kit.llm, grading.corpus, grading.kit.task, grading.judge.repeats)
        run.add(grading.judge.metric, judged.per_case, judged.note)
    return None


async def _grade_by_rubric(
    grading: Grading, runs: Sequence[MeasuredRun], texts_of: Sequence[Sequence[tuple[Case, str]]]
) -> tuple[RubricFindings, dict[str, Rubric]]:
    llm, task, metric = grading.kit.llm, grading.kit.task, grading.judge.metric
    cases = [grading.corpus.case(case_id) for case_id in dict.fromkeys(r.case_id for run in runs for r in run.rows)]
    rubrics = await grading.rubrics(cases)
    for run, texts in zip(runs, texts_of, strict=True):
        judged = await judge_by_rubric([Written(case, text) for case, text in texts], rubrics, llm, task)
        run.add(metric, judged.per_case, judged.note)
    found = rubric_findings(metric, rubrics.values())
    if grading.judge.floor_and_ceiling:
        floor = await judge_by_rubric(texts_of_others(cases, grading.corpus), rubrics, llm, task)
        ceiling = await judge_by_rubric(real_texts(cases), rubrics, llm, task)
        found = with_floor_and_ceiling(found, floor, ceiling, {case.id: case.user_id for case in cases})
    return found, rubrics


async def forecast_judge(grading: Grading, out: Path, known: Journal | None) -> Usage:
    """The calls and tokens that one judge still needs to grade every text of the experiment.

    A text that is not written yet is assumed to be as long as the real one.

    Args:
        grading: The judge; its LLM is not called.
        out: Folder of the experiment, which need not exist.
        known: Its journal, where there is one.
    """
    llm = ForecastLLM(grading.kit.llm.backend, known, ASSUMED_TOKENS[grading.judge.kind])
    grading = replace(grading, kit=replace(grading.kit, llm=llm))
    texts_of = [_texts(grading, run, out / "runs" / run.folder) for run in planned_runs(grading.plan)]
    if grading.judge.kind == "rubric":
        await _forecast_rubric(grading, llm, texts_of)
    else:
        for texts in texts_of:
            await judge(texts, llm, grading.corpus, grading.kit.task, grading.judge.repeats)
    return llm.usage


def _texts(grading: Grading, run: PlannedRun, folder: Path) -> list[tuple[Case, str]]:
    """The texts of a run, or placeholders that begin with the run's name, so that no two runs share a call."""
    rows = read_run(folder)[0] if (folder / RUN).is_file() else ()
    written = {row.case_id: row.text for row in rows if row.text}
    cases = cases_of(grading.plan, grading.corpus, run.sample)
    return [(case, written.get(case.id, f"{run.folder} {case.reference}")) for case in cases]


async def _forecast_rubric(grading: Grading, llm: ForecastLLM, texts_of: Sequence[Sequence[tuple[Case, str]]]) -> None:
    cases = list({case.id: case for texts in texts_of for case, _ in texts}.values())
    learned = await grading.rubrics(cases)
    rubrics = {user: _assumed(rubric) for user, rubric in learned.items()}
    texts = [[Written(case, text) for case, text in texts] for texts in texts_of]
    if grading.judge.floor_and_ceiling:
        texts += [real_texts(cases), texts_of_others(cases, grading.corpus)]
    for of_run in texts:
        await judge_by_rubric(of_run, rubrics, llm, grading.kit.task)


def _assumed(rubric: Rubric) -> Rubric:
    """The rubric with assumed criteria if it is not learned yet; unchanged if the journal has it or it cannot be learned."""
    return replace(rubric, found=ASSUMED_CRITERIA, failure="") if rubric.failure == NOT_LEARNED else rubric
