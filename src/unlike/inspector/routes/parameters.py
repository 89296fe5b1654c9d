"""Parameters and answers that the inspector's routes share.

Ids are in the query and not in the path, since they may have any characters.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request
from starlette.responses import Response

from unlike.inspector.readers.workspace import Workspace

T = TypeVar("T")

RunName = Annotated[str, Query(alias="run", max_length=300, description="Name of a run, from the list of runs")]
CaseId = Annotated[str, Query(alias="case", max_length=2_000, description="Of the case")]
MetricName = Annotated[str, Query(max_length=300, description="Name of a metric")]
Search = Annotated[str, Query(max_length=256, description="Part of an id or a title, in any case")]


def _inspected(request: Request) -> Workspace:
    return request.app.state.inspected


Here = Annotated[Workspace, Depends(_inspected)]


def ascii_json_response(value: object) -> Response:
    """An answer as JSON in ASCII, which can encode damaged text, such as lone surrogates."""
    return Response(json.dumps(value, ensure_ascii=True, allow_nan=False, default=vars), media_type="application/json")


def page(rows: Sequence[T], offset: int, limit: int) -> tuple[Sequence[T], dict[str, Any]]:
    """A part of a list, and its place in the whole list."""
    return rows[offset : offset + limit], {"total": len(rows), "offset": offset, "limit": limit}
