"""Every figure of every variant and metric, unrounded, for those who compute on."""

import csv
import io
import json
from dataclasses import fields

from unlike.evaluate.report.metric_tables import by_place
from unlike.evaluate.report.wording import printable
from unlike.evaluate.statistics.findings import Cell, Findings, Test, Variant

_CELL = [field.name for field in fields(Cell)]
_TEST = [field.name for field in fields(Test) if field.name not in ("variant", "metric", "unit")]
_UNITS = ("users", "runs")
COLUMNS = (
    *("variant", "method", "is_baseline", "settings", "metric", "label", "scale", "is_main"),
    *_CELL,
    "paper",
    *(f"{unit}_{name}" for unit in _UNITS for name in _TEST),
)


def render_csv(findings: Findings) -> str:
    """A row a variant and metric: all of its cell, and its tests over users and over runs. Missing values are empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    tests = by_place(findings.tests)
    for variant in findings.variants:
        for metric, label, scale in findings.metrics:
            found = [tests.get((variant.name, metric, unit)) for unit in _UNITS]
            head = _head(variant, metric, label, scale, metric in findings.main)
            cell = variant.cells.get(metric, Cell(None))
            writer.writerow([*head, *_values(cell, _CELL), variant.paper.get(label), *_tests(found)])
    return printable(out.getvalue())


def _head(variant: Variant, metric: str, label: str, scale: float | str, is_main: bool) -> list[object]:
    settings = json.dumps(variant.settings, ensure_ascii=False, sort_keys=True)
    return [variant.name, variant.method, variant.is_baseline, settings, metric, label, scale, is_main]


def _values(record: Cell | Test | None, names: list[str]) -> list[object]:
    return [None if record is None else getattr(record, name) for name in names]


def _tests(found: list[Test | None]) -> list[object]:
    return [value for test in found for value in _values(test, _TEST)]
