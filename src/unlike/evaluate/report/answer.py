"""The sentence that a report begins with: which method, by how much, how sure, and against which control."""

from collections.abc import Sequence

from unlike.evaluate.report.number_format import finite, interval, p_value, signed, value
from unlike.evaluate.report.report_tables import LEVEL, is_below, labels, scales, shared_cases, sign, with_fewer_cases
from unlike.evaluate.statistics.findings import Findings, PairedTest, Variant
from unlike.evaluate.statistics.significance import MIN_USERS
from unlike.progress import n_of


def answer(findings: Findings) -> str:
    """What was found on the first metric that has values; no conclusion where the data do not support one."""
    return " ".join(filter(None, (_finding(findings), _unequal(findings))))


def _unequal(findings: Findings) -> str:
    """The variants that have fewer cases than all variants together; empty where none has."""
    fewer = [f"{variant.name} has {variant.n_cases}" for variant in with_fewer_cases(findings)]
    if not fewer:
        return ""
    return (
        f"Not all variants have all {findings.n_cases} cases: {', '.join(fewer)}. Means are over the cases that each has, "
        "tests over those that both have."
    )


def _finding(findings: Findings) -> str:
    metric = next((name for name in findings.main if any(_mean(v, name) is not None for v in findings.variants)), None)
    if metric is None:
        return "No variant has a result."
    label = labels(findings).get(metric, metric)
    tested = [test for test in findings.tests if test.metric == metric and test.unit == "users"]
    if not tested:
        return _untested(findings, metric, label)
    parts = [
        [test for test in tested if test.baseline == one] for one in dict.fromkeys(test.baseline for test in tested)
    ]
    return " ".join(dict.fromkeys(_of_part(findings, part, label) for part in parts))


def _of_part(findings: Findings, tested: Sequence[PairedTest], label: str) -> str:
    """What the tests of one LLM and task found, which share their baseline."""
    best = max(tested, key=lambda test: sign(findings, test.metric) * test.difference)
    if best.p_t is None:
        return _too_few(best.n, label)
    family = [test for test in findings.tests if (test.metric, test.unit) == (best.metric, best.unit)]
    verdict = _verdict(best, label, sign(findings, best.metric))
    sentence = f"{verdict}: {_means(findings, best)}{_figures(findings, best, family)}."
    control = next((test for test in findings.controls if test.variant == best.variant), None)
    if control is None or control.baseline == best.baseline:
        return sentence
    against = f"Against its control {control.baseline}{shared_cases(control, ' over')}"
    return f"{sentence} {against}: {_figures(findings, control, findings.controls)}."


def _too_few(n_users: int, label: str) -> str:
    return (
        f"{n_of(n_users, 'user')} {'is' if n_users == 1 else 'are'} too few to say which method is better in {label}: "
        f"at least {MIN_USERS} are needed. The figures below show what was measured and support no conclusion."
    )


def _untested(findings: Findings, metric: str, label: str) -> str:
    variants = [variant for variant in findings.variants if _mean(variant, metric) is not None]
    if len({(variant.settings.get("LLM"), variant.settings.get("task")) for variant in variants}) > 1:
        return "No test was made: variants that differ in LLM or task are not compared."
    if len(variants) > 1 and findings.n_users in range(1, MIN_USERS):
        return _too_few(findings.n_users, label)
    best = max(variants, key=lambda variant: sign(findings, metric) * (_mean(variant, metric) or 0.0))
    cell, scale = best.cells[metric], scales(findings).get(metric, 1.0)
    between = (
        "" if finite(cell.low) is None else f" (95 % interval {value(cell.low, scale)} to {value(cell.high, scale)})"
    )
    most = "lowest" if metric in findings.lower_is_better else "highest"
    found = f"{best.name} has the {most} {label}, {value(cell.mean, scale)}{between}"
    if len(variants) == 1:
        return (
            f"Only {best.name} has a result: {label} {value(cell.mean, scale)}{between}. Nothing is compared with it."
        )
    return f"{_why_untested(variants)}: {found}, which may be chance."


def _why_untested(variants: Sequence[Variant]) -> str:
    if all(variant.is_baseline for variant in variants):
        return "No test was made, since all variants are baselines"
    if not any(variant.is_baseline for variant in variants):
        return "No test was made, since there is no baseline to compare with"
    return "No test was made, since no method has cases of two users with a baseline"


def _verdict(test: PairedTest, label: str, sign: int) -> str:
    if not is_below(test, LEVEL):
        return f"No method is shown to differ from the best baseline, {test.baseline}, in {label}; {test.variant} is closest"
    word = "better" if sign * test.difference > 0 else "worse"
    return f"{test.variant} is {word} than the best baseline, {test.baseline}, in {label}"


def _means(findings: Findings, test: PairedTest) -> str:
    """Both means; those of the paired cases where the test leaves some out."""
    scale = scales(findings).get(test.metric, 1.0)
    means = {variant.name: _mean(variant, test.metric) for variant in findings.variants}
    ours, theirs = means.get(test.variant), means.get(test.baseline)
    over = shared_cases(test, " over")
    if over:
        ours, theirs = test.mean, test.baseline_mean
    return f"{value(ours, scale)} against {value(theirs, scale)}{over}, "


def _figures(findings: Findings, test: PairedTest, family: Sequence[PairedTest]) -> str:
    """The difference, its interval, and p of both tests; corrected where the family has several tests."""
    scale = scales(findings).get(test.metric, 1.0)
    p_values = [("the t-test", test.p_t, test.p_holm), ("permutation", test.p_permutation, test.p_permutation_holm)]
    n = sum(one.p_t is not None for one in family)
    if n > 1:
        p = "; ".join(f"by {name} {_p(adjusted)}, {p_value(raw)} before" for name, raw, adjusted in p_values)
        p = f"after Holm's correction for {n} comparisons {p}"
    else:
        p = ", ".join(f"{_p(raw if adjusted is None else adjusted)} by {name}" for name, raw, adjusted in p_values)
    return (
        f"a difference of {signed(test.difference, scale)} (95 % interval {interval(test.low, test.high, scale)}, "
        f"{n_of(test.n, 'user')}; {p})"
    )


def _p(p: float | None) -> str:
    shown = p_value(p)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


def _mean(variant: Variant, metric: str) -> float | None:
    cell = variant.cells.get(metric)
    return finite(cell.mean) if cell else None
