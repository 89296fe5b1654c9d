"""Files and functions stay within the sizes that CONTRIBUTING names."""

import ast
from pathlib import Path

SRC = Path(__file__).parents[1] / "src"
MAX_LINES, MAX_FUNCTION_LINES = 450, 60


def test_no_file_and_no_function_is_too_long():
    long = []
    for path in SRC.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        long += [f"{path.name} has {n} lines" for n in [text.count("\n")] if n > MAX_LINES]
        functions = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
        long += [
            f"{path.name}: {one.name}" for one in functions if (one.end_lineno or 0) - one.lineno >= MAX_FUNCTION_LINES
        ]
    assert not long
