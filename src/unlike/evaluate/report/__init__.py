"""Reports: findings laid out as one HTML page, and as Markdown, CSV and LaTeX beside it.

Here belongs how results look. Nothing here measures or tests anything: every figure comes from ``Findings``. A table is
made once (``layout``) and put down in several formats; a plot is an SVG drawn by small functions, without a library.
"""

from unlike.evaluate.report.write import write_report

__all__ = ["write_report"]
