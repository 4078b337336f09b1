"""POST /v1/chat/completions: routes one request and sends the answer, whole or as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from shadow.execution.reply import AsyncReplyStream, Reply
from shadow.gateway.asgi import EVENTS, JSON, Header, Receive, Response, Send, json_bytes, respond
from shadow.gateway.chat_request import ChatRequest
from shadow.gateway.presence import ClientPresent
from shadow.gateway.refusals import failure_of
from shadow.router import ShadowRouter
from shadow.runtime.frozen import quickly_made

REQUEST_ID: Final = b"x-request-id"
DONE: Final = b"data: [DONE]\n\n"


@quickly_made
@dataclass(frozen=True, slots=True)
class Served:
    """The result of a request for the metrics: HTTP status, model and error code."""

    status: int
    model: str = ""
    code: str = ""


async def serve_whole(router: ShadowRouter, request: ChatRequest, receive: Receive, send: Send) -> Served:
    """Answer with the provider's own completion.

    Raises:
        ClientGoneError: the client left before the answer.
        Exception: of the router; nothing was sent.
    """
    async with ClientPresent(receive):
        reply = await router.acomplete(**request.arguments)
    await respond(send, Response(200, json_bytes(completion_of(reply)), (JSON, id_header(request))))
    return Served(200, reply.model)


async def serve_stream(router: ShadowRouter, request: ChatRequest, receive: Receive, send: Send) -> Served:
    """Answer with the provider's own chunks as they come.

    An error after the first chunk is a separate event, and the stream ends without `[DONE]`, so that the client does
    not take the chunks for the whole answer.

    Raises:
        ClientGoneError: the client left; the dispatch is closed.
        Exception: of the router, before the first chunk; nothing was sent.
    """
    stream = router.astream(**request.arguments)
    async with aclosing(stream):
        async with ClientPresent(receive):
            first = await anext(stream, None)
            await send({"type": "http.response.start", "status": 200, "headers": [*EVENTS, id_header(request)]})
            try:
                async for event in _events(first, stream, wants_usage=request.wants_usage):
                    await send({"type": "http.response.body", "body": event, "more_body": True})
            except Exception as error:  # noqa: BLE001 - every error becomes the last event
                failure = failure_of(error)
                last, served = _event(failure.document), Served(failure.status, code=failure.code)
            else:
                last, served = DONE, Served(200, "" if stream.reply is None else stream.reply.model)
        await send({"type": "http.response.body", "body": last})
    return served


async def _events(first: Any, rest: AsyncReplyStream, *, wants_usage: bool) -> AsyncIterator[bytes]:
    """The chunks as events, with the usage chunk only if the client asked for it; the router always does."""
    if first is not None and (wants_usage or not _is_usage_only(first)):
        yield _event(first)
    async for chunk in rest:
        if wants_usage or not _is_usage_only(chunk):
            yield _event(chunk)


def _is_usage_only(chunk: Any) -> bool:
    return isinstance(chunk, dict) and not chunk.get("choices") and bool(chunk.get("usage"))


def _event(chunk: Any) -> bytes:
    return b"data: " + json_bytes(plain(chunk)) + b"\n\n"


def completion_of(reply: Reply) -> Any:
    """The provider's own object, or one made from the answer if there is none."""
    if reply.raw is not None:
        return plain(reply.raw)
    answer, usage = reply.answer, reply.usage
    counts = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens}
    return {
        "id": answer.response_id or reply.request_id,
        "object": "chat.completion",
        "created": 0,
        "model": answer.model or reply.model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": answer.text}, "finish_reason": "stop"}],
        "usage": None if None in counts.values() else {**counts, "total_tokens": sum(counts.values())},
    }


def plain(value: Any) -> Any:
    """A JSON value, also of an object of a client library."""
    return value if isinstance(value, dict) else value.model_dump(mode="json", exclude_unset=True)


def id_header(request: ChatRequest) -> Header:
    """The header with the request id, for signals."""
    return REQUEST_ID, request.request_id.encode()
