"""A real HTTP server on loopback that speaks the chat API, and misbehaves as it is told."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def completion(text, **more):
    """The body of a good answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {
        "id": "1",
        "object": "chat.completion",
        "choices": [choice],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7},
        **more,
    }


def answer(body, status=200, **headers):
    """Behave: send this status, body (JSON unless bytes) and headers."""

    def behave(handler, endpoint):
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": len(sent), **headers}.items():
            handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()
        handler.wfile.write(sent)

    return behave


def error(status, message="out of luck", code=None, **headers):
    """Behave: refuse as such endpoints do."""
    return answer({"error": {"message": message, "code": code}}, status, **headers)


def half_a_body(handler, endpoint):
    """Behave: promise more bytes than are sent."""
    sent = json.dumps(completion("cut")).encode()
    handler.send_response(200)
    handler.send_header("content-length", str(2 * len(sent)))
    handler.end_headers()
    handler.wfile.write(sent[: len(sent) // 2])
    handler.close_connection = True


def nothing(handler, endpoint):
    """Behave: close the connection without a word."""
    handler.close_connection = True


def silence(handler, endpoint):
    """Behave: take the request and answer nothing until the test is over."""
    endpoint.over.wait(10)
    handler.close_connection = True


GARBAGE = answer(b"<html>we will be right back</html>", content_type="text/html")
NO_CHOICES = answer(completion("", choices=[]))
EMPTY_BODY = answer(b"")


def chunk(delta, finish_reason=None, **more):
    """One chunk of a stream."""
    choices = [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    return {"id": "1", "object": "chat.completion.chunk", "choices": choices, **more}


def chunks(*texts, finish_reason="stop"):
    """All chunks of a good stream."""
    usage = completion("")["usage"]
    begin, end = chunk({"role": "assistant", "content": ""}), chunk({}, finish_reason)
    return [begin, *(chunk({"content": text}) for text in texts), end, chunk({}) | {"choices": [], "usage": usage}]


def done(handler, endpoint):
    """End a stream as is right."""
    send_event(handler, "[DONE]")
    handler.wfile.write(b"0\r\n\r\n")


def on_and_on(handler, endpoint):
    """Go on with a stream until the client is gone."""
    while not endpoint.over.wait(0.01):
        try:
            send_event(handler, json.dumps(chunk({"content": " more"})))
        except OSError:
            endpoint.left.set()
            return


def stream(events, then=done):
    """Behave: send server-sent events (JSON unless text), then do that."""

    def behave(handler, endpoint):
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream; charset=utf-8")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for event in events:
            send_event(handler, event if isinstance(event, str) else json.dumps(event))
        then(handler, endpoint)

    return behave


def send_event(handler, data):
    sent = f"data: {data}\n\n".encode()
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(sent), sent))


def says(text):
    """Behave: answer well, in pieces where that is asked."""

    def behave(handler, endpoint):
        words = [word if n == 0 else f" {word}" for n, word in enumerate(text.split(" "))]
        good = stream(chunks(*words)) if handler.asked.get("stream") else answer(completion(text))
        good(handler, endpoint)

    return behave


class Endpoint(ThreadingHTTPServer):
    """Behaves as ``script`` says, request by request, and after that answers well.

    Attributes:
        requests: The parsed bodies received.
        keys: The Authorization headers received.
        left: Set when a client left in the middle of a stream.
        always: Behave so every time the script is empty.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.requests, self.keys = [], [], []
        self.always = says("A good answer.")
        self.over, self.left = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def stop(self):
        self.over.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that went away is what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):  # noqa: N802 - the name the standard library calls
        body = self.rfile.read(int(self.headers["content-length"]))
        self.asked = json.loads(body)
        self.server.requests.append(self.asked)
        self.server.keys.append(self.headers["authorization"])
        behave = self.server.script.pop(0) if self.server.script else self.server.always
        behave(self, self.server)

    def log_message(self, format, *args):
        """Be quiet."""


class Slow(Endpoint):
    """An endpoint that answers when it is told to.

    Attributes:
        arrived: Released by every request.
        go: Set where requests may be answered.
    """

    def __init__(self):
        super().__init__()
        self.arrived, self.go = threading.Semaphore(0), threading.Event()
        self.always = Slow.held

    @staticmethod
    def held(handler, endpoint):
        endpoint.arrived.release()
        endpoint.go.wait(120)
        answer(completion("A good answer."))(handler, endpoint)

    def wait_for_calls(self, n):
        for _ in range(n):
            assert self.arrived.acquire(timeout=120)
