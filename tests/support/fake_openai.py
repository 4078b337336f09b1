"""An OpenAI-compatible server on a real socket, in a thread, with faults that tests name in advance.

It is written on the standard library's server and not as an ASGI app, because several faults (a connection reset,
a stream that ends in the middle) need the socket itself.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STALL_S = 5.0
USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 4},
}


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How one call is answered.

    Attributes:
        text: the assistant's text; None = `echo ` and the last message.
        model: the model id of the answer; None = the one that was asked for.
        body: bytes to answer with instead of a completion (or of the event stream).
        delay_s: seconds before the first byte.
        reset: cut the connection before anything is answered.
        cut_after: in a stream, cut the connection after this many events.
        stall_after: in a stream, send nothing for some seconds after this many events.
        usage: what the answer reports; None = nothing.
        done: the stream ends with `[DONE]`.
    """

    status: int = 200
    text: str | None = None
    model: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay_s: float = 0.0
    reset: bool = False
    cut_after: int | None = None
    stall_after: int | None = None
    usage: dict[str, Any] | None = field(default_factory=lambda: dict(USAGE))
    done: bool = True


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class FakeOpenAI(ThreadingHTTPServer):
    """Echoes; per model it plays the behaviours that were queued with `will`.

    Attributes:
        received: every POST.
        gets: answers to GET by path, in order.
    """

    daemon_threads = True
    request_queue_size = 512  # the default of 5 refuses bursts

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Received] = []
        self.gets: dict[str, list[bytes]] = {}
        self._queued: dict[str, deque[Behaviour]] = defaultdict(deque)
        self._count = 0
        self._lock = threading.Lock()

    @property
    def base_url(self) -> str:
        """What goes into `base_url` of a client."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def will(self, model: str, *behaviours: Behaviour) -> None:
        """Answer the next calls of this model so, in order; later calls are echoed again."""
        self._queued[model].extend(behaviours)

    def calls(self, model: str) -> int:
        """How many requests for this model arrived."""
        return sum(request.body.get("model") == model for request in self.received)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that went away: leaving early is what some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def take(self, received: Received) -> tuple[int, Behaviour]:
        """Note a request; its number and how to answer it."""
        with self._lock:
            self.received.append(received)
            self._count += 1
            queue = self._queued[str(received.body.get("model"))]
            return self._count, queue.popleft() if queue else Behaviour()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FakeOpenAI

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Keep the test output quiet."""

    def do_GET(self) -> None:
        answers = self.server.gets.get(self.path, [])
        self._send(200 if answers else 404, answers.pop(0) if answers else _error("no such path"), Behaviour())

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        body = json.loads(self.rfile.read(length) or b"{}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        number, behaviour = self.server.take(Received(self.path, headers, body))
        time.sleep(behaviour.delay_s)
        if behaviour.reset:
            self._reset()
        elif self.path not in ("/v1/chat/completions", "/v1/responses"):
            self._send(404, _error("no such path"), behaviour)
        elif behaviour.status != 200:
            self._send(behaviour.status, behaviour.body or _error(f"refused with {behaviour.status}"), behaviour)
        elif body.get("stream"):
            kind = response_events if self.path == "/v1/responses" else events
            self._stream(kind(body, behaviour, number), behaviour)
        else:
            answer = response if self.path == "/v1/responses" else completion
            self._send(200, behaviour.body or json.dumps(answer(body, behaviour, number)).encode(), behaviour)

    def _send(self, status: int, content: bytes, behaviour: Behaviour) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **behaviour.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, chunks: Iterator[bytes], behaviour: Behaviour) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for position, chunk in enumerate([behaviour.body] if behaviour.body else chunks):
            if position == behaviour.cut_after:
                self._reset()
                return
            if position == behaviour.stall_after:
                time.sleep(STALL_S)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def _reset(self) -> None:
        """End the connection with a TCP reset, as a crashed provider does."""
        self.wfile.flush()
        time.sleep(0.02)  # else the reset overtakes the chunks that were already sent
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.rfile.close()
        self.close_connection = True


def _error(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "fake_error"}}).encode()


def _text(body: dict[str, Any], behaviour: Behaviour) -> str:
    return f"echo {body['messages'][-1]['content']}" if behaviour.text is None else behaviour.text


def _head(body: dict[str, Any], behaviour: Behaviour, number: int) -> dict[str, Any]:
    return {"id": f"chatcmpl-{number}", "created": 1_790_000_000, "model": behaviour.model or body["model"]}


def completion(body: dict[str, Any], behaviour: Behaviour, number: int) -> dict[str, Any]:
    """The answer to a call without a stream."""
    message = {"role": "assistant", "content": _text(body, behaviour)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {**_head(body, behaviour, number), "object": "chat.completion", "choices": [choice]}
    return answer if behaviour.usage is None else {**answer, "usage": behaviour.usage}


def events(body: dict[str, Any], behaviour: Behaviour, number: int) -> Iterator[bytes]:
    """The events of a stream: a role, a word each, the stop, usage if it was asked for, and the end mark."""
    head = {**_head(body, behaviour, number), "object": "chat.completion.chunk"}

    def event(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"

    yield event({"role": "assistant", "content": ""})
    words = _text(body, behaviour).split(" ")
    for position, word in enumerate(words):
        yield event({"content": word if position == len(words) - 1 else word + " "})
    yield event({}, "stop")
    if behaviour.usage is not None and (body.get("stream_options") or {}).get("include_usage"):
        yield b"data: " + json.dumps({**head, "choices": [], "usage": behaviour.usage}).encode() + b"\n\n"
    if behaviour.done:
        yield b"data: [DONE]\n\n"


def response(body: dict[str, Any], behaviour: Behaviour, number: int) -> dict[str, Any]:
    """The answer of the Responses API."""
    text = f"echo {body['input']}" if behaviour.text is None else behaviour.text
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 15,
    }
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1_790_000_000,
        "model": behaviour.model or body["model"],
        "status": "completed",
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None if behaviour.usage is None else usage,
    }


def response_events(body: dict[str, Any], behaviour: Behaviour, number: int) -> Iterator[bytes]:
    """The events of a stream of the Responses API: created, a word each, completed."""
    whole = response(body, behaviour, number)

    def event(kind: str, **fields: Any) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()

    yield event("response.created", sequence_number=0, response={**whole, "status": "in_progress", "output": []})
    words = whole["output"][0]["content"][0]["text"].split(" ")
    for position, word in enumerate(words):
        delta = word if position == len(words) - 1 else word + " "
        place = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}
        yield event("response.output_text.delta", sequence_number=position + 1, delta=delta, **place)
    yield event("response.completed", sequence_number=len(words) + 1, response=whole)


@contextmanager
def fake_openai() -> Iterator[FakeOpenAI]:
    """A running server, stopped at the end of the block."""
    with FakeOpenAI() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="fake-openai", daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
