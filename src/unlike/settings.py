"""Settings, typed, with their source; the defaults are what the papers did.

A preset is one entry of a literal dict. Settings are frozen dataclasses; files are checked against the same dataclasses,
unknown keys fail, and all errors are reported at once.
"""

import inspect
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache, wraps
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_type_hints

from annotated_types import Ge, Gt, Interval, Le

from unlike.errors import InputError
from unlike.records import TimeRule

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError
    from pydantic_core import ErrorDetails

T = TypeVar("T")

AtLeast0 = Annotated[int, Ge(0)]
AtLeast1 = Annotated[int, Ge(1)]
Fraction = Annotated[float, Gt(0), Le(1)]
NotNegative = Annotated[float, Interval(ge=0, lt=float("inf"))]
Positive = Annotated[float, Interval(gt=0, lt=float("inf"))]


@dataclass(frozen=True, slots=True)
class CurateSettings:
    """Thresholds of data curation and split (DPL, appendix A).

    Lengths are counted on the raw text, before white space is normalised, as the released code does.
    """

    min_chars: AtLeast0 = 200
    """Minimum length of a record's text."""
    description_chars: tuple[int, int] | None = (100, 2000)
    """Allowed length of an item's description; None if items need no description ("any")."""
    min_reviewers: AtLeast0 = 4
    """Minimum number of distinct reviewers per item."""
    min_records: AtLeast0 = 18
    """Minimum number of records per user."""
    max_records: AtLeast0 = 500
    """Maximum number of records per user; users with more are left out."""
    test_targets: AtLeast0 = 1
    """Latest records of each user that are test cases."""
    val_targets: AtLeast0 = 1
    """Records before these that are validation cases."""
    train_targets: AtLeast0 = 8
    """Maximum number of targets per user, most recent first: test, then validation, then train."""
    shrink_train_to_profile: AtLeast0 | None = None
    """None: every user has exactly ``train_targets``. A number: as many, up to ``train_targets``, as leave at least
    that many records in the profile before the oldest target."""
    min_profile: AtLeast0 = 8
    """Minimum number of profile records (those before the oldest target) per user whose item has enough reviewers."""
    min_profile_reviewers: AtLeast0 = 5
    """Minimum number of reviewers of an item among all profiles, the user included, to count for ``min_profile``."""
    drop_unshared: bool = False
    """Whether profile records whose item has too few reviewers leave the corpus (released code) or stay (paper)."""
    require_categories: bool = False
    """Whether an item needs categories and a rating count in its metadata (released code)."""
    require_title_and_rating: bool = True
    """Whether a record needs a title and a rating, where the data has such columns (paper), or stays without them."""


CURATE_PRESETS: dict[str, CurateSettings] = {
    "dpl-paper": CurateSettings(),
    "dpl-code": CurateSettings(min_reviewers=8, drop_unshared=True, require_categories=True),
    "small": CurateSettings(
        min_records=5,
        description_chars=None,
        shrink_train_to_profile=2,
        min_profile=2,
        min_profile_reviewers=2,
        require_title_and_rating=False,
    ),
    "sample": CurateSettings(min_records=12, train_targets=2),
}

RetrieverName = Literal["bm25", "recency", "random", "dense"]
SelectorName = Literal["kmeans", "kmeans_assigned", "random", "farthest"]
KeyRecords = Literal["recency", "compared"]
"""Which records a profile is built from ahead of any request: the latest, or the latest whose item others wrote about."""
LexicalOf = Literal["user", "stranger"]
Layout = Literal["single", "turns"]
"""How the last step shows the past texts: in one prompt, as the papers do, or each as a turn of the chat (ours)."""


@dataclass(frozen=True, slots=True)
class MethodSettings:
    """Settings that all methods share (DPL, sections 4.1 and D.2).

    Attributes:
        n_records: N, the key records retrieved for a request.
        n_peers: K, the representatives a key record is compared with.
        retriever: How the key records are chosen among the user's records.
        selector: How the representatives are chosen among those who wrote on the same item.
        time_rule: Which texts of others a request may see: "as_of", "paper" or "released".
        dimensions: Names of the dimensions of the comparison standard S; None for all of the task's.
        temperature: Of every call of the method.
        top_p: Of every call of the method.
        max_tokens: New tokens of every call.
        seed: Of sampling, of random retrieval and selection, and of K-means.
        layout: How the past texts are shown to the LLM that writes the text.
        rewrites: Maximum number of times that the LLM is asked again, with other random numbers, for a reply with a
            fault (``unlike.writing.faults``); the reply with the fewest is kept. 0, as in the papers, keeps the first. Texts
            that are streamed are never asked for again.
        key_records: Of ``stored_profile``: which records the profile is built from.
        min_records: Of ``stored_profile``: users with fewer records get no profile; their records are shown.
        min_peers: Of ``stored_profile``: minimum number of others on an item for a record to be compared.
        shown_records: Of ``stored_profile``: latest own records shown beside the profile.
        adapter: Folder of the trained adapter, for the methods that need one.
        lexical: Strength of the user's lexical difference as logit bias, for any method; 0 for none.
        lexical_of: Whose lexical difference it is; a stranger's is the control.
    """

    n_records: AtLeast1 = 8
    n_peers: AtLeast1 = 4
    retriever: RetrieverName = "bm25"
    selector: SelectorName = "kmeans"
    time_rule: TimeRule = "as_of"
    dimensions: tuple[str, ...] | None = None
    temperature: NotNegative = 0.8
    top_p: Fraction = 0.95
    max_tokens: AtLeast1 = 2048
    seed: int = 0
    layout: Layout = "turns"
    rewrites: AtLeast0 = 0
    key_records: KeyRecords = "recency"
    min_records: AtLeast1 = 2
    min_peers: AtLeast1 = 2
    shown_records: AtLeast0 = 2
    adapter: str = ""
    lexical: NotNegative = 0.0
    lexical_of: LexicalOf = "user"

    @property
    def max_rewrites(self) -> int:
        """``rewrites``; 0 at temperature 0, where the LLM would answer the same and is not asked again."""
        return self.rewrites if self.temperature else 0

    def but(self, **changes: object) -> "MethodSettings":
        """A copy with some settings changed."""
        return replace(self, **changes)


def settings_of(given: MethodSettings | Mapping[str, Any] | None) -> MethodSettings:
    """Settings of methods, from some by name; the others are the papers'."""
    return given if isinstance(given, MethodSettings) else MethodSettings(**given or {})


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """Settings of the HTTP service.

    Attributes:
        requests_per_s: Sustained rate per API key; None (in a file: inf) for no limit.
        tenant_requests_per_s: Sustained rate of all keys of a tenant together; None for no limit.
        address_requests_per_s: Sustained rate per address without a valid key; None for no limit.
        burst: Requests per API key that may arrive at once after a pause; twice as many per tenant.
        max_bytes: Maximum size of a request body with records.
        max_bytes_in_flight: Maximum size of all larger bodies of requests under way, together; at least ``max_bytes``.
        max_records: Maximum number of records per request.
        key_cache_s: How long a valid key is cached; a revoked key stops working within this time.
        n_workers: Workers that build profiles in this process; 0 where they run elsewhere.
        worker_pause_s: Pause before a worker that failed is restarted.
        housekeeping_s: Interval of cleaning files of deleted data and of deleting what has expired.
    """

    requests_per_s: Annotated[float, Gt(0)] | None = 100.0
    tenant_requests_per_s: Annotated[float, Gt(0)] | None = 400.0
    address_requests_per_s: Annotated[float, Gt(0)] | None = 50.0
    burst: AtLeast1 = 200
    max_bytes: Annotated[int, Ge(1024)] = 16 * 2**20
    max_bytes_in_flight: Annotated[int, Ge(1024)] = 256 * 2**20
    max_records: AtLeast1 = 10_000
    key_cache_s: NotNegative = 3.0
    n_workers: AtLeast0 = 1
    worker_pause_s: Positive = 5.0
    housekeeping_s: Positive = 30.0


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Limits of the calls to an LLM's endpoint. The defaults suit a service, where a user waits for the answer.

    Attributes:
        timeout_s: Time limit of one attempt; of a stream the time to its first chunk and between two.
        total_s: Time limit of a call with all its attempts and pauses.
        max_retries: Attempts after the first.
        max_answer_bytes: Maximum size of an answer.
    """

    timeout_s: Positive = 120.0
    total_s: Positive = 300.0
    max_retries: AtLeast0 = 3
    max_answer_bytes: Annotated[int, Ge(1024)] = 16 * 2**20


BATCH_ENDPOINT = EndpointSettings(timeout_s=600.0, total_s=3600.0, max_retries=6)
"""For experiments, and for an LLM that is opened without settings: no user waits for the answer."""


def by_name(kind: str, table: Mapping[str, T], name: str) -> T:
    """The entry of that name in a table of variants.

    Args:
        kind: What the entries are, for the message.
        table: By name.
        name: As a setting or an option gives it.

    Raises:
        InputError: There is no such name; the message lists the allowed ones.
    """
    if name not in table:
        raise InputError(f"unknown {kind}: {name!r}; allowed are {', '.join(table)}")
    return table[name]


def changes_of(settings: type, *, without: tuple[str, ...] = ()) -> type:
    """The type of a partial settings table: any fields of a settings dataclass, each checked as the dataclass declares it.

    Args:
        settings: A dataclass.
        without: Fields that the table must not have.
    """
    from pydantic import ConfigDict
    from typing_extensions import TypedDict

    hints = get_type_hints(settings, include_extras=True)
    table = TypedDict(settings.__name__, {n: h for n, h in hints.items() if n not in without}, total=False)  # pyright: ignore
    table.__pydantic_config__ = ConfigDict(extra="forbid")  # pyright: ignore[reportAttributeAccessIssue]
    return table


def checked(kind: type[T], values: object, source: str) -> T:
    """Values as an instance of a type, checked by pydantic.

    Args:
        kind: A dataclass or model.
        values: As a TOML file or a command holds them.
        source: Their origin, for the message.

    Raises:
        InputError: Some values are not allowed; the message lists all of them.
    """
    from pydantic import TypeAdapter

    return _valid(TypeAdapter(kind), values, kind, source)


def _valid(adapter: "TypeAdapter[T]", values: object, kind: object, source: str) -> T:
    from pydantic import ValidationError

    try:
        return adapter.validate_python(values)
    except ValidationError as error:
        raise InputError(f"{source}: {'; '.join(problems_of(error, kind))}") from error


def problems_of(error: "ValidationError", kind: object) -> list[str]:
    """The problems that pydantic found, one line each; for an unknown key, with the allowed ones."""
    return [_problem(detail, kind) for detail in error.errors(include_url=False, include_context=False)]


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{what} {path} cannot be read: {reason}; give a TOML file") from error


def _problem(detail: "ErrorDetails", kind: object) -> str:
    place = ".".join(map(str, detail["loc"]))
    if detail["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        names = _fields_at(kind, detail["loc"][:-1])
        near = get_close_matches(str(detail["loc"][-1]), names, 1)
        return f"{place} is unknown; {f'did you mean {near[0]}? ' if near else ''}allowed are {', '.join(names)}"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def _fields_at(kind: object, place: tuple[int | str, ...]) -> list[str]:
    """Names of the fields of a nested type."""
    for name in place:
        kind = get_args(kind)[0] if isinstance(name, int) else get_type_hints(kind)[name]
        if isinstance(kind, UnionType):
            kind = next((part for part in get_args(kind) if part is not NoneType), kind)
    return list(get_type_hints(kind))


def check_values(*kinds: type) -> None:
    """Make the constructors of settings classes check names and values, as files are checked.

    They then raise InputError, which lists all mistakes. To be called below the presets of a module: these are not checked, so
    that pydantic, which takes long to import, is imported only where values are given.
    """
    for kind in kinds:
        _check_values(kind)


def _check_values(kind: type[Any]) -> None:
    names, make = list(inspect.signature(kind).parameters), kind.__init__

    @cache
    def adapter() -> "TypeAdapter[Any]":
        from pydantic import TypeAdapter

        return TypeAdapter(changes_of(kind))

    @wraps(make)
    def checking(self: object, *args: object, **given: object) -> None:
        if len(args) > len(names) or given.keys() & names[: len(args)]:
            make(self, *args, **given)  # raises the TypeError of any dataclass
        values = dict(zip(names, args, strict=False)) | given
        make(self, **(_valid(adapter(), values, kind, kind.__name__) if values else {}))

    kind.__init__ = checking


def as_path(given: Path | str | None) -> Path | None:
    """A path that a public function was given, also as a string."""
    return None if given is None else Path(given)


def as_list(given: Sequence[T] | T) -> Sequence[T]:
    """Several paths or names that a public function was given, also where it is only one; a string is never split."""
    return [given] if isinstance(given, str | Path) else given  # pyright: ignore[reportReturnType]


def cache_folder() -> Path:
    """Folder of data that can be downloaded or computed again: UNLIKE_CACHE, or the user's cache folder."""
    if "UNLIKE_CACHE" in os.environ:
        return Path(os.environ["UNLIKE_CACHE"])
    from platformdirs import user_cache_path

    return user_cache_path("unlike")


def vector_file() -> Path:
    """The cache of vectors of texts that were encoded on this machine."""
    return cache_folder() / "vectors.sqlite"


check_values(CurateSettings, MethodSettings, ServiceSettings, EndpointSettings)
