"""Conclusions from runs whose values are known."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.worlds import DAY_MS

from unlike.data.corpus import Corpus
from unlike.embed.hashing import HashingEncoder
from unlike.evaluate.metrics import METRICS
from unlike.evaluate.statistics.calls import calls_in
from unlike.evaluate.statistics.comparisons import (
    best_baseline,
    case_studies,
    control_tests,
    gains_by_half,
    halves,
    paired_tests,
    same_texts,
    uniqueness,
    user_gains,
)
from unlike.evaluate.statistics.conditions import across, differing, stated
from unlike.evaluate.statistics.curves import curves
from unlike.evaluate.statistics.measured import (
    MeasuredRun,
    by_variant,
    cell,
    cost,
    facts_of,
    failures,
    measure,
    n_cut,
    ranks,
    unmatched,
    values_by_user,
    variants,
)
from unlike.records import Case, Generation, Item, Record

USERS = [f"u{n}" for n in range(12)]
CALL = {"prompt_tokens": 100, "completion_tokens": 20, "wall_s": 0.5}


def corpus():
    records = [
        Record(f"{user}-{k}", user, f"i{k}", f"text {k} of {user} " + "odd words " * (n * 3), "t", 4.0, k * DAY_MS)
        for n, user in enumerate(USERS)
        for k in range(3)
    ]
    cases = [
        Case(r.id, r.user_id, r.item_id, r.timestamp, r.title, r.rating, r.text, "test")
        for r in records
        if r.item_id == "i2"
    ]
    return Corpus(records, [Item(f"i{k}", f"Item {k}") for k in range(3)], cases)


def run_of(variant, values, temperature=0.8, method=None, apart=None, failed=()):
    rows = [
        Generation(f"{user}-2", user, "i2", method or variant, None, "real", "failed", "too busy")
        if user in failed
        else Generation(
            f"{user}-2",
            user,
            "i2",
            method or variant,
            "text",
            "real",
            "done",
            "",
            {"a": [{"call": CALL}], "generate": CALL},
        )
        for user in USERS[: len(values)]
    ]
    facts = {
        "method": method or variant,
        "variant": variant,
        "apart": apart or {},
        "settings": {"temperature": temperature, "seed": 0, "n_peers": (apart or {}).get("n_peers", 4), "n_records": 8},
    }
    run = MeasuredRun(Path(variant), rows, facts)
    run.add("rouge1", {f"{user}-2": value for user, value in zip(USERS, values, strict=False) if user not in failed})
    return run


def groups():
    base = [0.2, 0.3, 0.25, 0.22, 0.28, 0.31, 0.27, 0.21, 0.24, 0.26, 0.29, 0.23]
    return by_variant(
        [
            run_of("non_perso", [v - 0.1 for v in base]),
            run_of("rag", base),
            run_of("rag", [v + 0.02 for v in base], 0.2),
            run_of("dpl", [v + 0.05 + 0.001 * n for n, v in enumerate(base)]),
            run_of("dpl", [v + 0.07 for v in base], 0.2),
            run_of("dpl K=1", [v + 0.005 for v in base], method="dpl", apart={"n_peers": 1}),
        ]
    )


def test_cells_hold_mean_over_runs_and_interval_over_users():
    measured = cell(groups()["rag"], "rouge1")
    assert measured.mean == pytest.approx(0.265)
    assert measured.std == pytest.approx(0.02 / 2**0.5)
    assert measured.low < 0.265 < measured.high
    assert measured.n == 24
    assert cell(groups()["rag"], "nothing").mean is None


def test_a_cell_counts_scores_and_for_a_corpus_metric_texts():
    run = run_of("rag", [0.1] * 10, failed=("u9",))
    run.add("judge:x", {f"u{n}-2": 0.5 for n in range(3)})
    run.means["bleu"] = 0.2
    ungraded = run_of("rag", [0.1] * 10, 0.2)
    ungraded.add("judge:x", {})
    counts = {metric: cell([run, ungraded], metric).n for metric in ("rouge1", "judge:x", "bleu")}
    assert counts == {"rouge1": 19, "judge:x": 3, "bleu": 9}


def test_ranks_name_the_best_and_the_second():
    assert ranks(groups(), "rouge1") == {"non_perso": 0, "rag": 2, "dpl": 1, "dpl K=1": 0}


def test_none_is_best_where_all_have_the_same_value():
    alike = by_variant([run_of(name, [0.5] * 12) for name in ("rag", "dpl", "cicl")])
    assert set(ranks(alike, "rouge1").values()) == {0}
    assert ranks(by_variant([run_of("rag", [0.5] * 12)]), "rouge1") == {"rag": 1}


def test_texts_that_were_cut_off_are_counted_where_traces_say_how_they_ended():
    def rows(*reasons):
        return [
            Generation("a", "u", "i", "rag", "text", "real", "done", "", {"generate": {"finish_reason": r}})
            for r in reasons
        ]

    failed = Generation("b", "u", "i", "rag", None, "real", "failed", "too busy")
    assert n_cut([*rows("length", "stop", "length"), failed]) == 2
    assert n_cut(run_of("rag", [0.1]).rows) is None, "a run from before reasons were kept"


def test_difference_aware_methods_are_tested_against_the_best_baseline_over_users_and_runs():
    found = {(test.variant, test.unit): test for test in paired_tests(groups(), ["rouge1"])}
    assert best_baseline(groups(), "dpl", "rouge1") == "rag"
    over_users, over_runs = found["dpl", "users"], found["dpl", "runs"]
    assert over_users.difference == pytest.approx(0.05275)
    assert (over_users.n, over_users.n_left_out) == (12, 0)
    assert over_users.p_t <= over_users.p_holm < 0.001
    assert found["dpl K=1", "users"].p_holm >= found["dpl K=1", "users"].p_t
    assert over_runs.n == 2 and over_runs.p_permutation_holm == 0.5
    assert over_users.p_permutation_holm == pytest.approx(2 * 2**-11)


def test_three_users_bear_no_test_however_alike_their_gains():
    few = by_variant([run_of("rag", [0.2, 0.3, 0.25]), run_of("dpl", [0.26, 0.36, 0.311])])
    for test in paired_tests(few, ["rouge1"]):
        assert test.difference == pytest.approx(0.0603, abs=1e-3) and test.n == 3 and test.unit == "users"
        assert {test.p_t, test.p_wilcoxon, test.p_permutation, test.p_holm, test.p_permutation_holm} == {None}


def two_experiments():
    """Mine: seeds 0 and 1, 10 cases, dpl ahead. Another's: seed 0, 12 cases, two easy ones, so its means are higher."""

    def made(variant, values, seed, folder, lengths):
        run = run_of(variant, values)
        run.facts["settings"] |= {"seed": seed, "n_records": lengths}
        object.__setattr__(run, "folder", Path(folder) / "runs" / f"{variant}_s{seed}")
        run.means["bleu"] = run.means["rouge1"]
        return run

    mine = [
        made(name, [value + step * n for n in range(10)], seed, "mine", 8)
        for name, value, step in (("non_perso", 0.1, 0.01), ("dpl", 0.12, 0.011))
        for seed in (0, 1)
    ]
    other = [
        made(name, [*(value + 0.01 * n for n in range(10)), 0.9, 0.9], 0, "other", 2)
        for name, value in (("non_perso", 0.13), ("dpl", 0.16))
    ]
    return mine, other


def test_a_variant_is_tested_against_its_own_experiment_whatever_another_one_has():
    mine, other = two_experiments()
    alone, both = by_variant(mine), by_variant([*mine, *other])
    (together,) = [test for test in control_tests(both, "rouge1") if test.variant == "dpl (mine)"]
    assert together.baseline == "non_perso (mine)" and together.difference == pytest.approx(0.0245)
    for metric in ("rouge1", "bleu"):
        of_mine = [test for test in paired_tests(both, [metric]) if test.variant == "dpl (mine)"]
        for one, test in zip(paired_tests(alone, [metric]), of_mine, strict=True):
            assert replace(
                one, variant="dpl (mine)", baseline="non_perso (mine)", p_holm=0, p_permutation_holm=0
            ) == replace(test, p_holm=0, p_permutation_holm=0)
    others = [test.baseline for test in paired_tests(both, ["rouge1"]) if test.variant == "dpl (other)"]
    assert set(others) == {"non_perso (other)"}


def test_a_baseline_of_another_experiment_is_compared_over_the_cases_that_both_have():
    mine, other = two_experiments()
    parts = by_variant([*(run for run in mine if run.variant == "dpl"), *other, run_of("rag", [0.2] * 12)])
    parts["rag"][0].facts["settings"]["n_records"] = 2
    assert (
        best_baseline(parts, "dpl (mine)", "rouge1") == "rag"
    )  # 0.2 against 0.175 over the ten; over twelve it is behind
    over_users = next(test for test in paired_tests(parts, ["rouge1"]) if test.variant == "dpl (mine)")
    assert (over_users.n_cases, over_users.n_left_out) == (10, 12)
    assert (over_users.mean, over_users.baseline_mean) == pytest.approx((0.1695, 0.2))
    assert over_users.difference == pytest.approx(over_users.mean - over_users.baseline_mean)


def test_each_tested_variant_has_its_control():
    made = [("non_perso", 0.1), ("rag", 0.2), ("dpl", 0.3), ("dep", 0.4), ("dep_shuffled", 0.35), ("drp", 0.3)]
    found = control_tests(by_variant([run_of(name, [value] * 12) for name, value in made]), "rouge1")
    assert {test.variant: test.baseline for test in found} == {
        "dpl": "non_perso",
        "dep": "dep_shuffled",
        "drp": "non_perso",
    }
    assert control_tests(by_variant([run_of("dpl", [0.3] * 12)]), "rouge1") == []


def test_the_control_is_the_better_of_those_that_were_run():
    made = [("non_perso", 0.1), ("dpl_stranger", 0.2), ("dpl_other_item", 0.25), ("dpl", 0.3), ("prompt_tuning", 0.38)]
    made += [("dep", 0.4), ("dep_shuffled", 0.35)]
    found = control_tests(by_variant([run_of(name, [value] * 12) for name, value in made]), "rouge1")
    assert {test.variant: test.baseline for test in found} == {"dpl": "dpl_other_item", "dep": "prompt_tuning"}
    assert [test.difference for test in found] == pytest.approx([0.05, 0.02])


def test_controls_gains_and_curves_go_by_method_whatever_variants_are_called():
    made = [("nobody", "non_perso", "", 0.1), ("a", "dep", "A", 0.4), ("b", "dep", "B", 0.3), ("dpl", "rag", "", 0.2)]
    made += [("a of another", "dep_shuffled", "A", 0.3), ("b of another", "dep_shuffled", "B", 0.25)]
    runs = [run_of(name, [value] * 12, method=method) for name, method, _, value in made]
    for run, (_, _, adapter, _) in zip(runs, made, strict=True):
        run.facts["settings"]["adapter"] = adapter
    named = by_variant(runs)
    found = {test.variant: test.baseline for test in control_tests(named, "rouge1")}
    assert found == {"a": "a of another", "b": "b of another"}
    there = corpus()
    gains = user_gains(named, "rouge1", uniqueness(there.cases(), there, HashingEncoder()), there)
    assert {gain.variant for gain in gains} == set(named) - {"nobody"}
    assert case_studies(named, "rouge1", there) == []  # a variant called "dpl" is not one of DPL
    studies = case_studies(named, "rouge1", there, about="dep")
    assert len(studies) == 3 and set(studies[0].texts) == set(named)
    swept = [run_of(f"K{n}", [n / 10] * 12, method="dep", apart={"n_records": n}) for n in (1, 2)]
    for n, run in enumerate(swept, 1):
        run.facts["settings"]["n_records"] = n
    (curve,) = curves(by_variant([run_of("K0", [0.05] * 12, method="non_perso"), *swept]), ["rouge1"])
    assert [point[0] for point in curve.lines["dep"]] == [0.0, 1.0, 2.0]
    assert [point[1] for point in curve.lines["dep"]] == pytest.approx([0.05, 0.1, 0.2])


def test_of_two_controls_that_with_the_variants_settings_counts_and_never_one_of_another_llm():
    single, turns = run_of("single", [0.1] * 12, method="non_perso"), run_of("turns", [0.15] * 12, method="non_perso")
    ours, other = run_of("ours", [0.3] * 12, method="dpl"), run_of("other", [0.4] * 12, method="dpl")
    single.facts["settings"]["layout"] = ours.facts["settings"]["layout"] = "single"
    turns.facts["settings"]["layout"] = other.facts["settings"]["layout"] = "turns"
    found = control_tests(by_variant([single, turns, ours, other]), "rouge1")
    assert {test.variant: test.baseline for test in found} == {"ours": "single", "other": "turns"}
    for run in (single, turns):
        run.facts["llm"] = "openai:large@http://there:1/v1"
    for run in (ours, other):
        run.facts["llm"] = "openai:large@http://here:2/v1"
    # The same model at another address.
    assert len(control_tests(by_variant([single, turns, ours, other]), "rouge1")) == 2
    for run in (ours, other):
        run.facts["llm"] = "openai:small@http://here:2/v1"
    assert control_tests(by_variant([single, turns, ours, other]), "rouge1") == []


@pytest.mark.parametrize("fact", ["llm", "task"])
def test_nothing_is_compared_across_llms_or_tasks(fact):
    made = [("rag", 0.2, "a"), ("dpl", 0.3, "a"), ("cicl", 0.5, "b"), ("drp", 0.6, "b"), ("dpl_verified", 0.9, "c")]
    runs = [run_of(name, [value] * 12) for name, value, _ in made]
    for run, (_, _, value) in zip(runs, made, strict=True):
        run.facts[fact] = value
    named = by_variant(runs)
    found = paired_tests(named, ["rouge1"])
    assert {(test.variant, test.baseline) for test in found} == {("dpl", "rag"), ("drp", "cicl")}
    assert ranks(named, "rouge1") == {"rag": 2, "dpl": 1, "cicl": 2, "drp": 1, "dpl_verified": 1}
    label = {"llm": "LLM"}.get(fact, fact)
    rows = variants(named, ["rouge1"], [], (None, None))
    assert {row.name: row.settings for row in rows} == {name: {label: value} for name, _, value in made}
    (note,) = across(facts_of(named))
    assert "3 combinations of LLM and task" in note and "nothing is compared across" in note
    assert across(facts_of(by_variant(runs[:2]))) == []


def test_conditions_that_differ_are_named_and_a_variants_own_settings_are_not():
    runs = [run_of("rag", [0.2] * 3), run_of("dpl", [0.3] * 3), run_of("dpl K=1", [0.3] * 3, apart={"n_peers": 1})]
    assert differing(facts_of(by_variant(runs))) == {"rag": {}, "dpl": {}, "dpl K=1": {}}
    runs[1].facts["settings"]["n_records"] = 2
    runs[2].facts["settings"]["temperature"] = 0.1
    found = differing(facts_of(by_variant(runs)))
    assert found["dpl"] == {"n_records": 2, "temperature": "0.8"}
    assert found["dpl K=1"] == {"n_records": 8, "temperature": "0.1"}
    assert stated({"rag": "8", "dpl": "2", "cicl": "8"}) == "differs: 8 (rag, cicl); 2 (dpl)"


def test_runs_of_one_method_with_two_llms_are_two_variants_named_after_their_folders():
    one, other, again = (run_of("dpl", [0.2] * 3, temperature) for temperature in (0.8, 0.8, 0.2))
    one.facts["llm"] = again.facts["llm"] = "small"
    other.facts["llm"] = "large"
    assert list(by_variant([one, again])) == ["dpl"]
    for run, name in ((one, "a"), (other, "b"), (again, "c")):
        object.__setattr__(run, "folder", Path(name))
    assert by_variant([one, other, again]) == {"dpl (a)": [one, again], "dpl (b)": [other]}
    for run, folder in ((one, "mine/runs/dpl_s0"), (other, "second/runs/dpl_s0"), (again, "mine/runs/dpl_s1")):
        object.__setattr__(run, "folder", Path(folder))
    assert by_variant([one, other, again]) == {"dpl (mine)": [one, again], "dpl (second)": [other]}
    object.__setattr__(other, "folder", Path("elsewhere/mine/runs/dpl_s0"))
    assert len(by_variant([one, other, again])) == 2


@pytest.mark.parametrize(("fact", "value"), [("task", "mail"), ("templates", "0f"), ("embedder", "minilm")])
def test_runs_that_differ_in_task_templates_or_encoder_are_no_repeats(fact, value):
    one, other = run_of("dpl", [0.2] * 3), run_of("dpl", [0.4] * 3)
    other.facts[fact] = value
    object.__setattr__(other, "folder", Path("second"))
    assert list(by_variant([one, other])) == ["dpl (dpl)", "dpl (second)"]


def test_of_a_metric_that_counts_errors_the_lowest_is_the_best(monkeypatch):
    monkeypatch.setitem(METRICS, "rouge1", replace(METRICS["rouge1"], lower_is_better=True))
    assert ranks(groups(), "rouge1") == {"non_perso": 1, "rag": 0, "dpl": 0, "dpl K=1": 2}
    assert best_baseline(groups(), "dpl K=1", "rouge1") == "non_perso"
    there = corpus()
    gains = user_gains(groups(), "rouge1", uniqueness(there.cases(), there, HashingEncoder()), there)
    assert len(gains) == 24 and all(gain.gain < 0 for gain in gains)
    assert case_studies(groups(), "rouge1", there)[0].case_id == "u0-2"


def test_variants_with_the_same_texts_in_all_cases_are_noted():
    runs = [run_of(name, [0.1] * 4, failed=failed) for name, failed in (("rag", ()), ("dpl", ("u1",)), ("cicl", ()))]
    other = replace(runs[2], rows=[replace(row, text=f"text {row.case_id}") for row in runs[2].rows])
    (note,) = same_texts(by_variant([*runs[:2], other]))
    assert note.startswith("The texts of rag and dpl are the same in all 3 cases: either their prompts are equal")
    assert same_texts(by_variant([run_of("rag", [0.1]), run_of("dpl", [0.1])])) == []
    (note,) = same_texts(by_variant([run_of(name, [0.1] * 4) for name in ("rag", "dpl", "cicl")]))
    assert note.startswith("The texts of rag, dpl and cicl are the same in all 4 cases")


def test_a_case_that_failed_for_one_is_left_out_for_both():
    a, b = [run_of("rag", [0.1] * 8, failed=("u1",))], [run_of("dpl", [0.2] * 8, failed=("u2",))]
    left_out = unmatched(a, b, "rouge1")
    assert {case for case, _ in left_out} == {"u1-2", "u2-2"}
    assert (
        set(values_by_user(a, "rouge1", left_out))
        == set(values_by_user(b, "rouge1", left_out))
        == set(USERS[:8]) - {"u1", "u2"}
    )
    assert [failure.case_id for failure in failures(by_variant([*a, *b]))] == ["u1-2", "u2-2"]
    assert cell(a, "rouge1").n_failed == 1


def test_costs_are_summed_over_every_call_of_the_trace():
    assert len(calls_in({"a": [{"call": CALL}], "b": {"c": (CALL,)}, "d": "x"})) == 2
    paid = cost([run_of("rag", [0.1] * 8)], (1.0, 10.0))
    assert (paid.calls, paid.prompt_tokens, paid.completion_tokens, paid.llm_s) == (2, 200, 40, 1.0)
    assert paid.money == pytest.approx(600e-6)
    assert cost([], (None, None)).money is None
    run = run_of("rag", [0.1])
    again = replace(run, rows=[replace(row, trace={"generate": {**CALL, "rewrites": 3}}) for row in run.rows])
    assert cost([again], (None, None)).calls == 4


def test_curves_follow_the_setting_that_was_swept():
    (curve,) = curves(groups(), ["rouge1"])
    assert curve.setting == "n_peers"
    assert [point[0] for point in curve.lines["dpl"]] == [1.0, 4.0]


def test_a_curve_over_adapters_joins_those_that_were_each_trained_for_a_value():
    def trained(adapter, n):
        run = run_of(f"{adapter} N={n}", [n / 10] * 3, method="dep", apart={"n_records": n, "adapter": adapter})
        run.facts["settings"] |= {"n_records": n, "adapter": adapter}
        object.__setattr__(run, "folder", Path(adapter) / "runs")
        return run

    (curve,) = curves(by_variant([trained(f"K{n}", n) for n in (1, 2, 3)]), ["rouge1"])
    assert {name: [point[0] for point in line] for name, line in curve.lines.items()} == {"dep": [1.0, 2.0, 3.0]}
    (curve,) = curves(by_variant([trained(adapter, n) for adapter in "AB" for n in (1, 2)]), ["rouge1"])
    assert [[point[0] for point in line] for line in curve.lines.values()] == [[1.0, 2.0], [1.0, 2.0]]


def test_runs_that_differ_in_more_than_the_setting_are_no_line():
    def sweep(of, llm, values):
        runs = [run_of(f"dpl K={k}", [value] * 3, method="dpl", apart={"n_peers": k}) for k, value in values.items()]
        for run in runs:
            run.facts["llm"] = llm
            object.__setattr__(run, "folder", Path(of) / "runs" / run.variant)
        return runs

    plain = run_of("dpl random", [0.9] * 3, method="dpl", apart={"selector": "random"})
    plain.facts["settings"]["selector"] = "random"
    alone = run_of("dpl random K=3", [0.9] * 3, method="dpl", apart={"selector": "farthest", "n_peers": 3})
    alone.facts["settings"]["selector"] = "farthest"
    one, two = sweep("one", "small", {1: 0.1, 2: 0.2}), sweep("two", "large", {1: 0.5, 3: 0.7})
    (curve,) = curves(by_variant([*one, plain, alone]), ["rouge1"])
    assert {name: [point[:2] for point in line] for name, line in curve.lines.items()} == {
        "dpl": [(1.0, pytest.approx(0.1)), (2.0, pytest.approx(0.2))]
    }
    (curve,) = curves(by_variant([*one, *two]), ["rouge1"])
    assert {name: [point[0] for point in line] for name, line in curve.lines.items()} == {
        "dpl (one)": [1.0, 2.0],
        "dpl (two)": [1.0, 3.0],
    }


def test_variants_carry_what_sets_them_apart():
    rows = {row.name: row for row in variants(groups(), ["rouge1"], [], (None, None))}
    assert rows["dpl K=1"].settings == {"n_peers": 1}
    assert rows["rag"].is_baseline
    assert not rows["dpl"].is_baseline


def test_gains_are_over_non_perso_and_split_by_uniqueness():
    there = corpus()
    distances = uniqueness(there.cases(), there, HashingEncoder())
    gains = user_gains(groups(), "rouge1", distances, there)
    assert {gain.variant for gain in gains} == {"rag", "dpl"}
    assert all(gain.history_records == 2 for gain in gains)
    split = gains_by_half(gains, distances)
    assert {half.half for half in split} == {"unique", "not unique"}
    assert all(half.n_users == 6 for half in split)
    assert [half.gain for half in split if half.variant == "rag"] == pytest.approx([0.1, 0.1])


def test_the_odd_ones_out_are_unique():
    there = corpus()
    distances = uniqueness(there.cases(), there, HashingEncoder())
    assert "u0" in halves(distances)["unique"]
    assert uniqueness([], there, HashingEncoder()) == {}


def test_case_studies_are_the_largest_the_middle_and_the_smallest_gain():
    studies = case_studies(groups(), "rouge1", corpus())
    assert [study.user_id for study in studies][0] == "u11"
    assert len(studies) == 3
    assert set(studies[0].texts) == {"non_perso", "rag", "dpl"}
    assert case_studies({}, "rouge1", corpus()) == []
    assert [study.item_title for study in studies] == ["Item 2"] * 3
    bare = Corpus(corpus().records(), [Item(f"i{k}") for k in range(3)], corpus().cases())
    assert [study.item_title for study in case_studies(groups(), "rouge1", bare)] == ["i2"] * 3


def test_the_history_of_a_gain_is_that_before_the_latest_case_whatever_the_order_of_the_rows():
    there = corpus()
    early = [replace(case, id=f"{case.user_id}-1", item_id="i1", timestamp=DAY_MS) for case in there.cases()]
    both = Corpus(there.records(), [Item(f"i{k}", f"Item {k}") for k in range(3)], [*there.cases(), *early])
    runs = [run_of(name, [value] * 12) for name, value in (("non_perso", 0.1), ("rag", 0.2))]
    for run in runs:
        run.rows.extend(replace(row, case_id=f"{row.user_id}-1", item_id="i1") for row in list(run.rows))
    distances = uniqueness(both.cases(), both, HashingEncoder())
    assert {gain.history_records for gain in user_gains(by_variant(runs), "rouge1", distances, both)} == {2}


def test_runs_of_a_report_are_measured_by_one_language_also_where_cases_failed(tmp_path):
    """The only text that one method wrote is beside a café: alone, its language would not be English."""
    english = "the lamp lights the table, and it is all that they had hoped for in this hall " * 20
    real = {"c1": "The café was lovely", "c2": english}
    for method, n_failed in (("dpl", 0), ("rag", 1)):
        (tmp_path / method).mkdir()
        (tmp_path / method / "run.json").write_text(json.dumps({"method": method, "settings": {}}))
        rows = [Generation(case, "u", "i", method, "the caf was lovely", text, "done") for case, text in real.items()]
        rows[1:] = [replace(row, text=None, status="failed") if n_failed else row for row in rows[1:]]
        text = "".join(json.dumps(asdict(row)) + "\n" for row in rows)
        (tmp_path / method / "generations.jsonl").write_text(text)
    runs = measure([tmp_path / "dpl", tmp_path / "rag"], ["rouge1"], corpus())
    assert [run.per_case["rouge1"]["c1"] for run in runs] == [1.0, 1.0]
