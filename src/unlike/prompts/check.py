"""Checks templates of one's own before any call is paid for: file names, and the names in them."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from jinja2 import Environment, meta, nodes

from unlike.errors import InputError

_PIECE = frozenset({"text", "quote", "length", "item", "n_others", "slots", "rating", "title"})
_ITEM = frozenset({"id", "title", "description"})
FIELDS: Mapping[str, frozenset[str]] = {
    "item": _ITEM,
    "request": frozenset({"rating", "title"}),
    "target": _PIECE,
    "profile": _PIECE,
    "piece": _PIECE,
}
"""Fields of the names that a template sees; see ``prompt.messages_of``."""
LISTS = ("past", "others", "neighbours", "differences", "blocks", "dimensions", "slots", "length")
"""Other names that a template sees."""
SHARED = "parts.jinja"
"""Macros that the templates share, which they see as ``parts``."""
_OF_JINJA = frozenset({"self", "caller", "varargs", "kwargs", "loop"})
_MIN_SIMILARITY = 0.8


def check_templates(folder: Path, steps: Iterable[str], environment: Environment, words: Iterable[str]) -> None:
    """Check the templates of a folder.

    Args:
        folder: The user's own.
        steps: Names of the built-in templates.
        environment: Finds templates: those of the folder, then the built-in ones.
        words: Names of the task's words.

    Raises:
        InputError: A file looks like a misspelt step, or a template uses a name or field that it does not have.
        TemplateSyntaxError: A template is not valid.
    """
    own = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jinja"))}
    _check_files(folder, own, [*steps, Path(SHARED).stem])
    fields = {**FIELDS, "words": frozenset(words), "parts": frozenset(_macros(environment))}
    for name, text in own.items():
        template = environment.parse(text, name)
        for line, problem in _problems(template, fields, {*environment.globals, *_OF_JINJA}):
            raise InputError(f"template {folder / name}, line {line}: {problem}")


def _check_files(folder: Path, own: Mapping[str, str], steps: list[str]) -> None:
    for name in own:
        near = get_close_matches(Path(name).stem, steps, 1, _MIN_SIMILARITY)
        if near and Path(name).stem not in steps and not any(name in text for text in own.values()):
            raise InputError(f"prompts folder {folder} has {name}, which no step uses; did you mean {near[0]}.jinja?")


def _macros(environment: Environment) -> list[str]:
    assert environment.loader is not None
    text, _, _ = environment.loader.get_source(environment, SHARED)
    return [macro.name for macro in environment.parse(text).find_all(nodes.Macro)]


def _problems(
    template: nodes.Template, fields: Mapping[str, frozenset[str]], always: set[str]
) -> Iterator[tuple[int, str]]:
    """Unknown names, then unknown fields of names that the template does not define itself, each with its line."""
    known = [*fields, *LISTS]
    names = list(template.find_all(nodes.Name))
    for unknown in sorted(meta.find_undeclared_variables(template) - set(known) - always):
        line = next((name.lineno for name in names if name.name == unknown), 1)
        yield line, _unknown(f"{unknown!r}", unknown, known)
    defined = {name.name for name in names if name.ctx != "load"}
    for access in template.find_all(nodes.Getattr):
        whole = access.node.name if isinstance(access.node, nodes.Name) else ""
        if whole in fields and whole not in defined and access.attr not in fields[whole]:
            yield access.lineno, _unknown(f"'{whole}.{access.attr}'", access.attr, sorted(fields[whole]))


def _unknown(shown: str, name: str, allowed: list[str]) -> str:
    near = get_close_matches(name, allowed, 1)
    return f"{shown} is unknown; {f'did you mean {near[0]}? ' if near else ''}allowed are {', '.join(allowed)}"
