"""What a route receives: the service, and the memory of the tenant whose key was sent."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.types import Receive

from unlike.memory.memory import Memory
from unlike.serve.answers import disconnected
from unlike.serve.bodies import Id
from unlike.serve.errors import ClientLeft
from unlike.serve.service import Service
from unlike.store.api_keys import Caller

UserId = Annotated[Id, Path(description="Of the product; may hold any characters, percent-encoded", examples=["ada"])]
Offset = Annotated[int, Query(ge=0, le=10**9, description="Rows to skip")]
Limit = Annotated[int, Query(ge=1, le=500, description="Maximum number of rows")]


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Visit:
    """An authenticated request.

    Attributes:
        memory: Of the caller's tenant, and of no other.
        key: Name of the caller's key, for the audit.
        receive: The next messages of the connection, after the body.
    """

    service: Service
    memory: Memory
    key: str
    receive: Receive

    async def while_connected(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of work that is cancelled when the client disconnects, and an LLM call with it.

        Raises:
            ClientLeft: It did.
        """
        task, left = asyncio.current_task(), False
        assert task is not None
        n_cancelled = task.cancelling()

        async def cancel_when_left() -> None:
            nonlocal left
            await disconnected(self.receive)
            left = True
            task.cancel()

        watching = asyncio.create_task(cancel_when_left())
        try:
            return await work
        except asyncio.CancelledError:
            if left and task.uncancel() <= n_cancelled:  # otherwise the server cancels the request as well
                raise ClientLeft from None
            raise
        finally:
            watching.cancel()


def service_of(request: Request) -> Service:
    """The service behind an app."""
    return request.app.state.service


async def visit(request: Request) -> Visit:
    """A request that the middleware let pass."""
    _refuse_unknown_parameters(request)
    service, caller = service_of(request), request.scope["state"]["caller"]
    assert isinstance(caller, Caller)
    return Visit(service, service.memory(caller.tenant), caller.name, request.receive)


def _refuse_unknown_parameters(request: Request) -> None:
    """A misspelt filter would otherwise answer with everything."""
    if not request.query_params:
        return
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    if unknown := sorted(set(request.query_params) - set(known)):
        allowed = f"allowed are {', '.join(known)}" if known else "there are none here"
        mistakes = [
            {"loc": ("query", name), "msg": f"unknown parameter; {allowed}", "type": "unknown"} for name in unknown
        ]
        raise RequestValidationError(mistakes)


Here = Annotated[Visit, Depends(visit)]
