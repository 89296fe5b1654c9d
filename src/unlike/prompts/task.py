"""A task: what the texts are about, in words, dimensions and templates.

Nothing in the methods knows of reviews; all of that is in the files of a task's folder.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from unlike.errors import InputError
from unlike.prompts.check import SHARED, check_templates
from unlike.settings import as_path, read_toml

BUILT_IN = Path(__file__).parent
STEPS = BUILT_IN / "steps"
"""Templates that serve every task; they take all that is particular from its words and dimensions."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One line of the comparison standard S (DPL, section 3.2.2): its name and what to look at."""

    name: str
    look_at: str


@dataclass(frozen=True)
class Task:
    """Words, dimensions and templates.

    Attributes:
        name: Stands in results.
        words: What texts, items, titles and ratings are called.
        dimensions: All dimensions of the task, by name.
        sources: Template text of each step, the shared parts included: what a journal key must notice.
        templates: Digest of the files of one's own, see ``digest_of``; "" where all are built in.
        base: The built-in task that gives what the files of one's own lack.
        folder: Where the files of one's own lie; "" where all are built in.
    """

    name: str
    words: Mapping[str, str] = field(repr=False)
    dimensions: Mapping[str, Dimension] = field(repr=False)
    sources: Mapping[str, str] = field(repr=False)
    _environment: jinja2.Environment = field(repr=False)
    templates: str = ""
    base: str = ""
    folder: str = ""

    @cached_property
    def _words(self) -> SimpleNamespace:
        """The words as templates read them: Jinja finds an attribute several times as fast as a key."""
        return SimpleNamespace(**self.words)

    def standard(self, names: tuple[str, ...] | None) -> tuple[Dimension, ...]:
        """The dimensions of that name, in their order; all of them for None.

        Raises:
            InputError: The task has no such dimension.
        """
        wanted = tuple(self.dimensions) if names is None else names
        unknown = [name for name in wanted if name not in self.dimensions]
        if unknown:
            raise InputError(
                f"unknown dimension: {', '.join(unknown)}; task {self.name!r} has {', '.join(self.dimensions)}; "
                "add it to task.toml in a folder of your own and pass --prompts FOLDER"
            )
        return tuple(self.dimensions[name] for name in wanted)

    def digest(self, step: str) -> str:
        """16 hexadecimal digits that change with a step's template or the task's words."""
        return hashlib.sha256(f"{self.sources[step]}\0{sorted(self.words.items())}".encode()).hexdigest()[:16]

    def render(self, step: str, context: Mapping[str, Any]) -> list[dict[str, str]]:
        """The chat messages of a step.

        Raises:
            InputError: A template of the user's own names something that the step does not have.
        """
        try:
            template = self._environment.get_template(f"{step}.jinja")
            parts = self._environment.get_template(SHARED).module
            given = {"words": self._words, "parts": parts, **context}
            return list(_messages(template, given))
        except jinja2.TemplateError as error:
            raise InputError(
                f"template {step}.jinja of task {self.name!r} cannot be filled: {error.message}"
            ) from error


def _messages(template: jinja2.Template, given: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The blocks of a template as messages: system, each past text as a turn of its own where there is a block for it, user."""
    known = {**template.globals, **given}

    def filled(block: str, **more: object) -> str:
        context = template.new_context(
            {**known, **more}, shared=True
        )  # otherwise Jinja copies its globals for each block
        return "".join(template.blocks[block](context)).strip()

    if "system" in template.blocks:
        yield {"role": "system", "content": filled("system")}
    for piece in given["past"] if "turn" in template.blocks else ():
        yield {"role": "user", "content": filled("turn", piece=piece)}
        answer = filled("answer", piece=piece) if "answer" in template.blocks else piece.text.strip()
        yield {"role": "assistant", "content": answer}
    if "user" in template.blocks:
        yield {"role": "user", "content": filled("user")}


def open_task(name: str = "review", folder: Path | str | None = None) -> Task:
    """A built-in task, with files of one's own in front of it.

    Args:
        name: A folder of this room.
        folder: Files here (task.toml, parts.jinja, a step's template) replace the built-in ones.

    Raises:
        InputError: No such task or folder, or one of its files cannot be read.
    """
    folder = as_path(folder)
    if folder is not None and not folder.is_dir():
        raise InputError(f"prompts folder not found: {folder}; give a folder with task.toml or templates in it")
    return _built_in(name) if folder is None else _open(name, folder)


def built_in_tasks() -> list[str]:
    """Names of the built-in tasks."""
    return sorted(path.parent.name for path in BUILT_IN.glob("*/task.toml"))


def templates_of(folder: Path | None) -> dict[str, str]:
    """The files of a prompts folder by name; ``open_task`` checks them."""
    files = [] if folder is None else [*folder.glob("*.jinja"), *folder.glob("task.toml")]
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def digest_of(folder: Path | None) -> str:
    """Digest of the files of a prompts folder, equal wherever it is; "" where there are none."""
    files = templates_of(folder)
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16] if files else ""


@cache
def _built_in(name: str) -> Task:
    """A built-in task; compiling its templates takes a twentieth of a second, and its files do not change."""
    return _open(name, None)


def _open(name: str, folder: Path | None) -> Task:
    built_in = built_in_tasks()
    if name not in built_in:
        raise InputError(f"unknown task: {name!r}; built in are {', '.join(built_in)}")
    places = [place for place in (folder, BUILT_IN / name, STEPS) if place]
    # Files from elsewhere run in a sandbox; it doubles the time of filling a template, and our own need none.
    kind = jinja2.Environment if folder is None else SandboxedEnvironment
    environment = kind(loader=jinja2.FileSystemLoader(places), undefined=jinja2.StrictUndefined, auto_reload=False)
    described = _described(next(place / "task.toml" for place in places if (place / "task.toml").is_file()), built_in)
    try:
        if folder is not None:
            _check_words(described["words"], _described(BUILT_IN / name / "task.toml", built_in)["words"])
            steps = [path.stem for place in (BUILT_IN / name, STEPS) for path in place.glob("*.jinja")]
            check_templates(folder, steps, environment, described["words"])
        return Task(
            name=described["name"],
            words=described["words"],
            dimensions={key: Dimension(key, look_at) for key, look_at in described.get("dimensions", {}).items()},
            sources={step: _source(environment, step) for step in _steps(places)},
            _environment=environment,
            templates=digest_of(folder),
            base=name,
            folder=str(folder.resolve()) if folder else "",
        )
    except KeyError as error:
        raise InputError(f"task.toml lacks {error}; it needs name, [words] and [dimensions]") from error
    except jinja2.TemplateSyntaxError as error:
        raise InputError(f"template {error.name}, line {error.lineno}: {error.message}") from error


def _described(file: Path, built_in: Sequence[str]) -> dict[str, Any]:
    """What a ``task.toml`` says, and for the rest what that of the built-in task says that it names as its base."""
    own = read_toml(file, "task")
    if "base" not in own:
        return own
    if own["base"] not in built_in:
        raise InputError(f"{file}: unknown base {own['base']!r}; built in are {', '.join(built_in)}")
    base = _described(BUILT_IN / own["base"] / "task.toml", built_in)
    return own | {part: base[part] | own.get(part, {}) for part in ("words", "dimensions")}


def _check_words(words: Mapping[str, str], needed: Mapping[str, str]) -> None:
    if lacking := [word for word in needed if word not in words]:
        raise InputError(f"task.toml lacks {', '.join(lacking)} in [words]; it needs {', '.join(needed)}; add them")


def _steps(places: list[Path]) -> list[str]:
    return sorted({path.stem for place in places for path in place.glob("*.jinja")} - {Path(SHARED).stem})


def _source(environment: jinja2.Environment, step: str) -> str:
    loader = environment.loader
    assert loader is not None
    texts = [loader.get_source(environment, name)[0] for name in (f"{step}.jinja", SHARED)]
    environment.get_template(f"{step}.jinja")
    return "\n".join(texts)
