"""An experiment from plan to findings: run what is missing, grade it, compare it.

All runs share one journal, so identical calls of different methods are made once, and a killed experiment that is started
again repeats only the calls that were in flight.
"""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

from unlike.data.corpus import Corpus
from unlike.embed.encoder import Encoder
from unlike.errors import InputError
from unlike.evaluate.metrics import open_metric
from unlike.evaluate.metrics.table import is_ranked, sign_of
from unlike.evaluate.running.judge import JUDGE, RUBRIC
from unlike.evaluate.running.likelihood import LOGLIK, likelihood, write_likelihood
from unlike.evaluate.running.plan import Plan
from unlike.evaluate.running.planned import PlannedRun, planned_runs
from unlike.evaluate.running.run_method import (
    JOURNAL,
    Job,
    Progress,
    generation,
    pick_cases,
    run_facts,
    run_jobs,
    write_run,
)
from unlike.evaluate.statistics.attributes import Attributes, gains_by_attribute, read_attributes
from unlike.evaluate.statistics.comparisons import (
    case_studies,
    control_tests,
    gains_by_half,
    paired_tests,
    same_texts,
    uniqueness,
    user_gains,
)
from unlike.evaluate.statistics.conditions import REPEATED, across, differing, repeats, stated
from unlike.evaluate.statistics.curves import curves
from unlike.evaluate.statistics.findings import Findings, RubricFindings, Variant
from unlike.evaluate.statistics.measured import (
    Groups,
    MeasuredRun,
    by_variant,
    cell_mean,
    facts_of,
    failures,
    is_baseline,
    measure,
    variants,
)
from unlike.evaluate.statistics.paper import Published, published
from unlike.evaluate.statistics.rubrics import doubt
from unlike.llm.forecast import ForecastLLM
from unlike.llm.journal import Journal
from unlike.llm.recorded import LLM
from unlike.llm.usage import Usage
from unlike.methods.kit import Kit
from unlike.methods.table import open_method
from unlike.progress import n_of
from unlike.records import Case
from unlike.settings import MethodSettings

KitOf = Callable[[MethodSettings], Kit]
"""A function from settings to a kit; all its kits share LLM, journal, encoder and clusterings."""


async def run_plan(
    plan: Plan,
    corpus: Corpus,
    kit_of: KitOf,
    out: Path,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> list[Path]:
    """Run all planned runs side by side, each into a folder of its own below ``out``.

    Returns:
        The run folders, in the order of the plan.

    Raises:
        EngineError: The engine cannot be used; what was answered is kept.
        InputError: The corpus has no such split, or a folder cannot be written.
    """
    runs, start = planned_runs(plan), time.monotonic()
    jobs = [_job(plan, corpus, planned, kit_of, kit_of(planned.settings).llm.part()) for planned in runs]
    rows_of = await run_jobs(jobs, generation, window=2 * plan.llm.concurrency, on_progress=on_progress)
    folders = run_folders(plan, out)
    wall_s = time.monotonic() - start
    for planned, job, rows, folder in zip(runs, jobs, rows_of, folders, strict=True):
        facts = run_facts(job, rows, job.kit.llm.usage, wall_s, corpus, plan.split)
        write_run(folder, rows, facts | planned_facts(plan, planned))
    return folders


def run_folders(plan: Plan, out: Path) -> list[Path]:
    """The folder of each planned run."""
    return [out / "runs" / planned.folder for planned in planned_runs(plan)]


def _job(plan: Plan, corpus: Corpus, planned: PlannedRun, kit_of: KitOf, llm: LLM) -> Job:
    kit = replace(kit_of(planned.settings), llm=llm)
    cases = cases_of(plan, corpus, planned.sample)
    return Job(planned.method, open_method(planned.method), cases, kit, writes=not plan.likelihood_alone)


async def likelihood_of_plan(
    plan: Plan, corpus: Corpus, kit_of: KitOf, out: Path, on_progress: Callable[[Progress], None]
) -> None:
    """Measure the likelihood of the real texts for all planned runs, and write it beside their rows.

    Raises:
        InputError: The LLM does not score texts, or a file cannot be written.
        EngineError: The engine cannot be used; what was scored is kept.
    """
    jobs = [_job(plan, corpus, planned, kit_of, kit_of(planned.settings).llm) for planned in planned_runs(plan)]
    with closing(Journal.open(plan.journal or out / JOURNAL)) as journal:
        rows_of = await likelihood(jobs, plan.likelihood, journal, on_progress)
    for folder, rows in zip(run_folders(plan, out), rows_of, strict=True):
        write_likelihood(folder, rows)


def planned_facts(plan: Plan, planned: PlannedRun) -> dict[str, Any]:
    """What run.json contains for a planned run, in addition to ``run_facts``."""
    return {
        "llm_uri": plan.llm.uri,
        "embedder": plan.embedder,
        "variant": planned.variant,
        "apart": {name: value for name, value in planned.apart.items() if name != "adapter"},
        "sample": planned.sample,
        **({"adapters_at": str(plan.adapters_at.resolve())} if plan.adapters_at else {}),
        **({"journal": str(plan.journal.resolve())} if plan.journal else {}),
        "adapter": _adapter_facts(plan, planned.settings.adapter),
    }


def _adapter_facts(plan: Plan, name: str) -> dict[str, Any] | None:
    """The settings of an adapter that the plan trains; None for no adapter, or one from elsewhere."""
    from unlike.latent.settings import recipe

    entry = next((entry for entry in plan.adapters if entry.name == name), None)
    return asdict(recipe(entry.preset, entry.kind, entry.set).adapter) if entry else None


async def forecast(plan: Plan, corpus: Corpus, kit_of: KitOf, runs: Sequence[PlannedRun], llm: ForecastLLM) -> Usage:
    """The calls and tokens that some of the planned runs would need, without the judge.

    Args:
        plan: What is compared.
        corpus: The plan's corpus.
        kit_of: Kits for any settings; their LLM is never called.
        runs: Some of the plan's runs.
        llm: Counts the calls in place of the LLM.
    """
    await run_jobs([_job(plan, corpus, planned, kit_of, llm) for planned in runs], generation)
    return llm.usage


def cases_of(plan: Plan, corpus: Corpus, sample: int | None) -> Sequence[Case]:
    """The cases of one run: those named in the plan, the first ``limit``, or a seeded sample.

    Raises:
        InputError: The corpus has no such split or case, or fewer cases than a sample.
    """
    if plan.cases:
        return [corpus.case(case_id) for case_id in plan.cases]
    cases = pick_cases(corpus, plan.split, plan.limit)
    if plan.samples is None or sample is None:
        return cases
    if plan.samples.size > len(cases):
        raise InputError(f"samples.size is {plan.samples.size}; split {plan.split!r} has {len(cases)} cases; lower it")
    picked = Random(sample).sample(range(len(cases)), plan.samples.size)
    return [cases[place] for place in sorted(picked)]


def find(
    plan: Plan, corpus: Corpus, encoder: Encoder, runs: Sequence[MeasuredRun], rubrics: Sequence[RubricFindings] = ()
) -> Findings:
    """The findings of measured runs, and of the rubric judges that graded them."""
    groups = by_variant(runs)
    ranked = [name for name in plan.metrics if is_ranked(name)]
    main = [*ranked, *(each.metric for each in plan.judges), *([LOGLIK] if plan.likelihood else [])]
    checks = () if plan.likelihood_alone else dict.fromkeys((*plan.metrics, *plan.checks))
    sanity = [name for name in checks if name not in main]
    cases = {row.case_id: corpus.case(row.case_id) for run in runs for row in run.rows}
    distances = uniqueness(list(cases.values()), corpus, encoder)
    first = next((name for name in main if any(run.per_case.get(name) for run in runs)), main[0])
    gains_of = {metric: user_gains(groups, metric, distances, corpus) for metric in main}
    attributes = read_attributes(plan.users) if plan.users else {}
    return Findings(
        title=plan.title,
        metrics=[_column(name) for name in (*main, *sanity)],
        main=main,
        variants=[
            _beside_paper(variant, published(groups[variant.name], corpus))
            for variant in variants(groups, main, sanity, (plan.llm.price_in, plan.llm.price_out))
        ],
        tests=paired_tests(groups, main),
        controls=control_tests(groups, first),
        curves=curves(groups, main),
        halves=[half for gains in gains_of.values() for half in gains_by_half(gains, distances)],
        gains=gains_of[first],
        group_gains=gains_by_attribute(gains_of[first], attributes),
        cases=case_studies(groups, first, corpus),
        failures=failures(groups),
        facts=_facts(plan, corpus, groups),
        notes=[
            *_notes(groups, runs, main),
            *_users_not_in_table(plan, attributes, {case.user_id for case in cases.values()}),
            *(note for found in rubrics if (note := doubt(found))),
        ],
        rubrics=list(rubrics),
        n_cases=len({row.case_id for run in runs for row in run.rows}),
        n_users=len({row.user_id for run in runs for row in run.rows if row.text}),
        lower_is_better=[name for name in (*main, *sanity) if sign_of(name) < 0],
    )


def _beside_paper(variant: Variant, found: Published | None) -> Variant:
    return replace(variant, paper=dict(found.figures), paper_table=found.table) if found else variant


def measure_all(folders: Sequence[Path], plan: Plan, corpus: Corpus) -> list[MeasuredRun]:
    """Score the run folders of a plan."""
    names = [] if plan.likelihood_alone else list(dict.fromkeys([*plan.metrics, *plan.checks]))
    return measure(folders, names, corpus)


def _column(name: str) -> tuple[str, str, float | str]:
    for prefix, label in ((JUDGE, "Judge"), (RUBRIC, "Rubric")):
        if name.startswith(prefix):
            return (name, f"{label} {name.removeprefix(prefix)}", 1.0)
    if name == LOGLIK:
        return (name, "Log-likelihood", 1.0)
    metric = open_metric(name)
    return (name, metric.label, metric.scale)


def _facts(plan: Plan, corpus: Corpus, groups: Groups) -> dict[str, str]:
    runs = [run for group in groups.values() for run in group]
    n_users = n_of(len({row.user_id for run in runs for row in run.rows}), "user")
    n_cases = n_of(len({row.case_id for run in runs for row in run.rows}), "case")
    first = {name: group[0].facts for name, group in groups.items()}
    return {
        "Corpus": f"{corpus.source}, {plan.split}: {n_cases} of {n_users}",
        "LLM": stated({name: str(facts["llm"]) for name, facts in first.items()}),
        "Embedder": stated({name: str(facts.get("embedder", plan.embedder)) for name, facts in first.items()}),
        "Task": stated({name: str(facts["task"]) for name, facts in first.items()}),
        "Time rule": stated({name: str(facts["settings"]["time_rule"]) for name, facts in first.items()}),
        "Settings": _settings(plan, groups),
        "Repeats": stated({name: _repeats(group) for name, group in groups.items()}),
        **({"Judges": _judges(plan)} if plan.judges else {}),
        "Corpus hash": corpus.hash[:16],
        "Versions": stated({name: _versions(facts) for name, facts in first.items()}),
        "Commit": _commit(),
    }


def _settings(plan: Plan, groups: Groups) -> str:
    """The settings that the variants share, and those in which they differ beyond their own."""
    settings: dict[str, Any] = asdict(MethodSettings().but(**plan.settings))
    differ = differing(facts_of(groups))
    labels = {label for values in differ.values() for label in values} & settings.keys()
    shared = {label: value for label, value in settings.items() if label not in labels and value not in (None, "")}
    each = {
        name: ", ".join(f"{label} {value}" for label, value in values.items() if label in labels)
        for name, values in differ.items()
    }
    said = [", ".join(f"{label} {value}" for label, value in shared.items()), stated(each) if labels else ""]
    return "; ".join(filter(None, said))


def _versions(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in facts["versions"].items())


def _judges(plan: Plan) -> str:
    graders = [f"{each.metric.removeprefix(JUDGE)}: {each.uri}, {each.calls}" for each in plan.judges]
    grades = any(each.kind == "grade" for each in plan.judges)
    return "; ".join([*graders, *(["the prompt is ours, not that of S-72B and S-GPT"] if grades else [])])


def _repeats(runs: Sequence[MeasuredRun]) -> str:
    """The temperatures and seeds of a variant, where it has several."""
    values = {setting: repeats([run.facts for run in runs], setting) for setting in REPEATED}
    return "; ".join(f"{setting}s {of_runs}" for setting, of_runs in values.items() if ", " in of_runs) or "none"


def _notes(groups: Groups, runs: Sequence[MeasuredRun], metrics: Sequence[str]) -> list[str]:
    notes: list[str] = []
    if "SmolLM2-135M" in str(runs[0].facts["llm"]):
        notes.append(
            "The embedded LLM has 135 million parameters: it shows that every step runs and says nothing about the "
            "quality of the methods."
        )
    n_users = len({row.user_id for run in runs for row in run.rows})
    if n_users < 30:
        notes.append(f"{n_of(n_users, 'user')} only: intervals are wide, and tests can hardly find a difference.")
    if not any(is_baseline(str(group[0].facts["method"])) for group in groups.values()):
        notes.append("No baseline is among the methods, so nothing is tested.")
    return [*notes, *across(facts_of(groups)), *same_texts(groups), *_same_values(groups, metrics), *_missing(groups)]


def _same_values(groups: Groups, metrics: Sequence[str]) -> list[str]:
    """Which metrics have the same value for all variants."""
    values = {metric: [cell_mean(runs, metric) for runs in groups.values()] for metric in metrics}
    same = [name for name, means in values.items() if len(means) > 1 and None not in means and len(set(means)) == 1]
    labels = ", ".join(_column(name)[1] for name in same)
    return [f"{labels}: the same value for every variant, which distinguishes none of them."] if same else []


def _users_not_in_table(plan: Plan, attributes: Attributes, users: set[str]) -> list[str]:
    """A note where a table of users has none of them."""
    if plan.users is None or any(users & of_users.keys() for of_users in attributes.values()):
        return []
    return [
        f"None of the {n_of(len(users), 'user')} has a value in {plan.users.name}: are these the corpus's user ids?"
    ]


def _missing(groups: Groups) -> list[str]:
    """Why metrics have no value, each reason once with the metrics it holds for, and the variants unless it holds for all."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, runs in groups.items():
        for metric, note in (noted for run in runs for noted in run.notes.items() if noted[1]):
            found.setdefault(note, []).append((metric, name))
    notes: list[str] = []
    for note, places in found.items():
        metrics, names = (dict.fromkeys(one) for one in zip(*places, strict=True))
        counts = note[0].isdigit()  # "3 of 4 texts got no grade" counts those of one run
        where = f" of {', '.join(names)}" if counts or len(names) < len(groups) else ""
        where += ", in each run" if counts and len(places) > 1 else ""
        notes.append(f"{', '.join(metrics)}{where}: {note}")
    return notes


def _commit() -> str:
    """The commit of the checkout the code runs from; an installed package has none."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "not in a checkout"
    return asked.stdout.strip()
