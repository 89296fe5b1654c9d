"""Options that several commands share, and how their values are read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, get_args

import typer

from unlike.errors import InputError
from unlike.records import TimeRule

CorpusAt = Annotated[Path, typer.Option("--corpus", help="Corpus folder, made by unlike curate.")]
MovedCorpus = Annotated[
    Path | None, typer.Option("--corpus", help="Corpus folder, if it has moved since the runs were made.")
]
Embedder = Annotated[
    str,
    typer.Option(
        "--embedder",
        help="minilm, bge-m3, openai:MODEL, hashing:256, ngrams:FILE (of unlike embed --fit), transformers:LLM#LAYER, a "
        "sentence-transformers model, or several joined by +.",
    ),
]
Split = Annotated[str, typer.Option("--split", help="Cases to use: test, validation or train.")]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Count calls, tokens and cost without calling the LLM: its endpoint need not run, and no key is needed.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Use only the first N cases, in the order of the users' ids. Default: all."),
]
Time = Annotated[
    str,
    typer.Option(
        "--time",
        help="Which texts of others are used: as_of (only those before the request), paper (all), or released (the "
        "profiles of the split, as in the papers' code).",
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        help="local (this process), ray (all processors here, or RAY_ADDRESS), ray:WORKERS, or ray://HOST:PORT.",
    ),
]
TaskName = Annotated[
    str,
    typer.Option(
        "--task", help="What the texts are: review, review_papers (fields in the papers' order), mail or meeting."
    ),
]
PromptsAt = Annotated[
    Path | None, typer.Option("--prompts", help="Folder whose prompt templates override the built-in ones.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]

User = Annotated[str, typer.Argument(help="User id.")]
StoreAt = Annotated[
    str, typer.Option("--store", metavar="DIR|URL", help="Folder of the store, or postgresql://USER@HOST/NAME.")
]
TenantName = Annotated[str, typer.Option("--tenant", help="Tenant, in a store that serves several.")]
MasterAt = Annotated[
    str,
    typer.Option(
        "--master",
        envvar="UNLIKE_MASTER_KEY",
        help="Where the master key is: file:PATH, env:NAME or command:CMD. Default: STORE/master.key.",
    ),
]
SigningKeyAt = Annotated[
    Path | None,
    typer.Option("--signing-key", help="Ed25519 key (PEM) that signs receipts. Default: STORE/receipts.pem."),
]
SettingsAt = Annotated[
    Path | None,
    typer.Option("--settings", envvar="UNLIKE_SETTINGS", help="Settings file (TOML) of memory and service."),
]
LLMUri = Annotated[
    str, typer.Option("--llm", help="LLM, for example openai:MODEL@http://127.0.0.1:8000/v1 or llama.cpp:smollm2.")
]
EmbedderName = Annotated[str, typer.Option("--embedder", help="Encoder, for example minilm or hashing:256.")]


def time_rule(given: str) -> TimeRule:
    """The time rule that --time names.

    Raises:
        InputError: The name is unknown.
    """
    rules: dict[str, TimeRule] = {rule: rule for rule in get_args(TimeRule)}
    if given not in rules:
        raise InputError(f"--time {given!r} is unknown; allowed are {', '.join(rules)}")
    return rules[given]


def pairs(given: Sequence[str], option: str, example: str) -> dict[str, str]:
    """NAME=VALUE options as a dict.

    Args:
        given: The options.
        option: Name of the option, for the message.
        example: A correct one.

    Raises:
        InputError: One of them has no name or no value.
    """
    split = [one.partition("=") for one in given]
    if wrong := [
        one for one, (name, _, value) in zip(given, split, strict=True) if not (name.strip() and value.strip())
    ]:
        raise InputError(f"{option} is {wrong[0]!r}; give NAME=VALUE, such as {example}")
    return {name.strip(): value.strip() for name, _, value in split}


def names_in(given: str) -> list[str]:
    """Names with commas between them."""
    return [name.strip() for name in given.split(",") if name.strip()]
