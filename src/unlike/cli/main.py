"""The command ``unlike``: its list of commands, and how errors are shown.

Errors that the library raises on purpose become one line and exit status 2. A traceback is a bug.
"""

import os
import shlex
import sys
import traceback
from pathlib import Path

import typer

from unlike import __version__
from unlike.cli.groups import WIDTH, LazyGroup
from unlike.errors import CustomCodeFailed, Stopped, UnlikeError, missing_part

COMMANDS = {
    "Start here": {
        "demo": "Run everything on the packaged sample corpus and show one person.",
        "doctor": "Show what is installed, what answers, and what to do about the rest.",
    },
    "Compare methods": {
        "curate": "Turn raw reviews into a corpus.",
        "experiment": "Run a whole comparison from one file, and write its report.",
        "report": "Compare runs that exist already.",
        "show": "Show one case of a run: what was read, found and written.",
        "inspect": "Browse a run, an experiment, a corpus or a store.",
    },
    "Run a service": {
        "ingest": "Add records to a store.",
        "profile": "Build, show and edit profiles.",
        "generate": "Write a text for a user.",
        "serve": "Serve a store over HTTP.",
    },
    "More": {
        "models": "List the chat models that have a short name, or download one.",
        "corpus": "Show what is in a corpus, or make one from a store.",
        "embed": "Encode all texts of a corpus ahead of time; write differences as a table.",
        "run": "Generate a text for every case with one method.",
        "evaluate": "Score generated texts against the real ones.",
        "identity": "Measure how well vectors distinguish a user's texts from those of others.",
        "authorship": "Measure how much generated texts sound like their users.",
        "train": "Train an adapter for a frozen LLM.",
        "adapter": "Import a released adapter, or describe one.",
        "latent": "Explain what a trained adapter contributed to a text.",
        "consent": "Show or change what a user agrees to.",
        "export": "Export everything that is stored about a user.",
        "erase": "Delete a user, with a signed receipt.",
        "keys": "Manage API keys, budgets and the master key.",
        "backup": "Copy a store while it is in use.",
    },
}
"""By section of the first help page, which only names the commands of the last one."""
TRACEBACK = "--traceback"
INTERRUPTED = 130
"""Exit status after Ctrl-C."""


class Commands(LazyGroup):
    """The commands above."""

    listed = COMMANDS


app = typer.Typer(
    name="unlike",
    help="Personalised text from LLMs, by what makes a user unlike the others.",
    epilog="unlike COMMAND --help describes a command; unlike --install-completion sets up tab completion.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    cls=Commands,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH},
)


@app.callback(invoke_without_command=True)
def _top(
    show_version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    show_traceback: bool = typer.Option(
        False, TRACEBACK, help="Before the command: print where code of your own failed, such as a method's."
    ),
) -> None:
    if show_version:
        typer.echo(f"unlike {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("TQDM_DISABLE", "1")  # libraries' bars of their own; the command shows its progress itself
    try:
        app()
    except Stopped:
        _say_stopped()
        sys.exit(INTERRUPTED)
    except UnlikeError as error:
        own = isinstance(error, CustomCodeFailed)
        if own and TRACEBACK in sys.argv[1:2]:
            traceback.print_exception(error.__cause__)
        _say_error(str(error) + (f"; where: {_program()} {TRACEBACK} COMMAND ..." if own else ""))
        sys.exit(2)
    except ModuleNotFoundError as error:
        part = missing_part(error)
        if part is None:
            raise
        _say_error(str(part))
        sys.exit(2)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            _say_stopped()
        raise


def _program() -> str:
    """How this command line was started: ``unlike``, or a script of the user's that calls ``main``.

    Only that script knows the methods, metrics and engines that it adds.
    """
    path = Path(sys.argv[0])
    if path == Path(__file__):  # python -m unlike.cli.main
        return "unlike"
    return f"python {shlex.quote(str(path))}" if path.suffix == ".py" else path.stem


def _say_error(message: str) -> None:
    typer.secho("unlike: " + " ".join(message.split()), fg="red", err=True)


def _say_stopped() -> None:
    typer.secho("unlike: stopped; run the same command again to continue", fg="yellow", err=True)


if __name__ == "__main__":
    main()
