"""The tables of an experiment file, checked at the edge: unknown keys fail, defaults are the papers'."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from unlike.config import KeyRecords, Layout, RetrieverName, SelectorName
from unlike.records import TimeRule


class Section(BaseModel):
    """A table of the file; unknown keys fail."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Settings(Section):
    """Method settings as a file gives them; what is not given stays as the experiment or the papers have it."""

    n_records: int | None = Field(default=None, ge=1)
    n_peers: int | None = Field(default=None, ge=1)
    retriever: RetrieverName | None = None
    selector: SelectorName | None = None
    time_rule: TimeRule | None = None
    dimensions: tuple[str, ...] | None = None
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = None
    layout: Layout | None = None
    key_records: KeyRecords | None = None
    min_records: int | None = Field(default=None, ge=1)
    min_peers: int | None = Field(default=None, ge=1)
    shown_records: int | None = Field(default=None, ge=0)
    adapter: str | None = None

    def given(self) -> dict[str, Any]:
        """The settings that the file names."""
        return self.model_dump(exclude_unset=True)


class MethodEntry(Section):
    """A method in the comparison."""

    method: str
    name: str = ""
    """How the table calls it; made from method and settings where it is not given."""
    settings: Settings = Settings()


class Engine(Section):
    """An LLM and what it costs."""

    uri: str = ""
    concurrency: int = Field(default=16, ge=1)
    context_tokens: int | None = Field(default=None, ge=256)
    """Tokens of a prompt and its answer together; longer prompts lose their oldest records. None for what the model takes."""
    price_in: float | None = Field(default=None, ge=0)
    """Price of a million prompt tokens."""
    price_out: float | None = Field(default=None, ge=0)
    """Price of a million completion tokens."""


class Judge(Engine):
    """An LLM that grades."""

    uri: str  # pyright: ignore[reportGeneralTypeIssues] - without a default, unlike the engine's
    repeats: int = Field(default=2, ge=1)
    """Grades a text, averaged."""


class Repeats(Section):
    """Every method runs once for each pair of temperature and seed."""

    temperatures: tuple[float, ...] = ()
    seeds: tuple[int, ...] = ()


class Samples(Section):
    """Instead of all cases: several seeded random samples of them (Yelp in DPL: 5 times 100)."""

    size: int = Field(ge=1)
    times: int = Field(default=1, ge=1)


class Sweeps(Section):
    """Values of one setting at a time."""

    methods: tuple[str, ...] = ()
    n_peers: tuple[int, ...] = ()
    n_records: tuple[int, ...] = ()


class AdapterEntry(Section):
    """An adapter that the experiment trains before it is used; methods name it in ``settings.adapter``.

    It is trained once for each seed of the experiment's repeats, since a training is as random as a text.
    """

    name: str = Field(pattern=r"^[\w.-]+$")
    kind: Literal["dep", "pplug", "prompt_tuning"]
    preset: str = "paper"
    set: dict[str, bool | int | float | str | list[str]] = {}
    """Settings of adapter, training and loss, as ``unlike train --set`` takes them."""
