"""ClickHouse's HTTP interface over the embedded engine, on loopback, for every other process of this user.

Plain `clickhouse_connect.get_client(host="127.0.0.1", port=..., password=TOKEN)` works: query, command, insert,
insert_arrow, insert_df, query_df, query_arrow and streams. It is locked (`statements.py`): one statement per request, a
read or an insert into this store's tables. Names that are not local and pages of a browser are refused, so that no web
site can reach it through the user's browser.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
import secrets
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from shadow.runtime.loopback import names_loopback, same_secret
from shadowroute.collector.doors.engine_session import EngineError, EngineSession
from shadowroute.collector.doors.wire import BodyError, inflate, split_insert
from shadowroute.collector.errors import StatementRefusedError

_log = logging.getLogger(__name__)

MAX_BODY: Final = 256 << 20
"""Bytes of a request body as received."""
MAX_INFLATED: Final = 1 << 30
"""Bytes of a request body once inflated."""

_DATABASE: Final = re.compile(r"(?!default$)[A-Za-z_][A-Za-z0-9_]{0,63}", re.IGNORECASE)
_TRANSPORT: Final = frozenset(
    {
        "buffer_size", "cancel_http_readonly_queries_on_client_close", "client_protocol_version", "compress",
        "database", "decompress", "default_format", "enable_http_compression", "http_headers_progress_interval_ms",
        "password", "query", "query_id", "quota_key", "readonly", "role", "send_progress_in_http_headers",
        "session_check", "session_id", "session_timeout", "user", "wait_end_of_query",
    }
)  # fmt: skip
"""URL parameters that belong to the protocol; every other one is a setting of the engine."""
_SETTING: Final = re.compile(
    r"(?!\w*(file|path|schema|values))"
    r"(max|min|input_format|output_format|date_time|insert|async_insert|join|optimize|use|enable|timeout|group_by|cast)"
    r"_[a-z0-9_]+"
    r"|session_timezone|log_comment|final|limit|offset|extremes|transform_null_in|wait_for_async_insert"
    r"|deduplicate_blocks_in_dependent_materialized_views"
)
"""Allowed settings: limits, formats, execution. None of them names a file or carries an expression."""
_STATUSES: Final[Mapping[int, int]] = {
    47: 400, 60: 404, 62: 400, 81: 404, 115: 400, 158: 400, 159: 408, 164: 403, 241: 507, 396: 400, 497: 403, 516: 403,
}  # fmt: skip
_PARALLEL: Final = 8

Handler = Callable[[Request], Awaitable[Response]]


class _HttpError(Exception):
    """An answer in the protocol's form."""

    def __init__(self, message: str, *, code: int, name: str, status: int | None = None) -> None:
        self.code = code
        self.status = status or _STATUSES.get(code, 500)
        super().__init__(f"Code: {code}. DB::Exception: {message}. ({name})")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """The parts of a request."""

    sql: str
    database: str
    params: Mapping[str, str] = field(repr=False)
    settings: Mapping[str, str]
    default_format: str
    insert: tuple[str, str, memoryview] | None = field(repr=False)
    may_write: bool


def routes(engine_path: str, database: str, token: str) -> list[Route]:
    """Routes `/` and `/ping` of the protocol.

    Args:
        engine_path: folder of the embedded engine, already open in this process.
        database: used where the client names none.
        token: the password that every statement needs, under any user name.
    """
    interface = _Interface(str(Path(engine_path).resolve()), database, token)
    return [
        Route("/", interface.statement, methods=["GET", "POST"]),
        Route("/ping", interface.ping, methods=["GET"]),
    ]


class _Interface:
    """The two handlers and their shared state."""

    def __init__(self, path: str, database: str, token: str) -> None:
        self._path = path
        self._database = database
        self._token = token
        self._slots: anyio.CapacityLimiter | None = None

    async def ping(self, request: Request) -> Response:
        """Liveness, requested by clients before their first statement; needs no password."""
        try:
            _require_local(request)
        except _HttpError as error:
            return _failed(error)
        return PlainTextResponse("Ok.\n")

    async def statement(self, request: Request) -> Response:
        """Run the one statement of a request."""
        try:
            _require_local(request)
            if not request.query_params.get("query") and request.method == "GET":
                return PlainTextResponse("Ok.\n")
            self._require_token(request)
            statement = await _parse(request, self._database)
            return await self._run(statement, request.query_params.get("query_id") or str(uuid.uuid4()))
        except (_HttpError, BodyError, StatementRefusedError, EngineError) as error:
            return _failed(error)

    def _require_token(self, request: Request) -> None:
        if not same_secret(_password(request), self._token):
            raise _HttpError(
                "password must be the token in <store>.owner.json; read it from there", code=516,
                name="AUTHENTICATION_FAILED",
            )  # fmt: skip

    async def _run(self, statement: _Statement, query_id: str) -> Response:
        # Made here: a limiter belongs to the event loop that runs it.
        self._slots = self._slots or anyio.CapacityLimiter(_PARALLEL)
        headers = {"X-ClickHouse-Query-Id": query_id, "X-ClickHouse-Timezone": "UTC"}
        async with self._slots:
            session = await run_in_threadpool(
                EngineSession, self._path, database=statement.database, settings=statement.settings
            )
            try:
                first = await run_in_threadpool(_start, session, statement)
            except BaseException:
                await _close(session)
                raise
        if isinstance(first, int):
            await _close(session)
            summary = f'{{"written_rows":"{first}","read_rows":"0"}}'
            return Response(b"", headers={**headers, "X-ClickHouse-Summary": summary})
        tag = secrets.token_hex(8)
        return StreamingResponse(
            _stream(session, first, tag),
            headers={**headers, "X-ClickHouse-Exception-Tag": tag},
            media_type="text/plain",
        )


def _start(session: EngineSession, statement: _Statement) -> bytes | int:
    """First bytes of a read, or the rows that an insert wrote. Runs in a worker thread."""
    insert = statement.insert
    kind = session.check(f"{insert[0]} FORMAT {insert[1]}" if insert else statement.sql, statement.params)
    if kind != "insert":
        return session.read(statement.sql, statement.params, statement.default_format, stream=kind == "select")
    if not statement.may_write:
        raise _HttpError("an INSERT must be sent with POST, got GET", code=164, name="READONLY")
    if insert is None:
        return session.execute(statement.sql, statement.params)
    return session.insert(*insert)


async def _stream(session: EngineSession, first: bytes, tag: str) -> AsyncIterator[bytes]:
    """The rest of a read. A late failure is reported in the body, with the marker that clients expect."""
    try:
        data = first
        while data:
            yield data
            data = await run_in_threadpool(session.more)
    except EngineError as error:
        text = f"{error}\n"
        marker = f"__exception__\r\n{tag}\r\n{text}{len(text.encode())} {tag}\r\n__exception__\r\n"
        yield f"\r\n{marker}".encode()
    finally:
        await _close(session)


async def _close(session: EngineSession) -> None:
    # A disconnected client cancels this task: the handle must still be released.
    with anyio.CancelScope(shield=True):
        await run_in_threadpool(session.close)


async def _parse(request: Request, default_database: str) -> _Statement:
    query = dict(request.query_params)
    body = await _body(request, query)
    database = query.get("database") or default_database
    if not _DATABASE.fullmatch(database):
        raise _HttpError(f"database must be one of this store, got {database!r}", code=81, name="UNKNOWN_DATABASE")
    text = query.get("query", "")
    insert = split_insert(text, body)
    if insert is None:
        try:
            text = "\n".join(filter(None, [text, body.decode()]))
        except UnicodeDecodeError as error:
            raise _HttpError(f"statement must be UTF-8 text ({error})", code=62, name="SYNTAX_ERROR") from error
    return _Statement(
        sql=text,
        database=database,
        params={name[6:]: value for name, value in query.items() if name.startswith("param_")},
        settings=_settings(query),
        default_format=query.get("default_format") or request.headers.get("x-clickhouse-format") or "TabSeparated",
        insert=insert,
        may_write=request.method == "POST",
    )


def _settings(query: Mapping[str, str]) -> dict[str, str]:
    settings = {name: value for name, value in query.items() if name not in _TRANSPORT and name[:6] != "param_"}
    refused = next((name for name in settings if not _SETTING.fullmatch(name)), None)
    if refused is not None:
        raise _HttpError(f"setting {refused!r} must not be set through this interface", code=164, name="READONLY")
    return settings


async def _body(request: Request, query: dict[str, str]) -> bytes:
    """The plain body; fields of a form go to `query` instead; clients put long values there."""
    if int(request.headers.get("content-length") or 0) > MAX_BODY:
        raise BodyError(_TOO_LARGE, status=413)
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_files=0, max_fields=1_000, max_part_size=16 << 20) as form:
            query.update({name: value for name, value in form.items() if not isinstance(value, UploadFile)})
        return b""
    received = bytearray()
    try:
        async for piece in request.stream():
            received += piece
            if len(received) > MAX_BODY:
                raise BodyError(_TOO_LARGE, status=413)
    except ClientDisconnect as error:
        raise BodyError("body must be complete, got a closed connection", status=400) from error
    encoding = request.headers.get("content-encoding", "").lower()
    if not encoding:
        return bytes(received)
    return await run_in_threadpool(inflate, bytes(received), encoding, limit=MAX_INFLATED)


_TOO_LARGE: Final = f"body must be at most {MAX_BODY >> 20} MiB; send the rows in several inserts"


def _require_local(request: Request) -> None:
    """Against DNS rebinding and pages of other sites: the name must be local, and requests of browsers are refused."""
    host = request.headers.get("host", "")
    if not host or not names_loopback(host):
        raise _HttpError(f"Host must be 127.0.0.1 or localhost, got {host!r}", code=516, name="AUTHENTICATION_FAILED")
    if "origin" in request.headers:
        raise _HttpError("requests of web pages are refused", code=516, name="AUTHENTICATION_FAILED")


def _password(request: Request) -> str:
    """The password, from any place that the protocol allows."""
    given = request.headers.get("x-clickhouse-key") or request.query_params.get("password")
    if given:
        return given
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _failed(error: _HttpError | BodyError | StatementRefusedError | EngineError) -> Response:
    """The error answer to a statement without a first row, in the protocol's form."""
    if isinstance(error, EngineError):
        status = _STATUSES.get(error.code, 500)
        return PlainTextResponse(f"{error}\n", status, headers={"X-ClickHouse-Exception-Code": str(error.code)})
    if isinstance(error, BodyError):
        error = _HttpError(str(error), code=1001, name="STD_EXCEPTION", status=error.status)
    elif isinstance(error, StatementRefusedError):
        code, name = (62, "SYNTAX_ERROR") if error.syntax else (497, "ACCESS_DENIED")
        error = _HttpError(str(error), code=code, name=name)
    _log.info("statement refused, nothing was changed; correct it in the client: %s", error)
    return PlainTextResponse(f"{error}\n", error.status, headers={"X-ClickHouse-Exception-Code": str(error.code)})
