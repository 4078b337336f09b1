"""Keeps a price book pinned for the models of the store, so that a cost figure always names its prices.

The book of a price file, or of the registry, is pinned at start. Models that appear in traffic later get the registry's
prices as soon as they are seen: an unused model needs no price, and a model that the registry lacks is reported, never
guessed.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clickhouse_connect.driver.client import Client

from shadow.prices.catalogue import MODELS_FILE, Catalogue
from shadowroute.analysis.queries import Queries, projects
from shadowroute.collector.model_names import declare
from shadowroute.collector.price_books import catalogue_of, current_book, pin
from shadowroute.collector.store import Store

EVERY_S: Final = 5.0
"""At most as often as the rollups are renewed: a page must not call a model unpriced before the first look."""
ALL_PROJECTS: Final = ""
ROUTING: Final = Path("routing/shadow.yaml")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A book that is kept: whose it is, and its prices."""

    project: str
    catalogue: Catalogue
    source: str


def routing_models() -> Path | None:
    """models.yaml of the routing folder in the working directory, whose prices the router reads; None without one."""
    file = ROUTING.parent / MODELS_FILE
    return file if ROUTING.is_file() and file.is_file() else None


class PriceKeeper:
    """Pins books, and looks for new models every few seconds on a thread of its own.

    Projects without a book of their own get the file's prices, or the registry's where the file is of one project.

    Args:
        project: whose prices the file holds; empty means every project that has no book of its own.
        file: models.yaml; None means the registry's prices, for every project without a book of its own.

    Raises:
        ConfigError: the file is wrong.
    """

    def __init__(self, project: str, file: Path | None) -> None:
        self._kept = [_Kept(project, *catalogue_of(file))] if file is not None else []
        if file is None or project:
            self._kept.append(_Kept(ALL_PROJECTS, *catalogue_of(None)))
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, store: Store) -> None:
        """Pin the listed models, and start to watch for new ones."""
        for kept in self._kept:
            rows = kept.catalogue.price_rows()
            if rows:
                pin(store.client(), kept.project, rows, kept.catalogue.book_id, kept.source)
            declare(store.client(), kept.project, kept.catalogue, kept.source)
        self._thread = threading.Thread(target=self._watch, args=(store,), name="price-keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; returns when the thread has ended, because the store closes next."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self, store: Store) -> None:
        while not self._stopped.is_set():
            try:
                for kept in self._kept:
                    pin_missing(store.client(), kept.catalogue, project=kept.project, source=kept.source)
            except Exception:  # noqa: BLE001  # a store that is away now is asked again
                _log.exception(
                    "pinning prices failed; requests are unaffected, new models have no cost yet; check the store; "
                    "next try in %d s",
                    EVERY_S,
                )
            self._stopped.wait(EVERY_S)


def pin_missing(client: Client, catalogue: Catalogue, *, project: str, source: str) -> list[str]:
    """Add the prices of models that appeared in traffic and have none yet.

    Projects with another book are left alone: their prices were chosen by a user.

    Args:
        client: of this thread.
        catalogue: whose book is added to.
        project: that the book is pinned for; empty means the default of all.
        source: origin of the pin, for the record.

    Returns:
        The newly priced models, sorted.
    """
    book = catalogue.book_id
    served = [project] if project else projects(client)
    wanted = {model for name in served for model in _unpriced(client, name, book)}
    rows = [row for row in catalogue.price_rows(sorted(wanted)) if row.model in wanted]
    if rows:
        pin(client, project, rows, book, source)
    return sorted({row.model for row in rows})


def _unpriced(client: Client, project: str, book: str) -> list[str]:
    """Models of a project's traffic that this book lacks; none where another book is pinned."""
    if current_book(client, project) not in {None, book}:
        return []
    queries = Queries(client, project)
    window = queries.window_available()
    return list(queries.models_unpriced(window, book)) if window else []
