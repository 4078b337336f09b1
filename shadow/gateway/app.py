"""The ASGI application: routes, access, metrics and errors of all requests."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from shadow.config import Routing
from shadow.gateway.access import Access
from shadow.gateway.asgi import Receive, Response, Scope, Send, json_response, respond
from shadow.gateway.chat import Served, id_header, serve_stream, serve_whole
from shadow.gateway.chat_request import ChatRequests
from shadow.gateway.intake import ClientGoneError, read_body, read_object
from shadow.gateway.metrics import CONTENT_TYPE, GatewayMetrics
from shadow.gateway.refusals import Failure, RefusedError, failure_of
from shadow.gateway.signal_body import signal_of
from shadow.router import ShadowRouter

CLOSE: Final = (b"connection", b"close")
CHAT: Final = "/v1/chat/completions"
MODELS: Final = "/v1/models"
SIGNALS: Final = "/v1/signals"
METRICS: Final = "/metrics"
CLIENT_LEFT: Final = 499
BUSY_AGAIN_S: Final = 1.0

Page = Callable[[Scope], Response]
Endpoint = Callable[[Scope, Receive, Send], Awaitable[None]]


class Gateway:
    """OpenAI's chat completions around one router. The caller owns the router and closes it.

    Args:
        router: answers the requests, with its settings, also after a reload.
        access: checks the clients.
    """

    def __init__(self, router: ShadowRouter, access: Access) -> None:
        self._router = router
        self._access = access
        self._metrics = GatewayMetrics(lambda: router.stats)
        self.is_draining = False
        self._configure(router.routing)
        self._endpoints: Mapping[str, Endpoint] = {CHAT: self._chat, SIGNALS: self._signals}
        self._pages: Mapping[str, Page] = {MODELS: self._models, METRICS: self._metrics_text}

    def _configure(self, routing: Routing) -> None:
        """Use these settings from the next request on. Keys stay those of the start."""
        self._routing = routing
        self._settings = routing.gateway
        self._catalogue = routing.catalogue
        self._requests = ChatRequests(routing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the gateway speaks HTTP only, got {scope['type']}")
        if self._router.routing is not self._routing:
            self._configure(self._router.routing)
        path, method = scope["path"], scope["method"]
        if path in ("/healthz", "/readyz"):  # probes have any Host and no key
            await respond(send, self._health(ready=path == "/readyz"))
            return
        try:
            if path in self._endpoints:
                _require_method(method, "POST")
                await self._endpoints[path](scope, receive, send)
            else:
                page = self._page(path)
                _require_method(method, "GET")
                self._access.client_of(scope)
                await respond(send, page(scope))
        except ClientGoneError:
            return
        except Exception as error:  # noqa: BLE001 - every error becomes an answer
            await respond(send, _refusal(failure_of(error), scope))

    def _page(self, path: str) -> Page:
        page = self._model if path.startswith(MODELS + "/") else self._pages.get(path)
        if page is None:
            paths = ", ".join((*self._endpoints, *self._pages, f"{MODELS}/NAME"))
            raise RefusedError(404, f"path must be one of {paths}", code="unknown_url")
        return page

    def _health(self, *, ready: bool) -> Response:
        if ready and self.is_draining:
            return json_response({"status": "draining"}, 503)
        return json_response({"status": "ok"})

    async def _chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One chat completion, counted once, in any case."""
        started = time.perf_counter()
        served = Served(CLIENT_LEFT, code="client_left")
        self._metrics.in_progress += 1
        try:
            served = await self._serve(scope, receive, send)
        except Exception as error:
            if not isinstance(error, ClientGoneError):
                failure = failure_of(error)
                served = Served(failure.status, code=failure.code)
            raise
        finally:
            self._metrics.in_progress -= 1
            self._metrics.request(
                model=self._counted(served.model),
                status=served.status,
                code=served.code,
                seconds=time.perf_counter() - started,
            )

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> Served:
        client = self._access.client_of(scope)
        if self._metrics.in_progress > self._settings.max_requests:
            raise RefusedError(
                503,
                f"requests in progress must be at most {self._settings.max_requests} (gateway.max_requests); try again",
                code="overloaded",
                retry_after_s=BUSY_AGAIN_S,
            )
        body = await self._body(scope, receive)
        request = self._requests.read(read_object(body), scope, client)
        serve = serve_stream if request.stream else serve_whole
        try:
            return await serve(self._router, request, receive, send)
        except ClientGoneError:
            raise
        except Exception as error:  # noqa: BLE001 - answered here, with the request's id
            failure = failure_of(error)
            await respond(send, failure.response(id_header(request)))
            return Served(failure.status, code=failure.code)

    def _counted(self, model: str) -> str:
        """The model's name for metrics, which have few names; a provider may answer with any name."""
        return model if not model or model in self._catalogue else "other"

    def _models(self, scope: Scope) -> Response:  # noqa: ARG002 - a page gets the request
        return json_response({"object": "list", "data": [_model(name) for name in self._requests.names]})

    def _model(self, scope: Scope) -> Response:
        name = scope["path"].removeprefix(MODELS + "/")
        if name not in self._requests.names:
            raise RefusedError(
                404, f"model must be one of {', '.join(self._requests.names)}", code="model_not_found", param="model"
            )
        return json_response(_model(name))

    def _metrics_text(self, scope: Scope) -> Response:  # noqa: ARG002 - as above
        return Response(200, self._metrics.text(), (CONTENT_TYPE,))

    async def _signals(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._access.client_of(scope)
        target, name, details = signal_of(read_object(await self._body(scope, receive)))
        self._router.signal(target, name, **details)
        self._metrics.signal()
        await respond(send, json_response({"target": target.removeprefix("request:"), "name": name}, 202))

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        settings = self._settings
        return await read_body(scope, receive, most_bytes=settings.max_body_bytes, timeout_s=settings.read_timeout_s)


def _require_method(method: str, required: str) -> None:
    if method != required:
        raise RefusedError(405, f"method must be {required}", code="method_not_allowed")


def _model(name: str) -> dict[str, str | int]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "shadowroute"}


def _refusal(failure: Failure, scope: Scope) -> Response:
    """The answer to a refused request. The connection ends with it if the body may be unread."""
    unread = scope["method"] == "POST" and failure.status in (401, 403, 404, 405, 408, 413, 415, 503)
    return failure.response(CLOSE) if unread else failure.response()
