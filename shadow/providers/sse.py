"""Server-sent events from pieces of bytes.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import Iterator

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""A provider that sends a longer event does not follow the protocol."""


SIGNS_OF_LIFE = frozenset({"ping", "keepalive", "keep-alive", "heartbeat"})
"""Names of events that only keep the connection open."""


class EventTooLargeError(ValueError):
    """An event does not end within `MAX_EVENT_BYTES`."""


class EventStream:
    """Turns pieces of any size into the `data` of whole events; ids, comments and events without meaning are dropped.

    Lines may end with LF, CR LF or CR. A last event without its blank line still counts, because several servers close
    the connection instead of sending it.

    Attributes:
        name: of the event that was given last; empty if it has none.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._next_name = ""
        self.name = ""

    def feed(self, piece: bytes) -> Iterator[str]:
        """The data of the events that this piece completes.

        Raises:
            EventTooLargeError: an event does not end.
        """
        buffer = self._rest + piece
        # A CR at the end may be half of a CR LF, which is one line end, not two.
        complete, held = (buffer[:-1], b"\r") if buffer.endswith(b"\r") else (buffer, b"")
        lines = complete.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        for line in lines:
            yield from self._line(line)
        if len(self._rest) + sum(map(len, self._data)) > MAX_EVENT_BYTES:
            raise EventTooLargeError(f"an event must end within {MAX_EVENT_BYTES} bytes")

    def end(self) -> Iterator[str]:
        """The data of an event that the end of the connection completes."""
        rest, self._rest = self._rest.rstrip(b"\r"), b""
        yield from self._line(rest)
        yield from self._line(b"")

    def _line(self, line: bytes) -> Iterator[str]:
        if not line:
            data, self._data = self._data, []
            self.name, self._next_name = self._next_name, ""
            if data and self.name not in SIGNS_OF_LIFE:
                yield b"\n".join(data).decode("utf-8", "replace")
        elif line.startswith(b"event:"):
            self._next_name = line[6:].strip().decode("utf-8", "replace")
        elif line == b"data" or line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
