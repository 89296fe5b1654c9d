"""How commands are listed and found: grouped by purpose, loaded when they are used, and with a default command.

Help is plain text, which takes half the time of typer's boxes.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup

from unlike.errors import InputError

if TYPE_CHECKING:  # typer has its own copy of click, and exports none of these
    from typer._click.core import Command, Context  # pyright: ignore[reportPrivateUsage]
    from typer._click.formatting import HelpFormatter  # pyright: ignore[reportPrivateUsage]

WIDTH = 100
"""Maximum width of help texts."""


class Group(TyperGroup):
    """A group that lists the whole first paragraph of each command's help."""

    default = ""
    """The command to run where the first word is not a command; "" for none."""

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Insert the default command where no command is given."""
        is_command = bool(args) and args[0] in (*self.commands, *ctx.help_option_names)
        if self.default and not is_command and (args or not self.no_args_is_help):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the list."""
        rows = [(name, " ".join((c.help or "").partition("\n\n")[0].split())) for name, c in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class LazyGroup(TyperGroup):
    """The commands of ``unlike``, each imported from a module of its name when it is used; a list needs none of them."""

    listed: dict[str, dict[str, str]] = {}
    """By section: one line for each command. Of the last section the list shows only the names."""

    def list_commands(self, ctx: "Context") -> list[str]:
        """All names, in the order of the list."""
        return [name for section in self.listed.values() for name in section]

    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":
        """Import a command.

        Raises:
            InputError: There is none of this name.
        """
        names = self.list_commands(ctx)
        if cmd_name.startswith("-"):
            return None
        if cmd_name not in names:
            from difflib import get_close_matches

            near = " or ".join(get_close_matches(cmd_name, names))
            raise InputError(f"no command {cmd_name!r}; {f'did you mean {near}?' if near else 'see unlike --help'}")
        if cmd_name not in self.commands:
            found = getattr(import_module(f"unlike.cli.{cmd_name}"), cmd_name)
            self.commands[cmd_name] = _as_command(cmd_name, found)
        return self.commands[cmd_name]

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the list."""
        *sections, (rest, names) = self.listed.items()
        for section, rows in sections:
            with formatter.section(section):
                formatter.write_dl(list(rows.items()))
        with formatter.section(rest):
            formatter.write_text(", ".join(names))


def _as_command(name: str, found: typer.Typer | Callable[..., None]) -> "Command":
    if isinstance(found, typer.Typer):
        found.rich_markup_mode = None
        made = typer.main.get_group(found)
    else:
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name)(found)
        made = typer.main.get_command(app)
    made.name = name
    return made
