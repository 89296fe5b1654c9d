"""The results of an experiment as plain data: everything a report shows, fully computed.

``running.run_plan.find`` makes it from measured runs; ``report`` only formats it. All of it can be written as JSON.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one variant.

    Attributes:
        mean: Mean over all its runs; None where nothing was scored.
        std: Standard deviation over runs (temperatures, seeds); None for a single run.
        low: Lower end of the 95 % bootstrap interval over users; None for a corpus metric.
        high: Upper end.
        n: Cases scored, summed over runs.
        n_failed: Cases without a text, summed over runs.
        rank: 1 for the best of the table, 2 for the second, 0 otherwise.
        note: Why there is no value.
    """

    mean: float | None
    std: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    n_failed: int = 0
    rank: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class PairedTest:
    """A paired test of a variant against the best baseline of that metric with the same LLM and task.

    The baseline is among those that share the most cases and runs with the variant.

    Attributes:
        variant: The tested one.
        baseline: The best baseline by its mean over the cases and runs that both have.
        metric: Name of the metric.
        unit: "users" (ours: one value per user) or "runs" (DPL's: one value per run).
        difference: Mean of variant minus baseline.
        low: Lower end of the difference's 95 % bootstrap interval over units.
        high: Upper end.
        n: Pairs.
        n_left_out: Cases that failed for one of the two, left out for both.
        p_t: Paired t-test; None, like all other tests, for fewer than 10 users.
        p_wilcoxon: Wilcoxon signed rank.
        p_permutation: Paired permutation.
        p_holm: p_t after Holm's correction over all tests of that metric and unit.
        p_permutation_holm: p_permutation after the same correction.
        effect: Cohen's d_z.
        n_cases: Cases with a value of both, summed over runs.
        mean: Mean of the variant over the pairs.
        baseline_mean: Mean of the baseline over the pairs.
    """

    variant: str
    baseline: str
    metric: str
    unit: str
    difference: float
    low: float | None
    high: float | None
    n: int
    n_left_out: int
    p_t: float | None
    p_wilcoxon: float | None
    p_permutation: float | None
    p_holm: float | None
    p_permutation_holm: float | None
    effect: float | None
    n_cases: int = 0
    mean: float | None = None
    baseline_mean: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Mean cost per case of a variant, over its runs. Calls answered from the journal count as if they had been made.

    Attributes:
        calls: LLM calls per case.
        prompt_tokens: Prompt tokens per case.
        completion_tokens: Completion tokens per case.
        llm_s: Seconds of LLM time per case, summed over its calls.
        money: In the currency of the prices; None without prices.
    """

    calls: float
    prompt_tokens: float
    completion_tokens: float
    llm_s: float
    money: float | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """A row of the main table: a method with its settings, over all its runs.

    Attributes:
        name: "dpl", or "dpl K=2" where a sweep or an ablation changes a setting.
        method: Name of the method.
        is_baseline: Whether others are tested against it.
        settings: Those that differ from the experiment's, such as {"n_peers": 2}, and "LLM", "task" and the like where the
            variants of a report differ in them.
        cells: By metric.
        cost: Mean cost of a case.
        paper: Figures of the papers for the same corpus, split, model and settings, by metric; {} where there are none.
        paper_table: Where they are printed, such as "DPL, table 8".
        n_cases: Cases that all its runs have.
        n_without_peers: Cases where no other user's text was there to compare with, summed over runs; None if not counted.
        n_cut: Texts that ``max_tokens`` cut off, summed over runs; None if not known.
    """

    name: str
    method: str
    is_baseline: bool
    settings: dict[str, Any]
    cells: dict[str, Cell]
    cost: Cost
    paper: dict[str, float] = field(default_factory=dict[str, float])
    paper_table: str = ""
    n_cases: int = 0
    n_without_peers: int | None = None
    n_cut: int | None = None


@dataclass(frozen=True, slots=True)
class RubricFindings:
    """What a rubric judge found, beside its column.

    Attributes:
        metric: Name of its metric.
        n_users: Users with a rubric.
        n_without: Users without one.
        n_criteria: Criteria that count, of all users together.
        n_dropped: Criteria that do not count.
        ceiling: Share of criteria that the users' real texts of the cases meet.
        floor: The same for other users' real texts on the same items.
        difference: Ceiling minus floor, mean over the users who have both; None where fewer than two have.
        low: Lower end of its 95 % bootstrap interval over users.
        high: Upper end.
        n: Users who have both.
        p: p-value of the paired permutation test; None for fewer than 10 users.
    """

    metric: str
    n_users: int
    n_without: int
    n_criteria: int
    n_dropped: int
    ceiling: Cell | None = None
    floor: Cell | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    p: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A sweep of one setting: a line per method, or more where its runs differ in anything else.

    Attributes:
        setting: "n_peers" (K) or "n_records" (N), or any other numeric setting.
        metric: Name of the metric.
        lines: By method, with a folder where it has several lines: (value of the setting, mean, low, high), by value.
    """

    setting: str
    metric: str
    lines: dict[str, list[tuple[float, float, float | None, float | None]]]


@dataclass(frozen=True, slots=True)
class Half:
    """Gain over Non-Perso in one half of the users by uniqueness (DPL, section 4.4.2).

    Attributes:
        half: "unique" (upper half by distance to the mean embedding of all users) or "not unique".
    """

    variant: str
    metric: str
    half: str
    gain: float
    low: float | None
    high: float | None
    n_users: int


@dataclass(frozen=True, slots=True)
class UserGain:
    """The gain of one user over Non-Perso with one variant on one metric, with properties of the user."""

    variant: str
    metric: str
    user_id: str
    gain: float
    history_records: int
    uniqueness: float


@dataclass(frozen=True, slots=True)
class GroupGain:
    """The gain of the users of one group over Non-Perso, compared with all other users.

    Attributes:
        variant: Variant that wrote the texts.
        metric: Name of the metric.
        attribute: Attribute of users, such as "language".
        group: A value of the attribute, a half of its values ("age <= 34"), or "not known".
        gain: Mean over the group's users.
        low: Lower end of the 95 % bootstrap interval over users; None for a single user.
        high: Upper end.
        n_users: Users in the group.
        difference: gain minus the mean gain of all other users; None where there are none.
        p_welch: Welch's t-test of the difference; None where one side has fewer than 10 users.
        p_holm: p_welch after Holm's correction over the groups of the attribute.
        is_worst: Whether no group of at least two users gains less; never where all gain the same.
    """

    variant: str
    metric: str
    attribute: str
    group: str
    gain: float
    low: float | None
    high: float | None
    n_users: int
    difference: float | None
    p_welch: float | None
    p_holm: float | None = None
    is_worst: bool = False


@dataclass(frozen=True, slots=True)
class CaseStudy:
    """One case with the texts of several variants side by side.

    Attributes:
        texts: By variant; None where it failed.
        profiles: By variant, for those that make a profile.
    """

    case_id: str
    user_id: str
    item_title: str
    request_title: str
    rating: float | None
    reference: str
    texts: dict[str, str | None]
    profiles: dict[str, str]


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that failed."""

    variant: str
    case_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything a report shows.

    Attributes:
        title: Name of the experiment.
        metrics: (name, label, highest value or unit) in the order of columns. Names ending in "_cut" are measured on
            texts cut to equal length.
        main: Metrics of the main table; the others are sanity columns.
        facts: What is needed to repeat the experiment: corpus, split, number of cases and users, LLM, embedder, time rule,
            settings, versions, commit, hashes; label to value.
        notes: Caveats shown with the results (tiny model, missing metric, few users).
        lower_is_better: Metrics of which less is better.
        n_cases: Cases of all variants together; a variant with fewer is not quite comparable.
        n_users: Users who have a text of some variant; 0 where it is not known.
        controls: Each tested variant against its control: the same method without the user, or no personalisation.
        rubrics: What each rubric judge found beside its column.
    """

    title: str
    metrics: list[tuple[str, str, float | str]]
    main: list[str]
    variants: list[Variant]
    tests: list[PairedTest]
    curves: list[Curve]
    halves: list[Half]
    gains: list[UserGain]
    group_gains: list[GroupGain]
    cases: list[CaseStudy]
    failures: list[Failure]
    facts: dict[str, str]
    notes: list[str]
    controls: list[PairedTest] = field(default_factory=list[PairedTest])
    rubrics: list[RubricFindings] = field(default_factory=list[RubricFindings])
    n_cases: int = 0
    n_users: int = 0
    lower_is_better: list[str] = field(default_factory=list[str])
