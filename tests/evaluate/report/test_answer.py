"""The sentence that a report begins with."""

from dataclasses import replace

import pytest

from unlike.evaluate.report.answer import answer
from unlike.evaluate.report.page import render_html, render_markdown
from unlike.evaluate.report.report_tables import by_place, main_table, marks
from unlike.evaluate.statistics.findings import PairedTest


def over_users(**changed):
    test = PairedTest("dpl", "cicl", "rouge1", "users", 0.03, 0.02, 0.04, 12, 0, 0.001, 0.002, 0.001, 0.002, 0.003, 0.7)
    return replace(test, **changed)


def test_it_names_method_baseline_difference_interval_tests_and_control(findings):
    found = replace(findings, tests=[over_users()], controls=[over_users(baseline="non_perso", difference=0.07)])
    assert answer(found) == (
        "dpl is better than the best baseline, cicl, in ROUGE-1: 0.1796 against 0.1684, a difference of +0.0300 (95 % "
        "interval [+0.0200, +0.0400], 12 users; p = 0.002 by the t-test, p = 0.003 by permutation). Against its control "
        "non_perso: a difference of +0.0700 (95 % interval [+0.0200, +0.0400], 12 users; p = 0.002 by the t-test, p = 0.003 "
        "by permutation)."
    )
    assert answer(found) in render_html(found)
    assert "dpl is better than the best baseline, cicl" in render_markdown(found).splitlines()[2]


def test_where_cases_are_left_out_the_means_are_those_of_the_test_and_its_cases_are_named(findings):
    test = over_users(n_left_out=3, n_cases=20, mean=0.21, baseline_mean=0.18)
    found = replace(findings, tests=[test], controls=[replace(test, baseline="non_perso", difference=0.07)])
    said = answer(found)
    assert "ROUGE-1: 0.2100 against 0.1800 over the 20 cases that both have, a difference of +0.0300 (95 %" in said
    assert "Against its control non_perso over the 20 cases that both have: a difference of +0.0700" in said
    rows = {row[0].text: row for group in main_table(found).groups for row in group.rows}
    assert "tested against cicl over the 20 cases that both have" in rows["dpl"][1].small
    assert any(cell.small.endswith("over non_perso, on the 20 cases that both have") for cell in rows["dpl"])


def test_p_after_correction_is_named_beside_that_before_it(findings):
    tests = [over_users(p_t=0.061, p_holm=0.245, p_permutation=0.0002), over_users(variant="drp", difference=0.0)]
    other = over_users(variant="drp", metric="bleu")
    assert (
        "12 users; after Holm's correction for 2 comparisons by the t-test p = 0.245, 0.061 before; by permutation "
        "p = 0.003, < 0.001 before)."
    ) in answer(replace(findings, tests=[*tests, other]))


def test_a_difference_that_only_the_t_test_sees_is_no_finding(findings):
    found = replace(findings, tests=[over_users(p_permutation_holm=0.25)])
    assert answer(found).startswith(
        "No method is shown to differ from the best baseline, cicl, in ROUGE-1; dpl is closest"
    )
    assert marks(by_place(found.tests), "dpl", "rouge1") == ""
    assert marks(by_place([over_users()]), "dpl", "rouge1") == "**"
    assert answer(replace(findings, tests=[over_users(difference=-0.03)])).startswith("dpl is worse than")


def test_few_users_bear_no_conclusion_and_the_cell_says_so(findings):
    none = dict.fromkeys(("p_t", "p_wilcoxon", "p_permutation", "p_holm", "p_permutation_holm", "effect"))
    found = replace(findings, tests=[over_users(n=3, **none)])
    assert answer(found).startswith(
        "3 users are too few to say which method is better in ROUGE-1: at least 10 are needed."
    )
    cells = {row[0].text: row[1] for group in main_table(found).groups for row in group.rows}
    assert cells["dpl"].small.endswith("not tested: 3 of at least 10 users; paper: 0.3107") and cells["dpl"].marks == ""
    assert "All paired tests" not in render_html(found)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["rag", "cicl"], "No test was made, since all variants are baselines: cicl has the highest ROUGE-1"),
        (
            ["dpl"],
            "Only dpl has a result: ROUGE-1 0.1796 (95 % interval 0.1545 to 0.2066). Nothing is compared with it.",
        ),
        ([], "No variant has a result."),
    ],
)
def test_without_tests_it_says_why(findings, names, said):
    variants = [variant for variant in findings.variants if variant.name in names]
    assert answer(replace(findings, variants=variants, tests=[])).startswith(said)


def test_below_the_minimum_of_users_no_variant_is_called_the_best(findings):
    for n_users, said in ((1, "1 user is"), (9, "9 users are")):
        for names in (["rag", "cicl"], ["dpl", "rag"], ["dpl", "dpl K=2 selection=farthest"]):
            variants = [variant for variant in findings.variants if variant.name in names]
            assert answer(replace(findings, variants=variants, tests=[], n_users=n_users)) == (
                f"{said} too few to say which method is better in ROUGE-1: at least 10 are needed. The figures below show what "
                "was measured and support no conclusion."
            )
    enough = replace(findings, variants=findings.variants[:2], tests=[], n_users=10)
    assert "has the highest ROUGE-1" in answer(enough)


def test_where_less_is_better_the_lower_value_is_ahead(findings):
    found = replace(
        findings, tests=[over_users(), over_users(variant="drp", difference=-0.03)], lower_is_better=["rouge1"]
    )
    assert answer(found).startswith("drp is better than the best baseline, cicl, in ROUGE-1")
    rows = {row[0].text: row[1] for group in main_table(found).groups for row in group.rows}
    assert rows["dpl"].marks == "**↓" and marks(by_place(found.tests), "drp", "rouge1", -1) == "**"
    baselines = [variant for variant in findings.variants if variant.is_baseline]
    lowest = min(baselines, key=lambda variant: variant.cells["rouge1"].mean).name
    assert f"{lowest} has the lowest ROUGE-1" in answer(replace(found, tests=[], variants=baselines))


def test_each_llm_has_its_own_sentence_and_without_tests_none_is_ahead(findings):
    other = over_users(variant="drp", baseline="rag", difference=0.01, p_holm=0.5, p_permutation_holm=0.5)
    said = answer(replace(findings, tests=[over_users(), other]))
    assert said.startswith("dpl is better than the best baseline, cicl, in ROUGE-1")
    assert "No method is shown to differ from the best baseline, rag, in ROUGE-1; drp is closest" in said
    apart = [replace(v, settings={"LLM": "small" if v.is_baseline else "large"}) for v in findings.variants]
    assert answer(replace(findings, variants=apart, tests=[])) == (
        "No test was made: variants that differ in LLM or task are not compared."
    )


def test_variants_with_fewer_cases_are_named_in_sentence_and_row(findings):
    counted = [replace(v, n_cases=8 if v.name == "rag" else 12, n_without_peers=3) for v in findings.variants]
    found = replace(findings, tests=[over_users()], variants=counted, n_cases=12)
    assert answer(found).endswith(
        "Not all variants have all 12 cases: rag has 8. Means are over the cases that each has, tests over those that both "
        "have."
    )
    table = main_table(found)
    rows = {row[0].text: row for group in table.groups for row in group.rows}
    assert (rows["rag"][0].small, rows["dpl"][0].small) == ("8 of 12 cases", "")
    assert (table.columns[-1], rows["rag"][-1].text) == ("without peers", "3")
    equal = replace(found, variants=[replace(v, n_cases=12) for v in counted])
    assert "Not all" not in answer(equal)
    assert "without peers" not in main_table(findings).columns
