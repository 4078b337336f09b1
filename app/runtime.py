"""The platform's data for its pages: the store, the addresses, and the project to show first.

Streamlit runs the pages in threads of the process that `shadowroute up` started, so one value is enough. A page never
opens a store itself: an embedded store has one owner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shadowroute.collector.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The platform that the pages belong to.

    Attributes:
        store: open, owned by the process.
        project: shown when the address names none; empty means the one that has data.
        otlp_url: OTLP address for SDKs, for the texts of empty pages.
        ui_url: address of the review app, for links that are absolute.
        refused: refusals of the receiver since its start, newest first; entries as in its `/-/status`.
    """

    store: Store
    project: str = ""
    otlp_url: str
    ui_url: str
    refused: Callable[[], Sequence[Mapping[str, Any]]] = tuple


_runtime: Runtime | None = None


def configure(runtime: Runtime | None) -> None:
    """Set the platform that pages of this process show; None forgets it."""
    global _runtime  # noqa: PLW0603  one platform per process, as one embedded store per process
    _runtime = runtime


def current() -> Runtime:
    """The platform of this process.

    Raises:
        RuntimeError: the pages were started without one (for example with `streamlit run`).
    """
    if _runtime is None:
        raise RuntimeError("the review app must be started by `shadowroute up`, which opens the store for it")
    return _runtime
