"""The command ``unlike``: its list of commands, and what an error looks like.

Errors that the library raises on purpose become one line and exit 2. A traceback is a bug.
"""

import sys

import typer

from unlike import __version__
from unlike.cli.adapter import adapter
from unlike.cli.backup import backup
from unlike.cli.consent import consent
from unlike.cli.corpora import corpora
from unlike.cli.curate import curate
from unlike.cli.demo import demo
from unlike.cli.differences import differences
from unlike.cli.doctor import doctor
from unlike.cli.embed import embed
from unlike.cli.erase import erase
from unlike.cli.evaluate import evaluate
from unlike.cli.experiment import experiment
from unlike.cli.export import export
from unlike.cli.generate import generate
from unlike.cli.identity import identity
from unlike.cli.ingest import ingest
from unlike.cli.inspect import inspect
from unlike.cli.keys import keys
from unlike.cli.latent import latent
from unlike.cli.listing import WIDTH, Listing
from unlike.cli.models import models
from unlike.cli.profile import profile
from unlike.cli.report import report
from unlike.cli.run import run
from unlike.cli.serve import serve
from unlike.cli.show import show
from unlike.cli.train import train
from unlike.errors import UnlikeError

app = typer.Typer(
    name="unlike",
    help="Personalised text from LLMs, by what makes a user unlike the others.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    cls=Listing,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH},
)
STOPPED = 130
"""What typer exits with after Ctrl-C."""
RESEARCH, SERVICE = "Compare methods", "A service"

app.command("demo")(demo)
app.command("doctor")(doctor)
app.add_typer(models, name="models", rich_help_panel=RESEARCH)
app.add_typer(curate, name="curate", rich_help_panel=RESEARCH)
app.add_typer(corpora, name="corpus", rich_help_panel=RESEARCH)
app.command("embed", rich_help_panel=RESEARCH)(embed)
app.command("differences", rich_help_panel=RESEARCH)(differences)
app.command("identity", rich_help_panel=RESEARCH)(identity)
app.command("run", rich_help_panel=RESEARCH)(run)
app.command("evaluate", rich_help_panel=RESEARCH)(evaluate)
app.command("experiment", rich_help_panel=RESEARCH)(experiment)
app.command("report", rich_help_panel=RESEARCH)(report)
app.command("train", rich_help_panel=RESEARCH)(train)
app.add_typer(adapter, name="adapter", rich_help_panel=RESEARCH)
app.add_typer(latent, name="latent", rich_help_panel=RESEARCH)
app.command("show", rich_help_panel=RESEARCH)(show)
app.command("inspect", rich_help_panel=RESEARCH)(inspect)
app.command("ingest", rich_help_panel=SERVICE)(ingest)
app.add_typer(profile, name="profile", rich_help_panel=SERVICE)
app.command("generate", rich_help_panel=SERVICE)(generate)
app.command("consent", rich_help_panel=SERVICE)(consent)
app.command("export", rich_help_panel=SERVICE)(export)
app.command("erase", rich_help_panel=SERVICE)(erase)
app.command("backup", rich_help_panel=SERVICE)(backup)
app.add_typer(keys, name="keys", rich_help_panel=SERVICE)
app.command("serve", rich_help_panel=SERVICE)(serve)


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
    except SystemExit as ended:
        if ended.code == STOPPED:
            typer.secho("unlike: stopped; run the same command again to go on", fg="yellow", err=True)
        raise


if __name__ == "__main__":
    main()
