"""Request bodies: validated once, with all mistakes listed, and converted to the memory's types."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, FailFast, Field, StringConstraints

from unlike.memory.answers import Evidence, Request
from unlike.memory.ingest import LAST_MS, MAX_CHARS, MAX_ITEM_CHARS, NO_IDS
from unlike.memory.profile_pages import MAX_STATEMENT_CHARS
from unlike.records import Item, Record, canonical_id
from unlike.settings import SelectorName
from unlike.store.records import NewRecord
from unlike.store.users import Consent

MAX_NUMBER = 2**31 - 1


def _usable(given: str) -> str:
    if not given.strip() or given in NO_IDS:
        raise ValueError("an id is not blank and neither . nor ..")
    return canonical_id(given)


def _unix_ms(given: object) -> object:
    """A date or date-time of ISO 8601 as Unix milliseconds, UTC if it has no offset; anything but text is returned unchanged."""
    if not isinstance(given, str):
        return given
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise ValueError("Unix milliseconds or a time such as 2024-05-01T09:30:00Z is needed") from error
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


Id = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_CHARS["id"], pattern=r"^[^\x00-\x1f\x7f]+$"),
    AfterValidator(_usable),
]
"""Any characters but control characters; the same characters are the same id, however they are composed."""
_NO_NUL = r"^[^\x00]*$"
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_CHARS["text"], pattern=_NO_NUL)]
Title = Annotated[str, StringConstraints(max_length=MAX_CHARS["title"], pattern=_NO_NUL)]
Description = Annotated[str, StringConstraints(max_length=MAX_ITEM_CHARS["description"], pattern=_NO_NUL)]
Wording = Annotated[str, StringConstraints(max_length=10_000, pattern=_NO_NUL)]
Timestamp = Annotated[
    int, Field(ge=0, le=LAST_MS), BeforeValidator(_unix_ms, json_schema_input_type=Annotated[int, Field(ge=0)] | str)
]
Rating = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


def example(**values: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """What the OpenAPI document shows."""
    return {"examples": [values]}


_ITEM = {"title": "Harbour Lights", "description": "Ten songs for voice and accordion."}
_RECORD = {
    "record_id": "r-1",
    "user_id": "ada",
    "item_id": "album-7",
    "text": "Slow, warm, and a little too long.",
    "rating": 4,
    "timestamp": 1700000000000,
    "item": _ITEM,
}


class Body(BaseModel):
    """What all bodies share: strict types, and unknown keys are an error."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class ItemBody(Body):
    """What is known of an item."""

    title: Title = ""
    description: Description = ""

    def item(self, item_id: str) -> Item:
        """Convert to the memory's type."""
        return Item(item_id, self.title, self.description)


class RecordBody(Body):
    """A text that a user wrote about an item."""

    model_config = ConfigDict(json_schema_extra=example(**_RECORD))

    record_id: Id
    """Identifies this text: sending the same record again changes nothing."""
    user_id: Id
    item_id: Id
    text: Text
    title: Title = ""
    rating: Rating | None = None
    timestamp: Timestamp | None = None
    """Unix milliseconds, or a date-time of ISO 8601, which counts as UTC if it has no offset; now if omitted."""
    item: ItemBody = ItemBody()

    def row(self) -> NewRecord:
        """Convert to the memory's type."""
        record = Record(
            self.record_id, self.user_id, self.item_id, self.text, self.title, self.rating, self.timestamp or 0
        )
        return NewRecord(record, self.item.item(self.item_id))


class ConsentBody(Body):
    """The consent of new users."""

    own: bool = True
    """Their records may be used for texts written for them."""
    peer: bool = False
    """Their records may be compared with those of others."""

    wording: Wording = ""

    def consent(self) -> Consent:
        """Convert to the memory's type."""
        return Consent(self.own, self.peer, self.wording)


class RecordsBody(Body):
    """Records to keep, and what their users agreed to."""

    model_config = ConfigDict(json_schema_extra=example(records=[_RECORD], consent={"own": True, "peer": True}))

    records: Annotated[list[RecordBody], Field(min_length=1)]
    consent: ConsentBody = ConsentBody()


class ConsentChange(Body):
    """A change of consent; omitted parts stay as they are."""

    model_config = ConfigDict(json_schema_extra=example(own=True, peer=False))

    own: bool | None = None
    peer: bool | None = None
    wording: Wording = ""
    """What the user was shown; it is kept with the answer."""


class RefusalBody(Body):
    """Whether records of a user are refused."""

    model_config = ConfigDict(json_schema_extra=example(refused=True))

    refused: bool


class CorrectionBody(Body):
    """The new content of a record; title, rating and time are the stored ones if omitted."""

    model_config = ConfigDict(json_schema_extra=example(**{k: v for k, v in _RECORD.items() if k != "record_id"}))

    user_id: Id
    """Whose record it is; it cannot become another's."""
    item_id: Id
    text: Text
    title: Title = ""
    """"" removes the stored one."""
    rating: Rating | None = None
    """`null` removes the stored one."""
    timestamp: Timestamp | None = None
    """In the same forms as in a new record."""

    @property
    def keeps(self) -> frozenset[str]:
        """Fields of the stored record that stay."""
        return frozenset({"title", "rating"} - self.model_fields_set)

    def row(self, record_id: str) -> NewRecord:
        """Convert to the memory's type."""
        own = (self.text, self.title, self.rating, self.timestamp or 0)
        return NewRecord(Record(record_id, self.user_id, self.item_id, *own), Item(self.item_id))


class StatementBody(Body):
    """A statement of a profile. What ``GET`` returned may be sent back: a statement with unchanged text keeps its evidence."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_STATEMENT_CHARS, pattern=_NO_NUL)]
    pinned: bool = False
    """Whether it stays when the profile is rebuilt."""
    record_ids: list[str] = []
    """Not read: evidence cannot be written by hand."""
    n_peers: int = 0
    """Not read."""
    origin: Literal["built", "edited"] = "edited"
    """Not read."""

    def evidence(self) -> Evidence:
        """Convert to the memory's type."""
        return Evidence(self.text, pinned=self.pinned, origin="edited")


class ProfileBody(Body):
    """A profile in a person's words: all of its statements, in their order."""

    model_config = ConfigDict(json_schema_extra=example(statements=[{"text": "Writes briefly.", "pinned": True}]))

    statements: Annotated[list[StatementBody], FailFast(), Field(max_length=200)]
    read_ms: Annotated[int, Field(ge=0, le=LAST_MS)] | None = None
    """``created_ms`` of the profile that was read before; if another one is current by now, nothing is changed."""


class RollbackBody(Body):
    """Which version is to be current again."""

    version: Annotated[int, Field(ge=1, le=MAX_NUMBER, examples=[1])]


class FeedbackBody(Body):
    """The text a person really sent in the end; it becomes a record."""

    model_config = ConfigDict(json_schema_extra=example(user_id="ada", item_id="album-7", text="Lovely accordion."))

    user_id: Id
    item_id: Id
    text: Text
    title: Title = ""
    rating: Rating | None = None


class TextBody(Body):
    """A text to be written for a user about an item."""

    user_id: Id
    """For whom; an unknown user gets a plain text."""
    item_id: Id
    title: Title = ""
    rating: Rating | None = None
    max_tokens: Annotated[int, Field(ge=1, le=32_768)] = 512
    """Of every call of the LLM."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.8
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    seed: Annotated[int, Field(ge=0, le=MAX_NUMBER)] = 0
    """The same request with the same seed gets the same text, where the engine can do that."""

    def request(self) -> Request:
        """Convert to the memory's type."""
        return Request(
            user_id=self.user_id,
            item_id=self.item_id,
            title=self.title,
            rating=self.rating,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
        )


class GenerateBody(TextBody):
    """A text to be written for a user."""

    model_config = ConfigDict(json_schema_extra=example(user_id="ada", item_id="album-7", rating=4, max_tokens=200))

    item_id: Annotated[str, StringConstraints(max_length=MAX_CHARS["item_id"], pattern=_NO_NUL)] = ""
    """What it is about; may be omitted when ``item`` is given."""
    item: ItemBody | None = None
    """The item, if it was never sent with a record."""
    retrieved: Annotated[int, Field(ge=0, le=50)] = 0
    """Own records to show beside the profile, those of the latest 1,000 that fit the request best."""
    stream: bool = False
    """Send the text as it is written, as server-sent events."""

    def request(self) -> Request:
        """Convert to the memory's type."""
        item = self.item.item(self.item_id) if self.item else None
        return replace(super().request(), item=item, retrieved=self.retrieved)


Selector = SelectorName
K = Annotated[int, Field(ge=1, le=20)]


class CompareBody(Body):
    """A comparison to be made by the LLM."""

    model_config = ConfigDict(json_schema_extra=example(user_id="ada", item_id="album-7", k=4))

    user_id: Id
    item_id: Id
    k: K = 4
    """How many others to compare with."""
    selector: Selector = "kmeans"
    """How they are chosen."""


class PlayBody(TextBody):
    """A request to be tried by one method."""

    model_config = ConfigDict(json_schema_extra=example(user_id="ada", item_id="album-7", method="rag", max_tokens=200))

    method: Annotated[str, StringConstraints(max_length=40)]
    """One of those that `GET /v1/playground` lists."""
    stream: bool = False
    """Send prompts and text as they come, as server-sent events."""
