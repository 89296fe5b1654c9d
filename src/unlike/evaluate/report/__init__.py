"""Reports: findings as one HTML page, and as Markdown, CSV and LaTeX beside it.

Here belongs how results look. Nothing here measures or tests anything: every figure comes from ``Findings``. A table is made
once (``report_tables``) and written in several formats (``table_format``); a picture is SVG by matplotlib (``charts``).
"""
