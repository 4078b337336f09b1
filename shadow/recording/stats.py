"""Counts of a recorder."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStats:
    """Counts of this process so far.

    Attributes:
        requests: closed requests whose spans were built.
        shadows_evaluated: shadow rows, failures included.
        shadow_failures: by policy and `error_type`.
        attempts: dispatches to providers by kind; empty if the host reports only results.
        failed_attempts: those of them that failed, by `error_type`.
        shed: requests whose shadows were left out, because the backlog was full. Their rows have `shed`.
        switched_off: policies that are switched off, with the reason.
        reloads: accepted changes of the configuration.
        reloads_refused: refused changes of the configuration.
        reload_error: why the last change was refused; empty if it was accepted.
        content_left_out: requests whose content was left out.
        exported: spans that the collector confirmed.
        dropped: requests lost to a full backlog, and spans lost on the way to the collector.
        contained: contained errors by place.
        backlog: closed requests waiting for their shadows, and spans waiting for the collector.
    """

    requests: int = 0
    shadows_evaluated: int = 0
    shadow_failures: dict[str, dict[str, int]] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    failed_attempts: dict[str, int] = field(default_factory=dict)
    shed: int = 0
    switched_off: dict[str, str] = field(default_factory=dict)
    reloads: int = 0
    reloads_refused: int = 0
    reload_error: str = ""
    content_left_out: int = 0
    exported: int = 0
    dropped: int = 0
    contained: dict[str, int] = field(default_factory=dict)
    backlog: int = 0


@dataclass(slots=True)
class ReloadCounts:
    """Counts of reloads since the start of a process.

    Attributes:
        done: accepted changes.
        refused: refused changes.
        error: why the last change was refused; empty if it was accepted.
    """

    done: int = 0
    refused: int = 0
    error: str = ""
