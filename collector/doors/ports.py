"""Listening sockets, and the holder of a port in use."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path

from shadow.errors import ConfigError
from shadowroute.collector.errors import PortInUseError
from shadowroute.collector.store.owner import command_of


def listen(host: str, port: int, option: str) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one.

    Args:
        host: address or name to bind to.
        port: TCP port.
        option: the option that chooses this port, for the message.

    Raises:
        PortInUseError: another socket listens there; the text names its process if the system reports it.
        ConfigError: the address does not belong to this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(
            f"host must be an address of this machine, got {host!r} ({error.strerror}); use 127.0.0.1"
        ) from error
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(address)
        found.listen(256)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(_taken(host, port, option), port=port) from error
        raise ConfigError(
            f"{host}:{port} must be an address this process may listen on ({error.strerror}); choose another {option}"
        ) from error
    return found


def require_free_port(host: str, port: int, option: str) -> None:
    """Fail early where a port is taken; port 0 is always free.

    Raises:
        PortInUseError: another socket listens there.
        ConfigError: the address does not belong to this machine.
    """
    listen(host, port, option).close()


def url_of(bound: socket.socket) -> str:
    """`http://host:port` of a listening socket; an any-address is named by loopback."""
    host, port = bound.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _taken(host: str, port: int, option: str) -> str:
    holder = holder_of_port(port)
    who = f" ({holder})" if holder else ""
    follow_up = f", and export.to: http://{host}:{port + 1}" if option == "--otlp-port" else ""
    return f"{host}:{port} is in use{who}. shadowroute up {option} {port + 1}{follow_up}"


def holder_of_port(port: int) -> str:
    """`pid N, command` of the process that listens on a port; empty if the system does not report it."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listening_inodes(Path("/proc/net") / table, port)}
    for process in _processes():
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                if str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]") in inodes:
                    command = command_of(int(process.name))
                    return f"pid {process.name}, {command}" if command else f"pid {process.name}"
    return ""


def _listening_inodes(table: Path, port: int) -> set[str]:
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return set()
    rows = [line.split() for line in lines]
    return {row[9] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}


def _processes() -> list[Path]:
    try:
        return [Path("/proc") / name for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208  # names suffice
    except OSError:
        return []
