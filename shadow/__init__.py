"""Shadow hooks for LLM routers: see docs/concepts.md.

Names load on first use, so that `import shadow` costs a service almost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shadow.config import Routing
    from shadow.domain.outcome import Answer, Attempt, Outcome, Usage
    from shadow.domain.policy import Candidate, Decision, Policy, Step
    from shadow.domain.request import Request
    from shadow.domain.snapshot import Snapshot
    from shadow.errors import ConfigError, ShadowError
    from shadow.observer import Observer
    from shadow.router import ShadowRouter
    from shadow.runtime.clock import Clock
    from shadow.telemetry.export.sink import SpanSink

    __version__: str

__all__ = [
    "Answer",
    "Attempt",
    "Candidate",
    "Clock",
    "ConfigError",
    "Decision",
    "Observer",
    "Outcome",
    "Policy",
    "Request",
    "Routing",
    "ShadowError",
    "ShadowRouter",
    "Snapshot",
    "SpanSink",
    "Step",
    "Usage",
    "__version__",
]

_HOMES = {
    "Answer": "domain.outcome",
    "Attempt": "domain.outcome",
    "Candidate": "domain.policy",
    "Clock": "runtime.clock",
    "ConfigError": "errors",
    "Decision": "domain.policy",
    "Observer": "observer",
    "Outcome": "domain.outcome",
    "Policy": "domain.policy",
    "Request": "domain.request",
    "Routing": "config",
    "ShadowError": "errors",
    "ShadowRouter": "router",
    "Snapshot": "domain.snapshot",
    "SpanSink": "telemetry.export.sink",
    "Step": "domain.policy",
    "Usage": "domain.outcome",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - reading metadata takes longer than the import

        value: Any = version("shadowroute")
    elif name in _HOMES:
        value = getattr(import_module(f"shadow.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module 'shadow' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted(__all__)
