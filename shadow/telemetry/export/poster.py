"""One HTTP connection to a collector.

The standard library's client is enough for one connection of one thread, loads fast, and is not patched by
instrumentations that would turn our own posts into spans of the host.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from shadow.errors import ConfigError
from shadow.runtime.retry_after import retry_after_s

TRACES_PATH: Final = "/v1/traces"
MOST_OF_AN_ANSWER: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Response:
    """The collector's answer. `retry_after_s` is None without a readable Retry-After header."""

    status: int
    body: bytes
    is_protobuf: bool
    retry_after_s: float | None


class Poster:
    """One kept-alive connection. Used by one thread at a time. Follows no redirect and no proxy variable."""

    def __init__(self, url: str, headers: Mapping[str, str], timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f'export.to must be an http or https address, got {url!r}; use "http://127.0.0.1:4318"')
        path = parts.path.rstrip("/")
        self._path = path if path.endswith(TRACES_PATH) else path + TRACES_PATH
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._timeout_s = timeout_s
        self._headers = {**headers, "Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
        self._connection: http.client.HTTPConnection | None = None
        self.label = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"

    def post(self, body: bytes) -> Response:
        """Send one body.

        Raises:
            OSError: no connection, or no answer in time.
            http.client.HTTPException: the answer is not HTTP.
        """
        kept = self._connection is not None
        try:
            return self._exchange(body)
        except (ConnectionError, http.client.RemoteDisconnected):
            # A server may close an idle connection at any time, so a new connection is tried once.
            if not kept:
                raise
            return self._exchange(body)

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _exchange(self, body: bytes) -> Response:
        if self._connection is None:
            self._connection = self._connect()
        try:
            self._connection.request("POST", self._path, body, self._headers)
            answer = self._connection.getresponse()
            content = answer.read(MOST_OF_AN_ANSWER)
            if not answer.isclosed():
                self.close()  # the rest of a too long answer would be read as the next one
        except BaseException:
            self.close()
            raise
        return Response(
            status=answer.status,
            body=content,
            is_protobuf=answer.headers.get_content_type() == "application/x-protobuf",
            retry_after_s=retry_after_s(answer.headers, time.time()),
        )

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
