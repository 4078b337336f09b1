"""Keeps a price book pinned for what the store holds, so that a cost figure always names its prices.

With a price file, its book is pinned for the project at start. Without one, the registry's prices become the default
book of all projects, model by model as they appear in traffic: a model nobody uses needs no price, and one that the
registry does not know is said, never guessed.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final

from clickhouse_connect.driver.client import Client

from analysis.queries import Queries, projects
from collector.price_books import current_book, load_price_file, pin
from collector.store import Store
from shadow.config import load_catalogue
from shadow.pricing import PriceRow, registry_prices

EVERY_S: Final = 20.0
ALL_PROJECTS: Final = ""

_log = logging.getLogger(__name__)


class PriceKeeper:
    """Pins the file's book once; without a file it looks for new models every 20 s on a thread of its own.

    Args:
        project: whose prices the file holds; empty means every project without prices of its own.
        file: models.yaml; None means the registry.

    Raises:
        ConfigError: the file is wrong.
    """

    def __init__(self, project: str, file: Path | None) -> None:
        self._project = project
        self._source = "registry" if file is None else file.name
        self._rows = [] if file is None else load_price_file(file)
        self._book = load_catalogue(file).book_id
        self._watches = file is None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, store: Store) -> None:
        """Pin the file's book, or start to watch for models."""
        if not self._watches:
            pin(store.client(), self._project, self._rows, self._book, self._source)
            return
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
                pin_registry(store.client(), self._book)
            except Exception:  # noqa: BLE001  # a store that is away now is asked again
                _log.exception("pinning registry prices failed; trying again in %d s", EVERY_S)
            self._stopped.wait(EVERY_S)


def pin_registry(client: Client, book: str) -> list[str]:
    """Add the registry's prices of models that appeared and have none.

    Projects with a book of their own are left alone: their prices are somebody's decision.

    Args:
        client: of this thread.
        book: name of the registry's book.

    Returns:
        The models that got a price now.
    """
    added = [model for project in projects(client) for model in _wanting(client, project, book)]
    rows = _registry_rows(sorted(set(added)))
    if rows:
        pin(client, ALL_PROJECTS, rows, book, "registry")
    return sorted({row.model for row in rows})


def _wanting(client: Client, project: str, book: str) -> list[str]:
    """Models of the project's traffic that the registry's book lacks."""
    if current_book(client, project) not in {None, book}:
        return []
    queries = Queries(client, project)
    window = queries.window_available()
    return list(queries.models_unpriced(window, book)) if window else []


def _registry_rows(models: list[str]) -> list[PriceRow]:
    return [row for model in models for row in registry_prices(model, None) or []]
