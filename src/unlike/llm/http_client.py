"""POST requests to one address, answered whole or as server-sent events.

Redirects are not followed, so a prompt goes to no address but the one that was given. Answers are asked for without
compression, and one that is longer than allowed ends the call before it fills the memory. Proxies are those of the
environment (HTTPS_PROXY, NO_PROXY and so on).
"""

import asyncio
import json
import os
import ssl
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi
from yarl import URL

from unlike.errors import CallFailed, EngineError, InputError

KEEP_OPEN_S = 4.0
"""How long an idle connection is kept: less than the 5 s of uvicorn, which vLLM's server runs on."""
_OPENAI_HEADERS = {"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"}


class StatusError(Exception):
    """The endpoint answered with an error or a redirect.

    Attributes:
        status: Of HTTP.
        body: What was sent.
        headers: Case-insensitive.
        code: Of the error, if the body is one of OpenAI's API.
        param: The field that it is about.
    """

    def __init__(self, status: int, body: str, headers: Mapping[str, str]) -> None:
        super().__init__(f"HTTP status {status}")
        self.status, self.body, self.headers = status, body, headers
        error = _error_in(body)
        self.code, self.param = error.get("code"), error.get("param")


class ConnectionFailed(Exception):  # noqa: N818 - a signal inside the backend, never an error a caller sees
    """There was no answer, or not the whole of it.

    Attributes:
        unreachable: Whether no connection came about.
        timed_out: Whether the endpoint was silent for too long.
    """

    def __init__(self, reason: str, *, unreachable: bool = False, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.unreachable, self.timed_out = unreachable, timed_out


class Response:
    """An answer that is being received.

    Attributes:
        is_stream: Whether it consists of server-sent events.
    """

    def __init__(self, response: aiohttp.ClientResponse, name: str, max_bytes: int) -> None:
        self._response, self._name, self._max_bytes = response, name, max_bytes
        self.is_stream = "event-stream" in response.headers.get("content-type", "")

    async def text(self) -> str:
        """All of it."""
        return b"".join([part async for part in self._parts()]).decode("utf-8", "replace")

    async def events(self) -> AsyncGenerator[str]:
        """The data of each server-sent event, until the one that ends them ("[DONE]")."""
        data: list[bytes] = []
        async with aclosing(self._lines()) as lines:
            async for line in lines:
                if line.startswith(b"data:"):
                    data.append(line[5:].removeprefix(b" "))
                elif not line and data:
                    event, data = b"\n".join(data).decode("utf-8", "replace"), []
                    if event.startswith("[DONE]"):
                        return
                    yield event
        if data and not data[0].startswith(b"[DONE]"):
            yield b"\n".join(data).decode("utf-8", "replace")

    async def _lines(self) -> AsyncGenerator[bytes]:
        """The lines, which end in LF, CR or both."""
        begun: list[bytes] = []
        async for part in self._parts():
            begun.append(part)
            if b"\n" not in part and b"\r" not in part:
                continue
            lines = b"".join(begun).splitlines(keepends=True)
            begun = [] if lines[-1].endswith(b"\n") else [lines.pop()]  # behind a CR, an LF may follow
            for line in lines:
                yield line.rstrip(b"\r\n")
        yield b"".join(begun).rstrip(b"\r\n")

    async def _parts(self) -> AsyncIterator[bytes]:
        """The bytes as they arrive.

        Raises:
            CallFailed: There are more than allowed.
            EngineError: They are compressed, so that they could grow.
        """
        encoding = self._response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise EngineError(
                f"{self._name} compresses its answers ({encoding}) although it is asked not to; turn that off"
            )
        n_bytes = 0
        async for part in self._response.content.iter_any():
            n_bytes += len(part)
            if n_bytes > self._max_bytes:
                raise CallFailed(
                    f"{self._name} sent more than the {self._max_bytes:,} bytes allowed; the call is given up"
                )
            yield part


class HttpClient:
    """POST requests to one address. Each event loop gets connections of its own.

    Args:
        base_url: What paths are appended to; a user name and password in it are sent in place of the key.
        api_key: Sent as a bearer token.
        name: Of the endpoint, in errors.
        timeout_s: Maximum time to connect, and maximum silence after that.
        max_bytes: Maximum size of an answer.

    Raises:
        InputError: The address is none, or the proxy of the environment is not one of HTTP.
    """

    def __init__(self, base_url: str, api_key: str, *, name: str, timeout_s: float, max_bytes: int) -> None:
        try:
            self._url = URL(base_url)
        except ValueError as error:
            raise InputError(
                f"endpoint: {base_url!r} is not an address ({error}); correct it in --llm or OPENAI_BASE_URL"
            ) from error
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "unlike"}
        if self._url.user is None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._headers |= {header: os.environ[name] for header, name in _OPENAI_HEADERS.items() if os.environ.get(name)}
        self._name, self._timeout_s, self._max_bytes = name, timeout_s, max_bytes
        self._proxy = _proxy_of(self._url)
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        weakref.finalize(self, _close_all, self._sessions)

    async def post(self, path: str, body: Mapping[str, Any]) -> str:
        """The whole answer; errors as in ``posted``."""
        async with self.posted(path, body) as response:
            return await response.text()

    @asynccontextmanager
    async def posted(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Response]:
        """The answer while it is received; leaving early closes the connection.

        Args:
            path: Below the address.
            body: Sent as JSON.

        Raises:
            StatusError: The status is not one of success.
            ConnectionFailed: The connection could not be made, or broke.
            CallFailed: The answer is too long.
            EngineError: The answer is compressed.
        """
        url = self._url.joinpath(path).with_query(self._url.query)
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session().post(url, data=data, headers=headers, allow_redirects=False) as received:
                response = Response(received, self._name, self._max_bytes)
                if not 200 <= received.status < 300:
                    raise StatusError(received.status, await response.text(), received.headers)
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ConnectionFailed(_reason(error), unreachable=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionFailed(_reason(error), timed_out=isinstance(error, TimeoutError)) from error

    async def aclose(self) -> None:
        """Close the connections."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()
        _close_all(self._sessions)

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            _close_all(self._sessions)
            limit = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout_s, sock_read=self._timeout_s)
            session = self._sessions[loop] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_OPEN_S, ssl=_tls(self._url)),
                timeout=limit,
                headers=self._headers,
                proxy=self._proxy,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return session


def _close_all(sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession]) -> None:
    """Close sessions from outside their loops; one that is not closed prints a warning when it is garbage-collected."""
    while sessions:
        loop, session = sessions.popitem()
        closing = session.close()
        if loop.is_running():
            loop.call_soon_threadsafe(
                _begin, closing
            )  # a task of its own would come too late for a loop that is about to end
        else:
            _begin(closing)


def _begin(closing: Coroutine[Any, Any, None]) -> None:
    """Close a session; what remains is to wait for its connections to be closed."""
    with suppress(StopIteration, RuntimeError):
        closing.send(None)
    closing.close()


def _tls(url: URL) -> ssl.SSLContext | bool:
    """The certificate authorities of the system and of Mozilla's list."""
    if url.scheme != "https":
        return True
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _proxy_of(url: URL) -> str | None:
    """The environment's proxy for an address.

    Raises:
        InputError: It is not one of HTTP.
    """
    if not url.host or proxy_bypass(url.host):
        return None
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if proxy and not proxy.startswith(("http://", "https://")):
        kind = proxy.partition("://")[0]
        raise InputError(f"proxy: {kind} proxies cannot be used; give an http:// one, or name {url.host} in NO_PROXY")
    return proxy


def _reason(error: Exception) -> str:
    said = str(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _error_in(body: str) -> Mapping[str, Any]:
    """The error object of an answer of OpenAI's API; an empty one where there is none."""
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    error: Any = answer.get("error", answer) if isinstance(answer, dict) else None
    return error if isinstance(error, dict) else {}
