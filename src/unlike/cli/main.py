"""The command ``unlike``: its list of commands, and what an error looks like.

Errors that the library raises on purpose become one line and exit 2. A traceback is a bug.
"""

import sys

import typer

from unlike import __version__
from unlike.cli.adapter import adapter
from unlike.cli.corpus import corpus
from unlike.cli.curate import curate
from unlike.cli.demo import demo
from unlike.cli.doctor import doctor
from unlike.cli.evaluate import evaluate
from unlike.cli.experiment import experiment
from unlike.cli.latent import latent
from unlike.cli.report import report
from unlike.cli.run import run
from unlike.cli.show import show
from unlike.cli.train import train
from unlike.errors import UnlikeError

app = typer.Typer(
    name="unlike",
    help="Personalised text from LLMs, by what makes a user unlike the others.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo)
app.add_typer(curate, name="curate")
app.command("corpus")(corpus)
app.command("run")(run)
app.command("evaluate")(evaluate)
app.command("experiment")(experiment)
app.command("report")(report)
app.command("train")(train)
app.add_typer(adapter, name="adapter")
app.add_typer(latent, name="latent")
app.command("show")(show)
app.command("doctor")(doctor)


@app.callback(invoke_without_command=True)
def _top(show_version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if show_version:
        typer.echo(f"unlike {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    try:
        app()
    except UnlikeError as error:
        typer.secho("unlike: " + " ".join(str(error).split()), fg="red", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.secho("unlike: stopped; run the same command again to go on", fg="yellow", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
