"""The least that a gateway of these parts can cost: reads a chat completion, sends it on, and sends the answer back.

It chooses nothing, checks nothing and records nothing. `python -m tests.benchmarks.forwarder PORT UPSTREAM`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx
import uvicorn
from httpx_aiohttp import AiohttpTransport

JSON = (b"content-type", b"application/json")


class Forwarder:
    """An ASGI application."""

    def __init__(self, upstream: str) -> None:
        self._url = f"{upstream}/chat/completions"
        self._client: httpx.AsyncClient | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Forward one request."""
        if self._client is None:
            self._client = httpx.AsyncClient(transport=AiohttpTransport(), trust_env=False)
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        document = json.loads(body) | {"model": "small"}
        reply = await self._client.post(self._url, content=json.dumps(document), headers={b"content-type": JSON[1]})
        answer = json.dumps(reply.json()).encode()
        head = [JSON, (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": reply.status_code, "headers": head})
        await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    uvicorn.run(
        Forwarder(sys.argv[2]),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="critical",
        access_log=False,
    )
