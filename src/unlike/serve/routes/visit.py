"""What a route receives: the service, and the memory of the tenant whose key was sent."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query, Request

from unlike.memory.memory import Memory
from unlike.serve.auth import Caller
from unlike.serve.bodies import Id
from unlike.serve.service import Service

UserId = Annotated[Id, Path(description="Of the product; may hold any characters, percent-encoded", examples=["ada"])]
Offset = Annotated[int, Query(ge=0, le=10**9, description="Rows to skip")]
Limit = Annotated[int, Query(ge=1, le=500, description="Maximum number of rows")]


@dataclass(frozen=True, slots=True)
class Visit:
    """An authenticated request.

    Attributes:
        memory: Of the caller's tenant, and of no other.
        key: Name of the caller's key, for the audit.
    """

    service: Service
    memory: Memory
    key: str


def service_of(request: Request) -> Service:
    """The service behind an app."""
    return request.app.state.service


async def _visit(request: Request) -> Visit:
    service, caller = service_of(request), request.scope["state"]["caller"]
    assert isinstance(caller, Caller)
    return Visit(service, service.memory(caller.tenant), caller.name)


Here = Annotated[Visit, Depends(_visit)]
