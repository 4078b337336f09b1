"""The wire format of OpenAI-compatible chat completions, without any input or output."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shadow.domain.chunk import Chunk
from shadow.domain.outcome import Answer
from shadow.domain.usage import answer_of, chunk_of, failed_choice
from shadow.errors import ProviderError
from shadow.providers.openai_errors import MAX_DETAIL_CHARACTERS, read_error
from shadow.providers.protocol import Call
from shadow.providers.sse import EventStream, EventTooLargeError
from shadow.providers.times import BodyTimer, Times
from shadow.runtime.retry_after import retry_after_s

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
NO_CHOICES: Final = 'the body has no "choices"'


STREAM_OPTIONS: Final = "stream_options"


def request_body(call: Call, *, stream: bool, options: bool = True) -> bytes:
    """The JSON of one dispatch. A stream asks for its usage, for its cost, unless the provider refuses `options`.

    Raises:
        TypeError, ValueError: a message or parameter has no form in JSON.
    """
    body: dict[str, Any] = {**call.params, "model": call.model.name, "messages": list(call.messages)}
    if stream:
        body["stream"] = True
        if options:
            body[STREAM_OPTIONS] = {**(body.get(STREAM_OPTIONS) or {}), "include_usage": True}
        else:
            body.pop(STREAM_OPTIONS, None)
    return _ENCODER.encode(body).encode()


def refuses_options(error: ProviderError) -> bool:
    """Whether a provider does not know `stream_options`. Most do; servers that check every field refuse the others."""
    return error.status in (400, 422) and STREAM_OPTIONS in error.detail


def _plain(value: Any) -> Any:
    """A message of the OpenAI client's own classes as JSON values; callers append them to their conversation."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"messages and parameters must be JSON values, got {type(value).__name__}")
    return dump(exclude_none=True)


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


@dataclass(frozen=True, slots=True)
class Source:
    """The answering endpoint: its label for messages, and a function that removes its key from a text."""

    label: str
    redacted: Callable[[bytes], bytes]

    def shown(self, text: str) -> str:
        """The start of a provider's message, without the key."""
        return self.redacted(text.encode("utf-8", "replace")).decode("utf-8", "replace")[:MAX_DETAIL_CHARACTERS]


class AnswerReader:
    """Collects the body of one answer, bounded in size and time.

    Args:
        source: the answering endpoint.
        status: HTTP status of the answer.
        headers: of the answer.
        times: limits.
    """

    def __init__(self, source: Source, status: int, headers: Mapping[str, str], times: Times) -> None:
        self._source = source
        self._status = status
        self._headers = headers
        self._timer = BodyTimer(times, times.silence_s)
        self._content = bytearray()

    def feed(self, piece: bytes) -> None:
        """Take one piece.

        Raises:
            ProviderError: the body is too large or arrives too slowly.
        """
        self._content += piece
        if len(self._content) > MAX_ANSWER_BYTES:
            raise _bad_response(self._source, f"the body is larger than {MAX_ANSWER_BYTES} bytes")
        if self._timer.is_over:
            raise _too_late(self._source, "finish its answer")

    def answer(self) -> Answer:
        """The answer of the whole body.

        Raises:
            ProviderError: the status is not 2xx, or the body is no chat completion.
        """
        if not 200 <= self._status < 300:
            raise _status_error(self._source, self._status, self._headers, bytes(self._content))
        return answer_of(_completion(self._source, bytes(self._content)))


class ChunkReader:
    """Turns the bytes of an event stream into chunks.

    Args:
        source: the answering endpoint.
        status: HTTP status of the answer; the body of any but 2xx is an error text, not events.
        headers: of the answer.
        times: limits.

    Attributes:
        is_done: `[DONE]` was read: the answer is over, whatever else the connection brings.
    """

    def __init__(self, source: Source, status: int, headers: Mapping[str, str], times: Times) -> None:
        self._source = source
        self._status = status
        self._headers = headers
        self._timer = BodyTimer(times, times.first_chunk_s)
        self._beginning = b""
        self._has_events = False
        self._has_chunks = False
        self._events = EventStream()
        self._finished = False
        self.is_done = False

    def feed(self, piece: bytes) -> Iterator[Chunk]:
        """The chunks that this piece completes.

        Raises:
            ProviderError: an event is malformed, carries an error or comes too late.
        """
        if self._timer.is_over:
            raise _too_late(self._source, "send the next event")
        if not self._has_events:
            self._beginning = (self._beginning + piece)[:MAX_ERROR_BYTES]
        if not 200 <= self._status < 300:
            return
        try:
            for event in self._events.feed(piece):
                yield from self._event(event)
                if self.is_done:
                    return
        except EventTooLargeError as error:
            raise _bad_response(self._source, str(error)) from error

    def end(self) -> Iterator[Chunk]:
        """The last chunk, if the connection ended without a blank line after it.

        Raises:
            ProviderError: the status is not 2xx, or the stream ended in the middle of the answer.
        """
        if self.is_done:
            return
        if not 200 <= self._status < 300:
            raise _status_error(self._source, self._status, self._headers, self._beginning)
        for event in self._events.end():
            yield from self._event(event)
        if not self._has_events and self._beginning.strip():
            _completion(self._source, self._beginning)  # an error in plain JSON, instead of a stream
            raise _bad_response(self._source, "the body is no event stream")
        if self._has_events and not self._has_chunks and not self._finished:
            raise _bad_response(self._source, NO_CHOICES)
        if not self._finished:
            text = f"{self._source.label} ended its stream in the middle of the answer"
            raise ProviderError(text, error_type="stream_truncated", retryable=True)

    def _event(self, data: str) -> Iterator[Chunk]:
        """The chunk of an event. One without choices and usage says nothing, and resets no time limit."""
        self._has_events = True
        if data.strip().startswith("[DONE]"):
            self._finished = self.is_done = True
        elif data.strip():
            body = _object(self._source, data.encode(), is_error=self._events.name == "error")
            choices = body.get("choices")
            if not isinstance(choices, list) and not body.get("usage"):
                return
            _check_choices(self._source, choices)
            self._timer.event()
            self._has_chunks = True
            self._finished = self._finished or _has_finish_reason(choices)
            yield chunk_of(body)


def _status_error(source: Source, status: int, headers: Mapping[str, str], content: bytes) -> ProviderError:
    if 300 <= status < 400:
        detail = "redirects are not followed, because the key belongs to the configured host; correct base_url"
        return ProviderError(f"{source.label} answered {status}: {detail}", error_type=str(status), status=status)
    body = read_error(status, source.redacted(content))
    detail = source.shown(body.detail)
    return ProviderError(
        f"{source.label} answered {status}" + (f": {detail}" if detail else ""),
        error_type=body.error_type,
        status=status,
        retryable=body.retryable,
        retry_after_s=retry_after_s(headers, time.time()),
        detail=detail,
    )


def _too_late(source: Source, what: str) -> ProviderError:
    return ProviderError(f"{source.label} did not {what} in time", error_type="timeout", retryable=True)


def _completion(source: Source, content: bytes) -> dict[str, Any]:
    body = _object(source, content)
    if not isinstance(body.get("choices"), list):
        raise _bad_response(source, NO_CHOICES)
    _check_choices(source, body["choices"])
    return body


def _object(source: Source, content: bytes, *, is_error: bool = False) -> dict[str, Any]:
    """A JSON object that is no error."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):  # its error would contain the whole body
        body = None
        if not is_error:
            raise _bad_response(source, "the body is not JSON") from None
    if is_error or (isinstance(body, dict) and (body.get("error") or body.get("type") == "error")):
        raise _error_in_answer(source, content)
    if not isinstance(body, dict):
        raise _bad_response(source, "the body is not a JSON object")
    return body


def _check_choices(source: Source, choices: Any) -> None:
    failed = failed_choice(choices)
    if failed is not None:
        raise _error_in_answer(source, json.dumps({"error": failed}).encode())


def _error_in_answer(source: Source, content: bytes) -> ProviderError:
    error = read_error(200, source.redacted(content))
    text = f"{source.label}: {source.shown(error.detail)}"
    return ProviderError(text, error_type=error.error_type, retryable=error.retryable)


def _has_finish_reason(choices: Any) -> bool:
    return any(isinstance(choice, dict) and choice.get("finish_reason") for choice in choices or ())


def _bad_response(source: Source, detail: str) -> ProviderError:
    text = f"{source.label} must answer with a chat completion: {detail}; check base_url"
    return ProviderError(text, error_type="bad_response", retryable=True)
