"""The file format of the scripted LLM: rules that look at the last message, in TOML or JSON.

latency_s = 0.01                  # optional
default = ["One text.", "Another."]

[[rules]]                         # the first rule that matches wins
contains = "Summarise"            # or: regex = "(?i)summari[sz]e"
answer = "Short sentences."

[[rules]]
contains = "item-7"
fail = "overloaded"               # or: stop = "no credit left", which ends the whole run
times = 2                         # how often the rule applies; without it, always
"""

import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from unlike.errors import CallFailed, EngineError, InputError
from unlike.llm.backend import Messages, Sampling, messages_digest
from unlike.settings import problems_of


class Rule(BaseModel):
    """When it matches (exactly one of contains, regex), and what happens (exactly one of answer, fail, stop)."""

    model_config = ConfigDict(extra="forbid")

    contains: str | None = None
    regex: re.Pattern[str] | None = None
    answer: str | None = None
    fail: str | None = None
    stop: str | None = None
    times: int | None = Field(default=None, ge=1)
    _used: int = PrivateAttr(default=0)

    @property
    def n_used(self) -> int:
        """How often it has applied."""
        return self._used

    @property
    def looks_for(self) -> str:
        """The text or pattern in it."""
        return self.regex.pattern if self.regex else self.contains or ""

    @model_validator(mode="after")
    def _one_of_each(self) -> "Rule":
        if (self.contains is None) == (self.regex is None):
            raise ValueError("a rule needs exactly one of: contains, regex")
        if sum(outcome is not None for outcome in (self.answer, self.fail, self.stop)) != 1:
            raise ValueError("a rule needs exactly one of: answer, fail, stop")
        return self

    def matches(self, text: str) -> bool:
        """Whether this rule speaks for a message."""
        if self.times is not None and self._used >= self.times:
            return False
        return self.contains in text if self.contains is not None else bool(self.regex and self.regex.search(text))

    def apply(self) -> str:
        """The answer.

        Raises:
            CallFailed: The rule says ``fail``.
            EngineError: The rule says ``stop``.
        """
        self._used += 1
        if self.fail is not None:
            raise CallFailed(self.fail)
        if self.stop is not None:
            raise EngineError(self.stop)
        return self.answer or ""


class Script(BaseModel):
    """A whole file; its name holds a digest, so that a changed file is another model to the journal."""

    model_config = ConfigDict(extra="forbid")

    rules: list[Rule] = []
    default: list[str] = Field(default=["A scripted answer."], min_length=1)
    latency_s: float = Field(default=0.0, ge=0)
    context_tokens: int | None = Field(default=None, ge=1)
    _name: str = PrivateAttr(default="script")

    @classmethod
    def load(cls, path: Path) -> "Script":
        """Read and check a file.

        Raises:
            InputError: It is missing, or not TOML or JSON of this form; all mistakes at once.
        """
        try:
            raw = path.read_bytes()
            script = cls.model_validate(_parsed(path, raw.decode()))
        except OSError as error:
            raise InputError(
                f"LLM script: cannot read {str(path)!r}: {error.strerror}; give a file, or echo"
            ) from error
        except ValidationError as error:
            raise InputError(f"LLM script: {str(path)!r}: {'; '.join(problems_of(error, cls))}") from error
        except ValueError as error:
            raise InputError(f"LLM script: {str(path)!r} is not TOML or JSON: {error}") from error
        script._name = f"{path.name}#{hashlib.sha256(raw).hexdigest()[:8]}"
        return script

    @property
    def name(self) -> str:
        """File name and digest."""
        return self._name

    def unmatched(self) -> list[str]:
        """What the rules look for that no message has matched yet."""
        return [rule.looks_for for rule in self.rules if not rule.n_used]

    def answer(self, messages: Messages, _sampling: Sampling) -> str:
        """The first matching rule's answer, else a default drawn by a stable hash of the messages."""
        text = messages[-1]["content"]
        for rule in self.rules:
            if rule.matches(text):
                return rule.apply()
        return self.default[int(messages_digest(messages), 16) % len(self.default)]


def _parsed(path: Path, text: str) -> dict[str, Any]:
    return json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
