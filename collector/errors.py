"""Errors of the store and the collector; all are ShadowErrors.

StoreError
├── StoreBusyError          another process owns the embedded store
├── StoreMissingError       there is no store at the address, and the command does not create one
├── StoreUnreachableError   the server, or the owning process, does not answer
├── MigrationError          an applied migration was edited, or one failed
├── PriceBookConflictError  the prices of a price book would change
├── LostRecordsError        records of a job were lost (in shadowroute.collector.replay.feed)
└── StatementRefusedError   the ClickHouse interface of an embedded store does not run this statement
PortInUseError              a port of the collector is in use
"""

from __future__ import annotations

from shadow.errors import ShadowError


class StoreError(ShadowError):
    """The store cannot be used as requested."""


class StoreBusyError(StoreError):
    """Another process has the embedded store open; the text names it and the next step."""

    def __init__(self, message: str, *, pid: int | None = None) -> None:
        self.pid = pid
        super().__init__(message)


class StoreMissingError(StoreError):
    """There is no store at the address, and the command does not create one."""

    def __init__(self, dsn: object) -> None:
        super().__init__(
            f"store must exist, and there is none at {dsn}; correct --store, or create one with shadowroute up,"
            " backtest or migrate"
        )


class StoreUnreachableError(StoreError):
    """A ClickHouse server, or the process that owns the embedded store, did not answer or refused access."""


class MigrationError(StoreError):
    """A numbered migration differs from the applied one, or failed; carries `.number`."""

    def __init__(self, number: int, message: str) -> None:
        self.number = number
        super().__init__(f"migration {number:04d}: {message}")


class PortInUseError(ShadowError):
    """A port is in use; carries `.port`. The text names the holder if the system reports it."""

    def __init__(self, message: str, *, port: int) -> None:
        self.port = port
        super().__init__(message)


class StatementRefusedError(StoreError):
    """The ClickHouse interface of an embedded store does not run this statement; `.syntax` = it does not parse."""

    def __init__(self, message: str, *, syntax: bool = False) -> None:
        self.syntax = syntax
        super().__init__(message)


class PriceBookConflictError(StoreError):
    """A price book already has other prices for a model; books never change."""


def said_first(error: BaseException) -> str:
    """The message of the operating system if it caused the error, else the server's first line."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
