"""One form for all errors: ``{"error": {"type", "message", "code", "param"}}``, which is OpenAI's too.

Error messages of an LLM or a database may hold prompts, addresses or names, so callers get a sentence of ours instead,
and the log gets the class names of the errors.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from unlike.errors import Busy, CallFailed, EngineError, InputError, MissingPart, NoAnswer, Refused, UnlikeError
from unlike.memory.answers import Changed, NoConsent
from unlike.memory.cpu_process import ProcessEnded
from unlike.store.daily_budget import BudgetSpent
from unlike.store.database import StoreUnusable, TransactionConflict
from unlike.store.keyring import AnotherMasterKey
from unlike.store.records import Unknown
from unlike.writing.repeat_guard import Repeated

TRY_AGAIN_S = 5
UNREADABLE = 400
"""FastAPI's status for a body that is not text; it is replaced by 422, as for every invalid body."""
_ABOUT_MISSING = {
    "records.record_id": "; choose it yourself: a record that is sent again with the same id is stored once"
}
_MESSAGES = {
    "extra_forbidden": "unknown field; /openapi.json lists those that are allowed",
    "string_pattern_mismatch": "a character in it cannot be stored (NUL, and in ids all control characters); leave it out",
    "model_attributes_type": "a JSON object is needed, sent with Content-Type: application/json",
}
"""Messages in place of pydantic's, by type of error."""
MAX_MISTAKES = 10
"""Mistakes of a request that are listed."""


class ClientLeft(Exception):  # noqa: N818 - nothing went wrong
    """The client disconnected before it was answered."""


class NotOffered(HTTPException):
    """Something of OpenAI's API is asked for that is not offered here.

    Args:
        message: For people.
        param: The field.
    """

    kind, code = "not_offered", "unsupported_parameter"

    def __init__(self, message: str, param: str) -> None:
        super().__init__(400, message)
        self.param = param


class RefusedByLLM(NotOffered):
    """The LLM refuses a chat that was passed on to it. Its message may hold the prompt, so only the field is named."""

    kind = "llm_refused"

    def __init__(self, refusal: Refused) -> None:
        about = f"; it names the field {refusal.param!r}" if refusal.param else ""
        super().__init__(f"the LLM refuses this request{about}", refusal.param)
        self.code = refusal.code or self.kind


@dataclass(frozen=True, slots=True)
class ErrorText:
    """What went wrong.

    Attributes:
        type: For programs; one word for each kind of error.
        message: For people.
        code: OpenAI's name for it where there is one, else the type.
        param: The first field of the request that is wrong, where one is.
    """

    type: str
    message: str
    code: str = ""
    param: str | None = None

    def __post_init__(self) -> None:
        """Fill in the code."""
        if not self.code:
            object.__setattr__(self, "code", _OPENAI_CODES.get(self.type, self.type))


_OPENAI_CODES = {
    "unauthorised": "invalid_api_key",
    "rate_limited": "rate_limit_exceeded",
    "llm_busy": "rate_limit_exceeded",
    "budget_spent": "insufficient_quota",
}


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The body of every answer that is an error."""

    error: ErrorText


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as an HTTP answer.

    Attributes:
        status: HTTP status.
        text: The body.
        headers: Such as when to try again.
    """

    status: int
    text: ErrorText
    headers: Mapping[str, str] | None = None

    def response(self) -> Response:
        """The answer."""
        return Response(to_json(ErrorBody(self.text)), self.status, self.headers, "application/json")


_KINDS: dict[type[UnlikeError], tuple[int, str, str]] = {
    Unknown: (404, "unknown", ""),
    NoConsent: (403, "no_consent", ""),
    BudgetSpent: (429, "budget_spent", ""),
    Repeated: (409, "repeated", ""),
    Changed: (409, "changed", ""),
    StoreUnusable: (503, "store_unavailable", "the database cannot be used at the moment; try again later"),
    AnotherMasterKey: (
        503,
        "store_unavailable",
        "the store has another master key; the operator of this service has to restart it with that key",
    ),
    TransactionConflict: (503, "store_unavailable", "others change the same data at the moment; try again later"),
    InputError: (422, "invalid", ""),
    EngineError: (503, "llm_unavailable", "the LLM cannot be used at the moment; try again later"),
    NoAnswer: (503, "llm_unavailable", "the LLM did not answer, or broke off; try again later"),
    Busy: (429, "llm_busy", "the LLM takes no more requests for now; try again later"),
    CallFailed: (502, "llm_failed", "the LLM gave no usable answer to this call; another or a shorter one may work"),
    ProcessEnded: (503, "interrupted", ""),
    MissingPart: (503, "not_installed", "the service lacks a part that this needs; its operator has to install it"),
    UnlikeError: (500, "internal", "this could not be done"),
}
"""Status, type, and the message that replaces the error's own; "" to keep it."""

_HTTP_KINDS = {
    401: "unauthorised",
    404: "not_found",
    405: "not_allowed",
    413: "too_large",
    500: "internal",
}


def problem_of(error: UnlikeError) -> Problem:
    """What an error of the library is over HTTP."""
    status, kind, instead = next(_KINDS[cls] for cls in type(error).__mro__ if cls in _KINDS)
    return Problem(status, ErrorText(kind, instead or str(error)), _retry_after(error, status))


def invalid(error: RequestValidationError) -> Problem:
    """The answer to a request that is not of the documented form: several mistakes at once, without the values sent."""
    mistakes = list[str]()
    for (field, message), alike in _grouped(error).items():
        place = ".".join(map(str, alike[0]["loc"]))
        hint = _ABOUT_MISSING.get(field, "") if alike[0]["type"] == "missing" else ""
        more_alike = f" (and {len(alike) - 1} more like it)" if len(alike) > 1 else ""
        message = _MESSAGES.get(alike[0]["type"]) or message.removeprefix("Value error, ")
        mistakes.append(f"{place}: {message}{hint}"[:300] + more_alike)
    more = "; and more" if len(error.errors()) > MAX_MISTAKES else ""
    first = next((mistake["loc"] for mistake in error.errors()), ())
    param = ".".join(map(str, first[1:] if first[:1] == ("body",) else first)) or None
    return Problem(422, ErrorText("invalid", "; ".join(mistakes[:MAX_MISTAKES]) + more, param=param))


def _grouped(error: RequestValidationError) -> dict[tuple[str, str], list[Any]]:
    """The mistakes by their field, without the number of the record, and by what is wrong with it."""
    found: dict[tuple[str, str], list[Any]] = {}
    for mistake in error.errors():
        field = ".".join(part for part in mistake["loc"][1:] if isinstance(part, str))
        found.setdefault((field, mistake["msg"]), []).append(mistake)
    return found


def refused(error: HTTPException) -> Problem:
    """The answer to a request that the router or a limit refuses."""
    if isinstance(error, NotOffered):
        return Problem(400, ErrorText(error.kind, str(error.detail), error.code, error.param or None))
    if error.status_code == UNREADABLE:
        return Problem(422, ErrorText("invalid", "the body cannot be read; send JSON in UTF-8"))
    kind = _HTTP_KINDS.get(error.status_code, "refused")
    return Problem(error.status_code, ErrorText(kind, str(error.detail)), error.headers)


def names_of(error: BaseException) -> str:
    """Names of an error and its causes, outermost first, with the status of an answer: what may be logged of it."""
    names, cause = list[str](), error
    while cause is not None and len(names) < 5:
        status = getattr(cause, "status", None)
        names.append(type(cause).__name__ + (f" {status}" if isinstance(status, int) else ""))
        cause = cause.__cause__
    return " < ".join(names)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for the OpenAPI document."""
    descriptions = {
        400: "What is asked for is not offered",
        403: "The user does not agree to this, or the key may not do it",
        404: "No such user, item or version",
        409: "The text would repeat another person's words, or the profile is not what was read",
        413: "The body is too large",
        422: "The request is not of this form",
        502: "The LLM gave no usable answer",
        503: "The LLM or the database cannot be used; `Retry-After` says when to try again",
    }
    always = {401: "No valid API key", 429: "Too many requests, or the budget is spent; see `Retry-After`"}
    texts = always | {status: descriptions[status] for status in (*statuses, 403, 503)}
    return {status: {"model": ErrorBody, "description": text} for status, text in sorted(texts.items())}


def _retry_after(error: UnlikeError, status: int) -> dict[str, str] | None:
    if isinstance(error, BudgetSpent):
        return {"retry-after": str(int(error.renewed_in_s) + 1)}
    asked_s = error.retry_after_s if isinstance(error, Busy) else None
    if asked_s is not None:
        return {"retry-after": str(int(asked_s) + 1)}
    return {"retry-after": str(TRY_AGAIN_S)} if status in (429, 503) else None


async def answer_invalid(_: Request, error: Exception) -> Response:
    """Handle a request that is not of its documented form."""
    assert isinstance(error, RequestValidationError)
    return invalid(error).response()


async def answer_refused(_: Request, error: Exception) -> Response:
    """Handle a request for something that does not exist or is not offered."""
    assert isinstance(error, HTTPException)
    return refused(error).response()
