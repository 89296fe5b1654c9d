"""The tables of a report, made from findings; a table that would be empty is None."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from unlike.evaluate.report.number_format import NOT_AVAILABLE, amount, finite, interval, p_value, signed, value
from unlike.evaluate.report.table_format import Group, Row, Table, TableCell, entries, letter
from unlike.evaluate.statistics.findings import Cell, Curve, Findings, PairedTest, Variant
from unlike.evaluate.statistics.significance import MIN_USERS
from unlike.progress import n_of

MAX_FAILURES = 500
LEVEL = 0.05
WORTH = "worth of the user"
_LEGEND = (
    "Marks compare with the best baseline of that metric: * p < 0.05 and ** p < 0.01 over users, † p < 0.05 over runs, "
    "each after Holm's correction and by both the t-test and the permutation test; ↓ where the value is the worse one."
)
_ABOUT_CUT = "Cut off: texts that max_tokens ended before the LLM did; they are scored as they are."

Tests = Mapping[tuple[str, str, str], PairedTest]
"""By (variant, metric, unit)."""


def labels(findings: Findings) -> dict[str, str]:
    """The label of each metric, with its unit where it has one."""
    return {
        name: f"{label} ({scale})" if isinstance(scale, str) and scale else label
        for name, label, scale in findings.metrics
    }


def scales(findings: Findings) -> dict[str, float | str]:
    """The scale of each metric."""
    return {name: scale for name, _, scale in findings.metrics}


def metric_of(findings: Findings, name: str) -> tuple[str, float | str]:
    """Label and scale of a metric."""
    return labels(findings).get(name, name), scales(findings).get(name, 1.0)


def table_of(
    name: str,
    caption: str,
    columns: tuple[str, ...],
    rows: Iterable[Row],
    n_words: int = 1,
    remarks: tuple[str, ...] = (),
) -> Table | None:
    """A table of rows; None without any."""
    made = tuple(rows)
    return Table(name, caption, columns, (Group(made),), n_words, remarks=remarks) if made else None


# Metrics --------------------------------------------------------------------------------------------------------------


def main_table(findings: Findings) -> Table | None:
    """The table of the main metrics, with published figures where they survive."""
    if not findings.variants or not findings.main:
        return None
    caption = (
        "Mean ± standard deviation over runs, with 95 % interval over users; best in bold, second best underlined."
    )
    return _metric_table(findings, "main", caption, findings.main, _about_papers(findings))


def sanity_table(findings: Findings) -> Table | None:
    """The table of checks of the main metrics: equal length, diversity, length, leakage."""
    others = [name for name, _, _ in findings.metrics if name not in findings.main]
    if not findings.variants or not others:
        return None
    return _metric_table(findings, "sanity", "The other metrics, as mean ± standard deviation over runs.", others, ())


def sign(findings: Findings, metric: str) -> int:
    """What a difference is multiplied by so that above 0 is better: -1 where less is better."""
    return -1 if metric in findings.lower_is_better else 1


def marks(tests: Tests, variant: str, metric: str, sign: int = 1) -> str:
    """The marks of significance of one cell, also where the variant is significantly worse."""
    users, runs = tests.get((variant, metric, "users")), tests.get((variant, metric, "runs"))
    found = [test for test in (users, runs) if is_below(test, LEVEL)]
    stars = "**" if is_below(users, 0.01) else "*" if is_below(users, LEVEL) else ""
    worse = "↓" if any(test and sign * test.difference < 0 for test in found) else ""
    return stars + ("†" if is_below(runs, LEVEL) else "") + worse


def is_below(test: PairedTest | None, level: float) -> bool:
    """Whether both the t-test and the permutation test are below a level, after Holm's correction."""
    if test is None or test.p_holm is None or test.p_permutation_holm is None:
        return False
    return max(test.p_holm, test.p_permutation_holm) < level


def shared_cases(test: PairedTest, preposition: str) -> str:
    """The cases that a test is about, in words, where it leaves some out; otherwise empty."""
    left_out = test.n_cases and test.n_left_out
    return f"{preposition} the {n_of(test.n_cases, 'case')} that both have" if left_out else ""


def by_place(tests: Sequence[PairedTest]) -> Tests:
    """The tests by (variant, metric, unit)."""
    return {(test.variant, test.metric, test.unit): test for test in tests}


def _metric_table(
    findings: Findings, name: str, caption: str, metrics: Sequence[str], remarks: tuple[str, ...]
) -> Table:
    cells = [variant.cells[metric] for variant in findings.variants for metric in metrics if metric in variant.cells]
    letters = {note: letter(place) for place, note in enumerate(dict.fromkeys(c.note for c in cells if c.note))}
    with_worth = name == "main" and bool(findings.controls)
    groups = [
        Group(tuple(_metric_row(findings, variant, metrics, letters, with_worth) for variant in variants), label)
        for label, variants in _grouped(findings.variants)
    ]
    marked = any(entry.marks for group in groups for row in group.rows for entry in row)
    return Table(
        name,
        caption,
        (
            *("Variant", *(labels(findings).get(metric, metric) for metric in metrics)),
            *((WORTH,) if with_worth else ()),
            *("n", "failed"),
            *(("cut off",) if has_cut_texts(findings) else ()),
            *(("without peers",) if _counts_peers(findings) else ()),
        ),
        tuple(groups),
        footnotes=tuple((mark, note) for note, mark in letters.items()),
        remarks=(
            *((_LEGEND,) if marked else ()),
            *((_about_worth(findings),) if with_worth else ()),
            *((_ABOUT_CUT,) if has_cut_texts(findings) else ()),
            *remarks,
        ),
    )


def _grouped(variants: Sequence[Variant]) -> list[tuple[str, list[Variant]]]:
    """Baselines first; labels only where there are both kinds."""
    baselines, others = [v for v in variants if v.is_baseline], [v for v in variants if not v.is_baseline]
    if baselines and others:
        return [("Baselines", baselines), ("Compared with the best baseline", others)]
    return [("", baselines or others)]


def _about_worth(findings: Findings) -> str:
    """What the column of worth holds."""
    label = labels(findings).get(findings.controls[0].metric, findings.controls[0].metric)
    return f"{WORTH.capitalize()}: {label} less that of the better control that was run, with the 95 % interval over users."


def _worth(findings: Findings, variant: Variant) -> TableCell:
    """What the user is worth to a variant: its gain over the better of its controls."""
    test = next((test for test in findings.controls if test.variant == variant.name), None)
    if test is None:
        return TableCell("–")
    scale = scales(findings).get(test.metric, 1.0)
    shared = shared_cases(test, ", on")
    return TableCell(
        signed(test.difference, scale),
        small=f"{interval(test.low, test.high, scale)} over {test.baseline}{shared}",
    )


def _metric_row(
    findings: Findings, variant: Variant, metrics: Sequence[str], letters: dict[str, str], with_worth: bool
) -> Row:
    cells = [variant.cells[metric] for metric in metrics if metric in variant.cells]
    small = [", ".join(f"{key} = {setting}" for key, setting in variant.settings.items())]
    small += [f"{variant.n_cases} of {n_of(findings.n_cases, 'case')}"] if variant in with_fewer_cases(findings) else []
    counts = [max((cell.n for cell in cells), default=0), max((cell.n_failed for cell in cells), default=0)]
    more = [variant.n_cut] if has_cut_texts(findings) else []
    more += [variant.n_without_peers] if _counts_peers(findings) else []
    return (
        TableCell(variant.name, small="; ".join(filter(None, small))),
        *(_cell(findings, variant, metric, letters) for metric in metrics),
        *((_worth(findings, variant),) if with_worth else ()),
        *entries(*map(str, counts), *("–" if count is None else str(count) for count in more)),
    )


def with_fewer_cases(findings: Findings) -> list[Variant]:
    """The variants that lack cases of others; means over different cases are not quite comparable."""
    return [variant for variant in findings.variants if variant.n_cases < findings.n_cases]


def has_cut_texts(findings: Findings) -> bool:
    """Whether ``max_tokens`` cut off any text."""
    return any(variant.n_cut for variant in findings.variants)


def _counts_peers(findings: Findings) -> bool:
    return any(variant.n_without_peers is not None for variant in findings.variants)


def _cell(findings: Findings, variant: Variant, metric: str, letters: dict[str, str]) -> TableCell:
    cell, scale = variant.cells.get(metric, Cell(None)), scales(findings).get(metric, 1.0)
    tests, footnote = by_place(findings.tests), letters.get(cell.note, "")
    below = [f"{value(cell.low, scale)} to {value(cell.high, scale)}"] if finite(cell.low) is not None else []
    test = tests.get((variant.name, metric, "users"))
    if test and test.p_t is None:
        below.append(f"not tested: {test.n} of at least {MIN_USERS} users")
    elif test and (shared := shared_cases(test, " over")):
        below.append(f"tested against {test.baseline}{shared}")
    if metric in variant.paper:
        below.append(f"paper: {value(variant.paper[metric], scale)}")
    if finite(cell.mean) is None:
        return TableCell(NOT_AVAILABLE, small="; ".join(below), footnote=footnote)
    spread = "" if finite(cell.std) is None else f" ± {value(cell.std, scale)}"
    text = value(cell.mean, scale) + spread
    return TableCell(
        text, cell.rank, marks(tests, variant.name, metric, sign(findings, metric)), "; ".join(below), footnote
    )


def _about_papers(findings: Findings) -> tuple[str, ...]:
    """Where the papers' figures are printed, and variants without any; nothing where none has any."""
    tables = dict.fromkeys(variant.paper_table for variant in findings.variants if variant.paper)
    if not tables:
        return ()
    without = [variant.name for variant in findings.variants if not variant.paper]
    source = f"The papers' figures are from {'; '.join(tables)}: the same test cases, LLM and settings, other prompts."
    return (source, f"No published figures are available for: {', '.join(without)}.") if without else (source,)


# Tests and sweeps -------------------------------------------------------------------------------------------------


def tests_table(findings: Findings) -> Table | None:
    """Every paired test that was made, with all its figures."""
    columns = ("Variant", "Against", "Metric", "Over", "Difference", "95 % interval", "n", "left out")
    p_columns = ("p (t-test)", "p (Holm)", "p (permutation)", "p (permutation, Holm)", "p (Wilcoxon)", "d_z")
    rows = [_test(findings, test) for test in findings.tests if test.p_t is not None]
    caption = "Paired tests against the best baseline of each metric. Holm's correction is over all tests of a metric."
    return table_of("tests", caption, (*columns, *p_columns), rows, n_words=4)


def _test(findings: Findings, test: PairedTest) -> Row:
    metric, scale = metric_of(findings, test.metric)
    p_values = (test.p_t, test.p_holm, test.p_permutation, test.p_permutation_holm, test.p_wilcoxon)
    difference = (signed(test.difference, scale), interval(test.low, test.high, scale))
    effect = "–" if test.effect is None else signed(test.effect, 100)
    counts = (str(test.n), str(test.n_left_out))
    return entries(
        test.variant, test.baseline, metric, test.unit, *difference, *counts, *map(p_value, p_values), effect
    )


def curves_table(findings: Findings) -> Table | None:
    """The values behind the curves."""
    rows = (row for curve in findings.curves for row in _curve(findings, curve))
    columns = ("Method", "Setting", "Metric", "Value", "Mean", "95 % interval")
    return table_of("curves", "Sweeps, with one setting changed and the others kept.", columns, rows, n_words=3)


def _curve(findings: Findings, curve: Curve) -> Iterable[Row]:
    metric, scale = metric_of(findings, curve.metric)
    for method, points in curve.lines.items():
        for at, mean, low, high in points:
            ends = interval(low, high, scale).replace("+", "")
            yield entries(method, curve.setting, metric, f"{at:g}", value(mean, scale), ends)


# Cost, failures, facts, figures ---------------------------------------------------------------------------------------


MONEY = "Money, in the currency of the prices"


def cost_table(findings: Findings) -> Table | None:
    """Mean cost per case, next to the quality of its text."""
    priced = any(variant.cost.money is not None for variant in findings.variants)
    quality, scale = findings.main[:1], scales(findings)
    rows: list[Row] = []
    for variant in findings.variants:
        cost = variant.cost
        money = () if not priced else ("–" if cost.money is None else amount(cost.money, 5),)
        means = [value(variant.cells.get(name, Cell(None)).mean, scale.get(name, 1.0)) for name in quality]
        tokens = (amount(cost.prompt_tokens), amount(cost.completion_tokens))
        rows.append(entries(variant.name, amount(cost.calls, 1), *tokens, amount(cost.llm_s, 1), *money, *means))
    columns = (
        "Variant",
        "Calls",
        "Prompt tokens",
        "Completion tokens",
        "Seconds",
        *((MONEY,) if priced else ()),
    )
    caption = (
        "Mean cost per case; calls answered from the journal count as if they had been made. Seconds during which the engine "
        "answered several calls are divided among them."
    )
    return table_of("cost", caption, (*columns, *(labels(findings).get(name, name) for name in quality)), rows)


def failures_table(findings: Findings) -> Table | None:
    """The cases that failed, and why."""
    shown = findings.failures[:MAX_FAILURES]
    rest = len(findings.failures) - len(shown)
    remarks = (f"{amount(rest)} more are in the run folders.",) if rest else ()
    rows = (entries(failure.variant, failure.case_id, failure.reason) for failure in shown)
    caption = f"{amount(len(findings.failures))} failed: counted, and never scored."
    return table_of("failures", caption, ("Variant", "Case", "Reason"), rows, n_words=3, remarks=remarks)


def facts_table(findings: Findings) -> Table | None:
    """What is needed to repeat the experiment."""
    rows = (entries(label, fact) for label, fact in findings.facts.items())
    return table_of("facts", "Settings, versions and hashes of this experiment.", ("Fact", "Value"), rows, n_words=2)


_CELL = [field.name for field in fields(Cell)]
_TEST = [field.name for field in fields(PairedTest) if field.name not in ("variant", "metric", "unit")]
_UNITS = ("users", "runs")
FIGURE_COLUMNS = (
    *("variant", "method", "is_baseline", "settings", "metric", "label", "scale", "is_main"),
    *_CELL,
    *("paper", "n_cases", "n_without_peers", "n_cut"),
    *(f"{unit}_{name}" for unit in _UNITS for name in _TEST),
)


def figures_table(findings: Findings) -> Table:
    """Every figure unrounded, for further analysis: a row per variant and metric with its tests over users and runs."""
    tests = by_place(findings.tests)
    rows: list[Row] = []
    for variant in findings.variants:
        settings = json.dumps(variant.settings, ensure_ascii=False, sort_keys=True)
        for metric, label, scale in findings.metrics:
            cell = variant.cells.get(metric, Cell(None))
            made = [tests.get((variant.name, metric, unit)) for unit in _UNITS]
            values = [
                *(variant.name, variant.method, variant.is_baseline, settings, metric, label, scale),
                *(metric in findings.main, *(getattr(cell, name) for name in _CELL), variant.paper.get(metric)),
                *(variant.n_cases, variant.n_without_peers, variant.n_cut),
                *(getattr(test, name, None) for test in made for name in _TEST),
            ]
            rows.append(entries(*("" if one is None else str(one) for one in values)))
    return Table("figures", "Every figure.", FIGURE_COLUMNS, (Group(tuple(rows)),))
