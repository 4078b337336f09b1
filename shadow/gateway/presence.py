"""Detects that a client left, and ends its dispatch, so that the rest of the answer is not paid."""

from __future__ import annotations

import asyncio
from types import TracebackType

from shadow.gateway.asgi import Receive
from shadow.gateway.intake import ClientGoneError


class ClientPresent:
    """A block that ends with `ClientGoneError` as soon as the client closes its connection.

    The block must not send the last message of the response: after that the server reports every connection as closed.

    Args:
        receive: of the request, after its body.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a coroutine runs in a task
        self._task = task
        self._watcher = asyncio.create_task(self._watch())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._watcher.cancel()
        del self._watcher  # the cancelled task refers to its frames, and they to this: a reference cycle
        # A stopping server cancels, too; that cancellation must pass.
        if self._gone and kind is asyncio.CancelledError and self._task.uncancel() == 0:
            raise ClientGoneError from error

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._task.cancel()
