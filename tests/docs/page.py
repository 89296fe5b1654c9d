"""A page of the documentation as something that runs: its blocks in their order, in one folder, without a model.

What the reader is told to type is typed here, but for what names a real LLM or encoder: the scripted LLM and the
hashing encoder stand in. A shell block with a title ("On a machine with a GPU") says where it runs instead; its
commands must exist with these options all the same.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import typer

from unlike.cli.main import app

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {path.name: path for path in sorted(DOCS.glob("*.md"))}
FENCE = re.compile(
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
NOT_OURS = {
    "cd",
    "cp",
    "createdb",
    "crontab",
    "curl",
    "export",
    "make",
    "mv",
    "pg_dump",
    "pip",
    "shred",
    "sh",
    "torchrun",
    "vllm",
}
"""First words of command lines that are not the product's; they are not run."""
ENGINES = re.compile(r"(openai|llama\.cpp|transformers):")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: Its first word.
        title: A file's name, or where a shell block runs; "" for none.
        text: What is in it.
    """

    language: str
    title: str
    text: str

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command of a shell block, its remarks left out."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]

    @property
    def runs_elsewhere(self) -> bool:
        """Whether its title says where it runs."""
        return self.language == "sh" and bool(self.title)


def blocks_of(path: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = FENCE.finditer(path.read_text(encoding="utf-8"))
    return [Block(block["language"], block["title"] or "", block["text"]) for block in found]


def options_of(words: list[str]) -> set[str]:
    """The options of the command that a command line names, after checking the line against it.

    Args:
        words: Without "unlike" before them.

    Raises:
        TyperException: There is no such command or option, or the line lacks one.
    """
    command, name, context = typer.main.get_command(app), "unlike", None
    while hasattr(command, "commands"):
        context = command.make_context(name, list(words), parent=context)
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
    parsed = command.make_context(name, list(words), parent=context)
    return {option for parameter in command.get_params(parsed) for option in parameter.opts}


def named_in(text: str) -> list[tuple[str, str]]:
    """The first word after each "unlike" of a text, and the second one, "" where none follows."""
    return [(name, sub) for name, sub in re.findall(r"\bunlike ([a-z][\w-]*)(?: ([a-z][\w-]*))?", text)]


def exists(words: tuple[str, str]) -> bool:
    """Whether there is such a command; the second word counts where the first one is a group without a default."""
    root, (name, sub) = typer.main.get_command(app), words
    if name not in root.list_commands(None):
        return False
    command = root.get_command(None, name)
    needs_sub = hasattr(command, "commands") and not getattr(command, "default", "")
    return not (needs_sub and sub) or sub in command.commands


def without_model(words: list[str]) -> list[str]:
    """A command line of ours as it is run here."""
    asked = ["scripted:echo" if ENGINES.match(word) else word for word in words]
    if "--embedder" in asked:
        asked[asked.index("--embedder") + 1] = "hashing:64"
    elif "--embedder" in options_of(words):
        asked += ["--embedder", "hashing:64"]
    return asked


def file_without_model(text: str) -> str:
    """An experiment file as it is used here."""
    text = re.sub(r'"(?:openai|llama\.cpp):[^"]*"', '"scripted:echo"', text)
    text = re.sub(r"context_tokens = \d+, ", "", text)  # which is the engine's to know
    return re.sub(r'^embedder = "[^"]*"', 'embedder = "hashing:64"', text, flags=re.MULTILINE)
