"""Writes cli.md, the reference of the command, from the command itself: ``make docs`` runs it, a test compares.

The text is that of --help; a table is read more easily than a terminal's columns.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from unlike.cli.main import app

PAGE = Path(__file__).parents[1] / "cli.md"
HEAD = """# Commands

Generated from `--help`, which every command has. Exit status: 0, everything is done; 2, nothing could be done, and one line
gives the reason; 3, some cases failed and the others are done; 130, stopped by Ctrl-C, and the same command continues.

Pressing Ctrl-C once lets the calls in flight finish, twice cancels them; completed work is kept. `unlike --install-completion` sets up
tab completion for your shell.
"""


def reference() -> str:
    """The whole page."""
    root: Any = typer.main.get_command(app)
    top = typer.Context(root, info_name="unlike")
    names = root.list_commands(top)
    return "\n".join([HEAD, *_overview(root), *(line for name in names for line in _section(root, name, top))])


def _overview(root: Any) -> Iterator[str]:
    yield "| command | what it does |\n|---|---|"
    for section in root.listed.values():
        for name, purpose in section.items():
            yield f"| [`unlike {name}`](#unlike-{name}) | {cell(purpose)} |"
    yield ""


def _section(group: Any, name: str, parent: Any) -> Iterator[str]:
    command = group.get_command(parent, name)
    context = typer.Context(command, info_name=name, parent=parent)
    subcommands = getattr(command, "commands", {})
    yield f"{'##' if parent.parent is None else '###'} {context.command_path}\n"
    yield f"{plain(command.help)}\n"
    if not subcommands:
        pieces = " ".join(command.collect_usage_pieces(context))
        yield f"```text\n{context.command_path} {pieces}\n```\n"
        yield from _options(command, context)
    for sub in subcommands:
        yield from _section(command, sub, context)


def _options(command: Any, context: Any) -> Iterator[str]:
    yield "| option | meaning |\n|---|---|"
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and "--help" not in parameter.opts:
            yield f"| `{cell(record[0])}` | {cell(plain(record[1]))} |"
    yield ""


def plain(text: str) -> str:
    """Paragraphs without a docstring's line breaks and double backquotes; < and > as text."""
    paragraphs = [" ".join(part.split()) for part in (text or "").strip().split("\n\n")]
    return "\n\n".join(paragraphs).replace("``", "`").replace("<", "&lt;").replace(">", "&gt;")


def cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
