"""Shadow hooks for LLM routers: see docs/concepts.md.

Names load on first use, so that `import shadow` costs a service almost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shadow.errors import ConfigError, ShadowError
    from shadow.observer import Observer
    from shadow.outcome import Answer, Attempt, Outcome, Usage
    from shadow.policy import Candidate, Decision, Policy, Step
    from shadow.request import Request
    from shadow.router import ShadowRouter
    from shadow.snapshot import Snapshot

    __version__: str

__all__ = [
    "Answer",
    "Attempt",
    "Candidate",
    "ConfigError",
    "Decision",
    "Observer",
    "Outcome",
    "Policy",
    "Request",
    "ShadowError",
    "ShadowRouter",
    "Snapshot",
    "Step",
    "Usage",
    "__version__",
]

_HOMES = {
    "Answer": "outcome",
    "Attempt": "outcome",
    "Candidate": "policy",
    "ConfigError": "errors",
    "Decision": "policy",
    "Observer": "observer",
    "Outcome": "outcome",
    "Policy": "policy",
    "Request": "request",
    "ShadowError": "errors",
    "ShadowRouter": "router",
    "Snapshot": "snapshot",
    "Step": "policy",
    "Usage": "outcome",
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
