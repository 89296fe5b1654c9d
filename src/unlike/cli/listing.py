"""How ``unlike --help`` lists the commands: under what each is for, the first paragraph of each.

Help is plain text: it is there in half the time that typer's boxes take to draw.
"""

from typing import Any

from typer.core import TyperGroup

WIDTH = 100
"""Of help, where the terminal has it."""


class Listing(TyperGroup):
    """Commands by their panel; those of none come first."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer's own types are private
        """Write the list."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            panel = getattr(command, "rich_help_panel", None)
            about = " ".join((command.help or "").partition("\n\n")[0].split())
            panels.setdefault(panel if isinstance(panel, str) else "Commands", []).append((name, about))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)
