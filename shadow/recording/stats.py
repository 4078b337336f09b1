"""What a recorder has done so far."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStats:
    """What this process recorded so far.

    Attributes:
        requests: closed requests whose spans were built.
        shadows_evaluated: shadow rows, failures included.
        shadow_failures: by policy and `error_type`.
        attempts: dispatches to providers by kind; a host that reports only results has none.
        failed_attempts: those of them that failed, by `error_type`.
        shed: requests whose shadows were not asked, because the backlog was full. Their rows say so.
        switched_off: policies that are not asked any more, and why.
        reloads: changed configurations that were taken over.
        reloads_refused: changed configurations that were not, because something is wrong with them.
        reload_error: why the last one was refused; empty once a good one was taken over.
        content_left_out: requests whose prompt and answer were to be sent and were not.
        exported: spans that the collector has.
        dropped: requests lost to a full backlog, and spans lost on the way to the collector.
        contained: errors of ours that were kept from the host, by place.
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
    """What reloading did since the start of a process.

    Attributes:
        done: changes that were taken over.
        refused: changes that were not.
        error: why the last change was refused; empty once a good one was taken over.
    """

    done: int = 0
    refused: int = 0
    error: str = ""
