"""The tables beside the main one: tests, sweeps, halves, cost, failures, facts. None of them where it would be empty."""

from unlike.evaluate.report.layout import Entry, Group, Row, Table, entries
from unlike.evaluate.report.metric_tables import labels, scales
from unlike.evaluate.report.wording import amount, interval, p_value, signed, value
from unlike.evaluate.statistics.findings import Curve, Findings, Half, Test, Variant

MOST_FAILURES = 500


def tests_table(findings: Findings) -> Table | None:
    """Every paired test, with all its figures."""
    columns = ("Variant", "Against", "Metric", "Over", "Difference", "95 % interval", "n", "left out")
    tests = (*columns, "p (t-test)", "p (Holm)", "p (Wilcoxon)", "p (permutation)", "d_z")
    rows = tuple(_test(findings, test) for test in findings.tests)
    caption = "Paired tests against the best baseline of each metric. Holm's correction is over all tests of a metric."
    return _table("tests", caption, tests, rows, n_words=4)


def _test(findings: Findings, test: Test) -> Row:
    scale = scales(findings).get(test.metric, 1.0)
    metric = labels(findings).get(test.metric, test.metric)
    p_values = [p_value(p) for p in (test.p_t, test.p_holm, test.p_wilcoxon, test.p_permutation)]
    difference = (signed(test.difference, scale), interval(test.low, test.high, scale))
    effect = "–" if test.effect is None else signed(test.effect, 100)
    counts = (str(test.n), str(test.n_left_out))
    return entries(test.variant, test.baseline, metric, test.unit, *difference, *counts, *p_values, effect)


def curves_table(findings: Findings) -> Table | None:
    """The values behind the curves."""
    rows = tuple(row for curve in findings.curves for row in _curve(findings, curve))
    columns = ("Method", "Setting", "Metric", "Value", "Mean", "95 % interval")
    return _table("curves", "Sweeps, with one setting changed and the others kept.", columns, rows, n_words=3)


def _curve(findings: Findings, curve: Curve) -> list[Row]:
    scale, metric = scales(findings).get(curve.metric, 1.0), labels(findings).get(curve.metric, curve.metric)
    return [
        entries(method, curve.setting, metric, f"{at:g}", value(mean, scale), _plain_interval(low, high, scale))
        for method, points in curve.lines.items()
        for at, mean, low, high in points
    ]


def _plain_interval(low: float | None, high: float | None, scale: float | str) -> str:
    return interval(low, high, scale).replace("+", "")


def halves_table(findings: Findings) -> Table | None:
    """The gain of unique and of other users."""
    rows = tuple(_half(findings, half) for half in findings.halves)
    columns = ("Variant", "Metric", "Users", "Gain", "95 % interval", "n")
    return _table("halves", "Gain over Non-Perso by the user's uniqueness.", columns, rows, n_words=3)


def _half(findings: Findings, half: Half) -> Row:
    scale, metric = scales(findings).get(half.metric, 1.0), labels(findings).get(half.metric, half.metric)
    gain = (signed(half.gain, scale), interval(half.low, half.high, scale))
    return entries(half.variant, metric, half.half, *gain, str(half.n_users))


def cost_table(findings: Findings) -> Table | None:
    """What a case costs, next to how good its text is."""
    priced = any(variant.cost.money is not None for variant in findings.variants)
    quality = findings.main[:1]
    columns = ("Variant", "Calls", "Prompt tokens", "Completion tokens", "Seconds")
    tail = (("Money",) if priced else ()) + tuple(labels(findings).get(name, name) for name in quality)
    rows = tuple(_cost(findings, variant, quality, priced) for variant in findings.variants)
    remarks = () if priced else ("No prices were given, so there is no column of money.",)
    caption = "Mean cost of a case; calls answered from the journal count as if they had been made."
    return _table("cost", caption, (*columns, *tail), rows, remarks=remarks)


def _cost(findings: Findings, variant: Variant, quality: list[str], priced: bool) -> Row:
    cost, scale = variant.cost, scales(findings)
    money = () if not priced else ("–" if cost.money is None else amount(cost.money, 5),)
    means = [
        value(variant.cells[name].mean if name in variant.cells else None, scale.get(name, 1.0)) for name in quality
    ]
    tokens = (amount(cost.prompt_tokens), amount(cost.completion_tokens))
    return entries(variant.name, amount(cost.calls, 1), *tokens, amount(cost.llm_s, 1), *money, *means)


def failures_table(findings: Findings) -> Table | None:
    """The cases that failed, and why."""
    shown = findings.failures[:MOST_FAILURES]
    rest = len(findings.failures) - len(shown)
    remarks = (f"{amount(rest)} more are in the run folders.",) if rest else ()
    rows = tuple(entries(failure.variant, failure.case_id, failure.reason) for failure in shown)
    caption = f"{amount(len(findings.failures))} failed: counted, and never scored."
    return _table("failures", caption, ("Variant", "Case", "Reason"), rows, n_words=3, remarks=remarks)


def facts_table(findings: Findings) -> Table | None:
    """What is needed to repeat the experiment."""
    rows = tuple((Entry(label), Entry(fact)) for label, fact in findings.facts.items())
    return _table("facts", "Settings, versions and hashes of this experiment.", ("Fact", "Value"), rows, n_words=2)


def _table(
    name: str,
    caption: str,
    columns: tuple[str, ...],
    rows: tuple[Row, ...],
    n_words: int = 1,
    remarks: tuple[str, ...] = (),
) -> Table | None:
    return Table(name, caption, columns, (Group(rows),), n_words, remarks=remarks) if rows else None
