"""Price books: named sets of prices that never change, and the book of each project.

A figure in dollars names its book, so a book must mean the same tomorrow. Models may be added to it; the prices of a
model that it has are settled. A project uses the book that was pinned last for it, else the one pinned for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Final

from clickhouse_connect.driver.client import Client

from shadow.config import load_catalogue
from shadow.prices.catalogue import Catalogue
from shadow.prices.registry import Price, PriceRow
from shadowroute.collector.errors import PriceBookConflictError

_PRICES: Final = tuple(each.name for each in fields(Price))
_COLUMNS: Final = ("book", "provider", "model", "context_band", "effective_from", *_PRICES, "source")


def pin(client: Client, project: str, rows: Sequence[PriceRow], book: str, source: str) -> None:
    """Store the missing prices of the book, and make it the project's book from now on.

    Args:
        client: of the calling thread.
        project: the project that uses it; empty = every project without a book of its own.
        rows: prices of the book, every band and day of each model.
        book: its name.
        source: file or command that pinned it, for people.

    Raises:
        PriceBookConflictError: the book has other prices for one of the models.
    """
    added = _missing(book, rows, book_prices(client, book))
    if added:
        client.insert("price_books", [_record(book, row) for row in added], column_names=_COLUMNS)
    if _pinned(client, project) != book:
        # The store's clock, not ours: pins of several machines must have one order.
        client.command(
            "INSERT INTO price_book_pins (project, book, pinned_at, source)"
            " SELECT {project:String}, {book:String}, now64(6), {source:String}",
            parameters={"project": project, "book": book, "source": source},
        )


def current_book(client: Client, project: str) -> str | None:
    """The book that the project uses: its own latest pin, else the latest for all projects; None if there is none."""
    own = _pinned(client, project)
    return own if own is not None or not project else _pinned(client, "")


def book_names(client: Client) -> list[str]:
    """Every price book of the store, by name."""
    return [str(book) for (book,) in client.query("SELECT DISTINCT book FROM price_books ORDER BY book").result_rows]


def book_prices(client: Client, book: str) -> list[PriceRow]:
    """Every row of a book, by model, band and day; empty if there is no such book."""
    found = client.query(
        f"SELECT {', '.join(_COLUMNS[1:])} FROM price_books FINAL"  # noqa: S608  # our own names
        " WHERE book = {book:String} ORDER BY model, context_band, effective_from",
        parameters={"book": book},
    )
    return [
        PriceRow(
            provider=provider,
            model=model,
            context_band=band,
            effective_from=effective_from,
            price=Price(**dict(zip(_PRICES, prices, strict=True))),
            source=source,
        )
        for provider, model, band, effective_from, *prices, source in found.result_rows
    ]


def catalogue_of(file: Path | None) -> tuple[Catalogue, str]:
    """Models and prices of a models.yaml, the registry's without one; and their source, for `pin`.

    Raises:
        ConfigError: the file is wrong.
    """
    return load_catalogue(file), "registry" if file is None else file.name


def load_price_file(path: Path) -> list[PriceRow]:
    """Prices of the models that a models.yaml lists; the registry's where the file gives none.

    Raises:
        ConfigError: the file is wrong, `file:line` first; a price must be a number that is not negative.
    """
    return load_catalogue(path).price_rows()


def _pinned(client: Client, project: str) -> str | None:
    ((book, pins),) = client.query(
        "SELECT argMax(book, pinned_at), count() FROM price_book_pins WHERE project = {project:String}",
        parameters={"project": project},
    ).result_rows
    return str(book) if pins else None


def _missing(book: str, rows: Sequence[PriceRow], stored: Iterable[PriceRow]) -> list[PriceRow]:
    """Rows of new models; a model of the book must have the same prices on the same days."""
    settled = _by_model(stored)
    added = []
    for model, prices in _by_model(rows).items():
        if model not in settled:
            added += [row for row in rows if row.model == model]
        elif prices != settled[model]:
            raise PriceBookConflictError(
                f"price book {book!r} must keep its prices of {model}, got other ones; give the new prices another name"
            )
    return added


def _by_model(rows: Iterable[PriceRow]) -> dict[str, dict[tuple[int, object], Price]]:
    models: dict[str, dict[tuple[int, object], Price]] = {}
    for row in rows:
        models.setdefault(row.model, {})[row.context_band, row.effective_from] = row.price
    return models


def _record(book: str, row: PriceRow) -> list[object]:
    prices = [getattr(row.price, name) for name in _PRICES]
    return [book, row.provider, row.model, row.context_band, row.effective_from, *prices, row.source]
