"""A provider that costs little: chat completions with one fixed answer. `python -m tests.benchmarks.upstream PORT`."""

from __future__ import annotations

import json
import sys
from typing import Any

import uvicorn

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_790_000_000,
    "model": "big",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Send it back within 30 days, and keep the receipt."},
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 310,
        "completion_tokens": 12,
        "total_tokens": 322,
        "prompt_tokens_details": {"cached_tokens": 128},
    },
}
BODY = json.dumps(ANSWER).encode()
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Read the body, answer."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
