"""The page in a browser, on a phone and on a desk: nothing is cut off, too small, or over something else."""

from dataclasses import replace

from tests.experiments.conftest import plan_file, sample  # noqa: F401 - fixtures
from tests.experiments.test_rubric_judge import judge  # noqa: F401
from tests.inspector.conftest import browser, walk  # noqa: F401

import unlike
from unlike.evaluate.report.page import write_report

PHONE, DESK = 390, 1280
MIN_PX = 12
MORE = """
sanity = ["length_ratio"]

[[judges]]
kind = "rubric"
uri = "{judge}"

[sweeps]
methods = ["dpl"]
n_peers = [1]
"""
OPENED = "document.querySelectorAll('details').forEach((one) => one.open = true)"
SMALL = """(least) => {
  const found = [], words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const one = words.currentNode.parentElement, matrix = one.closest("svg") && one.getScreenCTM?.();
    if (!words.currentNode.data.trim() || !one.getClientRects().length) continue;
    const size = parseFloat(getComputedStyle(one).fontSize) * (matrix ? Math.hypot(matrix.a, matrix.b) : 1);
    if (size < least) found.push(`${size} px: ${words.currentNode.data}`);
  }
  return found;
}"""
CUT_OFF = """() => [...document.querySelectorAll("svg")].flatMap((picture) => {
  const frame = picture.getBoundingClientRect(), width = document.documentElement.clientWidth;
  const inside = (box, from, to) => box.left >= from - 1 && box.right <= to + 1;
  const within = (box) => inside(box, frame.left, frame.right) && box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
  const drawn = [...picture.querySelectorAll("text, path, use")].filter((one) => !one.closest("defs"));
  const out = drawn.filter((one) => !within(one.getBoundingClientRect())).map((one) => one.textContent || one.tagName);
  return inside(frame, 0, width) && drawn.length ? out : [picture.textContent.trim()];
})"""
OVER_EACH_OTHER = """() => [...document.querySelectorAll("svg")].flatMap((picture) => {
  const words = [...picture.querySelectorAll("text")].map((one) => [one.textContent, one.getBoundingClientRect()]);
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  return words.flatMap(([a, box], n) => words.slice(n + 1).filter(([, b]) => meet(box, b)).map(([b]) => `${a} and ${b}`));
})"""
TABLES = """() => [...document.querySelectorAll("table")].map((table) => {
  const box = table.closest(".box"), edge = box.getBoundingClientRect().right;
  box.scrollLeft = 1e6;
  const name = table.className, over = box.scrollWidth - box.clientWidth, seen = table.getBoundingClientRect().right;
  return { name, over, whole: Math.abs(box.scrollLeft - over) <= 1 && Math.max(edge, seen) <= innerWidth };
})"""


def look(walked):
    """Check the whole page; returns the names of the tables that are wider than their boxes."""
    walked.page.goto(walked.address)
    walked.page.evaluate(OPENED)
    assert walked.page.evaluate(SMALL, MIN_PX) == []
    assert walked.page.evaluate(CUT_OFF) == []
    assert walked.page.evaluate(OVER_EACH_OTHER) == []
    tables = walked.page.evaluate(TABLES)
    assert tables and all(table["whole"] for table in tables), tables
    walked.check()
    return {table["name"] for table in tables if table["over"]}


def test_the_report_of_a_run_fits(walk, plan_file, judge, tmp_path):  # noqa: F811
    plan = plan_file(methods=("non_perso", "rag", "dpl"), more=MORE.format(judge=judge))
    unlike.experiment(plan, tmp_path / "out")
    for width in (PHONE, DESK):
        walked = walk((tmp_path / "out" / "report.html").as_uri(), width)
        assert look(walked) == set(), width
        names = walked.page.locator("h2").all_inner_texts()
        assert {"Results", "Rubric judges", "Pictures", "Case studies", "To repeat it"} <= set(names)


def test_many_methods_with_long_names_and_every_part_fit(walk, findings, tmp_path):  # noqa: F811
    """Tables too wide for a desk are moved in their own boxes; on a phone each row is a list."""
    few_pictures = replace(findings, main=["rouge1"], gains=[one for one in findings.gains if one.metric == "rouge1"])
    write_report(few_pictures, tmp_path / "report.html")
    for width, wide in ((PHONE, set()), (DESK, {"sanity", "tests"})):
        assert look(walk((tmp_path / "report.html").as_uri(), width, "dark")) == wide, width


def test_few_users_and_a_long_name_of_a_metric_fit_a_phone(walk, findings, tmp_path):  # noqa: F811
    long = [(name, f"{label} (an embedder, layer 12)", scale) for name, label, scale in findings.metrics]
    untested = [replace(test, n=4, p_t=None) for test in findings.tests]
    write_report(replace(findings, metrics=long, tests=untested), tmp_path / "report.html")
    assert look(walk((tmp_path / "report.html").as_uri(), PHONE)) == set()
