"""Markdown, CSV and LaTeX, and the writing of all four files."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from tests.evaluate.report.conftest import HOSTILE, METRICS, VARIANTS

from unlike.errors import InputError
from unlike.evaluate.report.number_format import value
from unlike.evaluate.report.page import render_latex, render_markdown, write_report
from unlike.evaluate.report.report_tables import FIGURE_COLUMNS, figures_table
from unlike.evaluate.report.table_format import latex as tex
from unlike.evaluate.report.table_format import markdown, to_csv


def test_markdown_tables_are_rectangular_even_with_hostile_cells(findings):
    source = render_markdown(findings)
    tables = re.findall(r"(?:^\|.*\|$\n?)+", source, flags=re.MULTILINE)
    assert len(tables) == 10
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert "<script" not in source and "\x00" not in source
    assert "**0.1938 ± 0.0039**<sup>\\*\\*</sup><br><sub>0.1667 to 0.2229</sub>" in source and "<ins>0.1796" in source


def test_the_main_table_shows_what_the_user_is_worth_over_the_better_control(findings):
    assert "worth of the user" not in render_markdown(findings)
    test = replace(findings.tests[0], variant="dpl", baseline="dpl_stranger", difference=0.02, low=0.01, high=0.03)
    source = render_markdown(replace(findings, controls=[replace(test, metric="rouge1")]))
    assert source.count("| worth of the user |") == 1
    assert r"+0.0200<br><sub>\[+0.0100, +0.0300\] over dpl\_stranger</sub>" in source


def test_texts_that_were_cut_off_have_a_column_where_there_are_any(findings):
    assert "cut off" not in render_markdown(findings).lower()
    cut = [replace(variant, n_cut=7 if variant.name == "dpl" else None) for variant in findings.variants]
    source = render_markdown(replace(findings, variants=cut))
    assert "| cut off |" in source and "Cut off: texts that max\\_tokens ended" in source
    assert "| 7 |" in next(line for line in source.splitlines() if line.startswith("| dpl"))


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0.00123456, "0.001235"),
        (3512.4, "3512"),
        (0, "0"),
        (-12.345, "−12.35"),
        (0.98, "0.9800"),
        (1e-12, "0.000000000"),
    ],
)
def test_values_with_a_unit_keep_four_significant_digits(number, shown):
    assert value(number, "words") == shown
    assert value(0.98, 1.0) == "0.9800" and value(33.333, 100.0) == "33.33"


def test_markdown_takes_nothing_for_its_own():
    assert markdown("a|b\n*c* <i> & _d_ `e` [f](g)") == r"a\|b \*c\* &lt;i&gt; &amp; \_d\_ \`e\` \[f\](g)"
    assert markdown("# no heading") == r"\# no heading" and markdown("-0.1") == "-0.1"


def test_csv_has_a_row_a_variant_and_metric_with_its_tests(findings):
    rows = list(csv.DictReader(io.StringIO(to_csv(figures_table(findings)))))
    assert len(rows) == len(VARIANTS) * len(METRICS) and tuple(rows[0]) == FIGURE_COLUMNS
    by_place = {(row["variant"], row["metric"]): row for row in rows}
    row, cell = by_place["dpl", "rouge1"], findings.variants[5].cells["rouge1"]
    assert float(row["mean"]) == cell.mean and float(row["high"]) == cell.high and row["rank"] == "2"
    assert float(row["users_p_holm"]) == 0.004 and row["runs_low"] == "" and row["runs_effect"] == "inf"
    assert row["paper"] == "0.3107" and row["users_baseline"] == "cicl"
    assert json.loads(by_place[VARIANTS[6], "bleu"]["settings"]) == {"n_peers": 2, "selection": "farthest"}
    missing = by_place["rag", "bertscore"]
    assert missing["mean"] == "" and "not installed" in missing["note"] and missing["users_n"] == ""


def test_latex_escapes_and_marks(findings):
    source = render_latex(findings)
    assert r"\textbf{0.1938 $\pm$ 0.0039}$^{{*}{*}}$" in source
    assert r"\underline{0.1796 $\pm$ 0.0036}$^{{*}{*}}$" in source
    assert source.count(r"\midrule") == 2 and r"non\_perso" in source
    assert tex("a_b & 5% #1 $x ~^ {y} \\") == (
        r"a\_b \& 5\% \#1 \$x \textasciitilde{}\textasciicircum{} \{y\} \textbackslash{}"
    )


def test_latex_is_balanced_and_plain_whatever_the_names(findings):
    variants = [replace(variant, name=HOSTILE) for variant in findings.variants]
    source = render_latex(replace(findings, title=HOSTILE, variants=variants))
    bare = re.sub(r"\\[\\{}&%$#_]", "", source)
    assert bare.count("{") == bare.count("}") and bare.count("$") % 2 == 0
    rows = [line for line in source.splitlines() if line.endswith(r" \\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {6}
    assert source.count(r"\end{table}") == 1 and "😀" not in source and "\x00" not in source


def test_empty_findings_have_empty_files(empty, all_failed):
    assert render_markdown(empty) == "# Empty\n\nNo variant has a result.\n\n## Failures\n\nNo case failed.\n"
    assert to_csv(figures_table(empty)) == ",".join(FIGURE_COLUMNS) + "\n"
    assert render_latex(empty).startswith("%")
    assert render_latex(all_failed).count("not available") == 4


def test_four_files_are_written_side_by_side_and_are_always_the_same(findings, tmp_path):
    out = tmp_path / "new folder" / "report.v1.html"
    files = write_report(findings, out)
    assert [path.name for path in files] == [f"report.v1.{kind}" for kind in ("html", "md", "csv", "tex")]
    assert sorted(out.parent.iterdir()) == sorted(files)
    before = [path.read_bytes() for path in files]
    write_report(findings, out)
    assert [path.read_bytes() for path in files] == before


def test_what_cannot_be_written_is_one_line_and_leaves_nothing(empty, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"^report .* cannot be written: .*; name another file with --out$") as raised:
        write_report(empty, tmp_path / "file" / "report.html")
    assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match="no HTML file"):
        write_report(empty, tmp_path / "report.md")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_report(empty, tmp_path / "report.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "report.html"]
