"""Writes settings.md, every setting with its default, from the classes themselves: ``make docs`` runs it, a test compares."""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import griffe
from cli_reference import cell, plain
from pydantic import BaseModel

from unlike.evaluate.running.plan import (
    AdapterEntry,
    Engine,
    Judge,
    MethodEntry,
    Plan,
    Repeats,
    Samples,
    Section,
    Sweeps,
)
from unlike.latent.settings import AdapterSettings, LossWeights, TrainSettings
from unlike.memory.settings import MemorySettings
from unlike.memory.settings_file import NOT_FOR_A_MEMORY
from unlike.settings import CurateSettings, EndpointSettings, MethodSettings, ServiceSettings

PAGE = Path(__file__).parents[1] / "settings.md"
SOURCE = Path(__file__).parents[2] / "src"
HEAD = """# Settings

Generated from the classes that hold them, which check values and say what is allowed.
"""
OF_A_MEMORY = """## Memory and service

Tables of the [settings file](service.md#settings), which `--settings` names. Above them stand `task` (`"review"`), `prompts`
(a folder), `redactor` (`"patterns"` or `"none"`), `adapter` (a folder) and `adapters` (folders).
"""
OF_AN_EXPERIMENT = """## Experiment

Keys of the file of [`unlike experiment`](compare.md); an unknown one is an error. Tables with two brackets may be repeated.
"""
FILE_OF_AN_EXPERIMENT = {
    "": Plan,
    "[llm]": Engine,
    "[[methods]]": MethodEntry,
    "[repeats]": Repeats,
    "[samples]": Samples,
    "[sweeps]": Sweeps,
    "[[judges]]": Judge,
    "[[adapters]]": AdapterEntry,
}
MEMORY = MemorySettings()
FILE_OF_A_MEMORY = {
    "memory": (MEMORY, ("method", "refresh", "retention")),
    "method": (MEMORY.method, NOT_FOR_A_MEMORY),
    "refresh": (MEMORY.refresh, ()),
    "retention": (MEMORY.retention, ()),
    "service": (ServiceSettings(), ()),
    "llm": (EndpointSettings(), ()),
}


def reference() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_lines()])


def _lines() -> Iterator[str]:
    yield OF_A_MEMORY
    for name, (defaults, left_out) in FILE_OF_A_MEMORY.items():
        yield f"### [{name}]\n"
        yield from _table(defaults, left_out)
    yield OF_AN_EXPERIMENT
    for heading, kind in FILE_OF_AN_EXPERIMENT.items():
        yield from [f"### {heading}\n"] if heading else []
        yield from _fields_of(kind)
    yield "## Methods\n\n`settings` of an experiment and of its methods, and options of `unlike run`.\n"
    yield from _table(MethodSettings())
    yield "## Curation\n\nThe preset `dpl-paper`; `unlike curate --preset` names others, and each setting is an option.\n"
    yield from _table(CurateSettings())
    yield "## Adapters\n\n`--set NAME=VALUE` of `unlike train`, and `set` of an experiment's adapters; a preset is the base.\n"
    for title, defaults in {"Adapter": AdapterSettings(), "Training": TrainSettings(), "Loss": LossWeights()}.items():
        yield f"### {title}\n"
        yield from _table(defaults, ("weights",))


def _table(defaults: Any, left_out: tuple[str, ...] = ()) -> Iterator[str]:
    yield "| setting | default | meaning |\n|---|---|---|"
    meanings, types = _meanings(type(defaults)), get_type_hints(type(defaults))
    for name in (field.name for field in fields(defaults) if field.name not in left_out):
        meaning = plain(meanings[name]) + _values(types[name], meanings[name])
        yield f"| `{name}` | {_shown(getattr(defaults, name))} | {cell(meaning)} |"
    yield ""


def _fields_of(kind: type[BaseModel]) -> Iterator[str]:
    yield "| key | default | meaning |\n|---|---|---|"
    meanings = _meanings(kind)
    if kind.__base__ is not Section and kind.__base__:
        meanings = _meanings(kind.__base__) | meanings
    for name, field in kind.model_fields.items():
        default = "needed" if field.is_required() else _shown(_plain(field.get_default(call_default_factory=True)))
        meaning = plain(meanings[name].partition("\n\n")[0]) + _values(field.annotation, meanings[name])
        yield f"| `{name}` | {default} | {cell(meaning)} |"
    yield ""


def _plain(default: Any) -> Any:
    """A default without what stands in the table of its own."""
    return None if isinstance(default, BaseModel) or default == {} else default


def _values(kind: object, meaning: str) -> str:
    """The allowed values of a name, unless its meaning gives them."""
    names = get_args(kind)[0] if get_origin(kind) is tuple else kind
    values = get_args(names) if get_origin(names) is Literal else ()
    return f" Allowed: {', '.join(values)}." if any(value not in meaning for value in values) else ""


def _meanings(kind: type) -> dict[str, str]:
    """By attribute: what the docstring of the class says, or the attribute's own."""
    module = griffe.load(kind.__module__, search_paths=[SOURCE], docstring_parser="google")
    found: dict[str, str] = {}
    for name, attribute in module[kind.__name__].attributes.items():
        found[name] = attribute.docstring.value if attribute.docstring else ""
    for section in module[kind.__name__].docstring.parsed:
        if section.kind is griffe.DocstringSectionKind.attributes:
            found |= {one.name: one.description for one in section.value}
    return found


def _shown(value: object) -> str:
    return "not set" if value is None else f"`{json.dumps(value)}`"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
