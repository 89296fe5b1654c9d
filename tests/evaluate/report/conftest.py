"""Findings made up so that every part of a report has something to show, and hostile texts something to break."""

import random
from dataclasses import replace

import pytest

from unlike.evaluate.report.page import render_html
from unlike.evaluate.statistics.findings import (
    CaseStudy,
    Cell,
    Cost,
    Curve,
    Failure,
    Findings,
    GroupGain,
    Half,
    PairedTest,
    UserGain,
    Variant,
)

METRICS = [
    ("rouge1", "ROUGE-1", 1.0),
    ("rougeL", "ROUGE-L", 1.0),
    ("bleu", "BLEU", 100.0),
    ("meteor", "METEOR", 1.0),
    ("rouge1_cut", "ROUGE-1, equal length", 1.0),
    ("distinct2", "Distinct-2", 1.0),
    ("length_ratio", "Length ratio", "generated / real"),
    ("leakage", "Leakage", "words"),
    ("bertscore", "BERTScore", 1.0),
]
MAIN = ["rouge1", "rougeL", "bleu", "meteor"]
VARIANTS = ["non_perso", "rag", "int_sum", "llm_trsr", "cicl", "dpl", "dpl K=2 selection=farthest"]
TOKENS = [420, 2900, 3300, 5200, 3700, 19800, 11200]
HOSTILE = (
    "<script>alert('x')</script> \"quoted\" & </div></body> {{ 7 * 7 }} \u202eright to left\u202c שלום عالم 😀 NUL\x00 "
    "| pipe ` tick \ud800 $x_1$ \\end{table} %"
)
LONG = "word " * 10_000


@pytest.fixture(scope="session")
def findings():
    """Seven variants, four main metrics and everything else."""
    draw = random.Random(7)
    return Findings(
        title="Digital Music, 12 cases & N = 2",
        metrics=METRICS,
        main=MAIN,
        variants=[_variant(number, name, draw) for number, name in enumerate(VARIANTS)],
        tests=_tests(),
        curves=[_curve("n_peers", "rougeL", [1, 2, 3, 4, 5], draw), _curve("n_records", "rougeL", [1, 2, 4, 8], draw)],
        halves=_halves(),
        gains=_gains(draw),
        group_gains=_group_gains(),
        cases=_cases(),
        failures=[Failure("dpl", "case-1", HOSTILE), Failure("rag", "case-9", "the engine sent nothing")],
        facts={
            "Corpus": "Digital Music 2014",
            "Cases": "12 of 9 users",
            "LLM": "embedded:SmolLM2-135M-Instruct",
            "Time rule": "as_of",
            "Commit": "3f1c" * 10,
            "Settings": '{"n_records": 2, "n_peers": 2, "sampling": {"temperature": 0.8, "top_p": 0.95}} ' * 3,
        },
        notes=["The model is tiny: these figures show that every path runs, and nothing about quality.", "Few users."],
    )


@pytest.fixture
def empty():
    """Nothing was found at all."""
    return Findings("Empty", [], [], [], [], [], [], [], [], [], [], {}, [])


@pytest.fixture
def all_failed(findings):
    """One variant, and no case of it has a text."""
    cell = Cell(None, n=0, n_failed=12, note="no case has a text")
    variant = replace(findings.variants[5], cells={name: cell for name, *_ in METRICS})
    return replace(
        findings,
        variants=[variant],
        tests=[],
        curves=[],
        halves=[],
        gains=[],
        group_gains=[],
        cases=[],
        notes=[],
        failures=[],
    )


@pytest.fixture(scope="session")
def source(findings):
    """The page of the findings."""
    return render_html(findings)


def _variant(number, name, draw):
    cells = {}
    for metric, _, scale in METRICS[:-1]:
        mean = (0.12 + 0.012 * number) * (100 if scale == 100.0 else 1) + draw.uniform(-0.004, 0.004)
        rank = {6: 1, 5: 2}.get(number, 0) if metric in MAIN else 0
        low, high = (None, None) if metric == "bleu" else (mean * 0.86, mean * 1.15)
        cells[metric] = Cell(mean, mean * 0.02, low, high, 60, 1 if name in ("dpl", "rag") else 0, rank)
    cells["bertscore"] = Cell(None, note="bert-score is not installed; install it")
    cost = Cost(1 + number, TOKENS[number] * 0.9, TOKENS[number] * 0.1, 3.2 * (number + 1), 0.0001 * TOKENS[number])
    settings = {"n_peers": 2, "selection": "farthest"} if number == 6 else {}
    paper = {"rouge1": 0.3107, "rougeL": 0.1624} if name == "dpl" else {}
    return Variant(name, name.split()[0], number < 5, settings, cells, cost, paper, "DPL, table 8" if paper else "")


def _tests():
    made = {("dpl", "rouge1"): (0.03, 0.004), ("dpl", "rougeL"): (0.02, 0.03), ("dpl", "bleu"): (0.01, 0.4)}
    made |= {(VARIANTS[6], "rouge1"): (0.04, 0.0004), (VARIANTS[6], "meteor"): (-0.02, 0.02)}
    over_users = [
        PairedTest(
            variant, "cicl", metric, "users", gain, gain - 0.01, gain + 0.01, 11, 1, p / 2, p, p * 0.8, p, p, 0.7
        )
        for (variant, metric), (gain, p) in made.items()
    ]
    over_runs = PairedTest(
        "dpl", "cicl", "rouge1", "runs", 0.03, None, None, 5, 0, 0.01, 0.06, 0.06, 0.01, 0.06, float("inf")
    )
    return [*over_users, over_runs]


def _curve(setting, metric, values, draw):
    lines = {}
    for number, method in enumerate(("rag", "dpl", "drp")):
        means = [0.15 + 0.01 * number + 0.004 * place + draw.uniform(-0.003, 0.003) for place in range(len(values))]
        lines[method] = [(value, mean, mean - 0.01, mean + 0.012) for value, mean in zip(values, means, strict=True)]
    lines["rag"] = [(value, mean, None, None) for value, mean, *_ in lines["rag"]]
    return Curve(setting, metric, lines)


def _halves():
    return [
        Half(variant, metric, half, gain, gain - 0.015, gain + 0.012, 15)
        for metric in ("rouge1", "rougeL")
        for variant, shift in (("rag", 0.0), ("dpl", 0.012), (VARIANTS[6], 0.02))
        for half, gain in (("unique", 0.02 + shift), ("not unique", 0.004 + shift / 2))
    ]


def _gains(draw):
    users = [(f"user-{number:02}", draw.randint(3, 40), draw.uniform(0.1, 0.6)) for number in range(30)]
    return [
        UserGain(variant, metric, user, draw.gauss(0.01, 0.03), history, uniqueness)
        for metric in ("rouge1", "rougeL")
        for variant in ("rag", "dpl", VARIANTS[6])
        for user, history, uniqueness in users
    ]


def _group_gains():
    """An attribute with a worst group beyond chance, one that may be chance, and one with a single group."""
    return [
        GroupGain("dpl", "rouge1", "language", "de", -0.02, -0.03, -0.01, 12, -0.03, 0.001, 0.003, True),
        GroupGain("dpl", "rouge1", "language", "en", 0.01, 0.005, 0.015, 17, 0.02, 0.002, 0.004),
        GroupGain("dpl", "rouge1", "language", HOSTILE, 0.03, None, None, 1, 0.02, None),
        GroupGain("dpl", "rouge1", "age", "age <= 34", 0.0, -0.01, 0.01, 15, -0.01, 0.4, 0.4, True),
        GroupGain("dpl", "rouge1", "age", "age > 34", 0.01, 0.0, 0.02, 15, 0.01, 0.4, 0.4),
        GroupGain("dpl", "rouge1", "country", "not known", 0.005, 0.0, 0.01, 30, None, None),
    ]


def _cases():
    real = "I bought this album for the second song and stayed for the Drums, which never hurry. " * 3
    wrote = "The drums on this album never shout. I like the second song, and the singer does not hurry anyone."
    texts = {name: wrote for name in VARIANTS[:5]} | {"dpl": None, VARIANTS[6]: HOSTILE}
    first = CaseStudy("case-1", "user-01", "Blue Train", "Steady & warm", 4.0, real, texts, {VARIANTS[6]: HOSTILE})
    second = replace(first, case_id=HOSTILE, user_id=HOSTILE, item_title=HOSTILE, request_title=HOSTILE, rating=None)
    return [first, replace(second, reference=HOSTILE, texts={"rag": LONG, "dpl": HOSTILE})]
