"""Price books: added to, never changed, pinned per project; price files with their errors."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from shadow.errors import ConfigError
from shadow.prices.registry import BANDS, BEGINNING, Price, PriceRow
from shadowroute.collector.errors import PriceBookConflictError
from shadowroute.collector.price_books import book_prices, current_book, load_price_file, pin
from shadowroute.collector.store import Store

pytestmark = pytest.mark.dates

CHEAP = Price(
    input_usd_per_mtok=1.0, cache_read_usd_per_mtok=0.1, cache_write_usd_per_mtok=1.25, output_usd_per_mtok=4.0
)


def rows(model: str, price: Price = CHEAP, day: dt.date = BEGINNING) -> list[PriceRow]:
    return [
        PriceRow(provider="acme", model=model, context_band=band, effective_from=day, price=price, source="models.yaml")
        for band in BANDS
    ]


def pins(store: Store) -> int:
    return int(store.client().query("SELECT count() FROM price_book_pins").result_rows[0][0])


def test_a_book_comes_back_as_it_was_pinned(store: Store) -> None:
    """Every price is stored to the last digit, with its band, day and source."""
    odd = replace(CHEAP, input_usd_per_mtok=0.1 + 0.2, output_usd_per_mtok=0.0)
    stored = rows("a", odd) + rows("b") + rows("b", odd, dt.date(2026, 6, 1))
    pin(store.client(), "p", stored, "book-1", "models.yaml")
    key = lambda row: (row.model, row.context_band, row.effective_from)  # noqa: E731
    assert book_prices(store.client(), "book-1") == sorted(stored, key=key)
    assert book_prices(store.client(), "book-2") == []


def test_pinning_again_changes_nothing(store: Store) -> None:
    """The same pin a second time adds no row and no pin; a new model is added to the book."""
    for _ in range(3):
        pin(store.client(), "p", rows("a"), "book-1", "models.yaml")
    pin(store.client(), "p", rows("b"), "book-1", "models.yaml")
    assert {row.model for row in book_prices(store.client(), "book-1")} == {"a", "b"}
    assert store.client().query("SELECT count() FROM price_books").result_rows == [(8,)]
    assert pins(store) == 1


@pytest.mark.parametrize(
    "other", [rows("a", replace(CHEAP, output_usd_per_mtok=5.0)), rows("a") + rows("a", CHEAP, dt.date(2026, 6, 1))]
)
def test_a_book_never_changes(store: Store, other: list[PriceRow]) -> None:
    """Other prices, or another day, for a model that the book has are refused, and nothing of them is stored."""
    pin(store.client(), "p", rows("a"), "book-1", "models.yaml")
    with pytest.raises(PriceBookConflictError, match="price book 'book-1' must keep its prices of a"):
        pin(store.client(), "p", rows("z") + other, "book-1", "models.yaml")
    assert book_prices(store.client(), "book-1") == rows("a")
    assert pins(store) == 1


def test_the_latest_pin_of_a_project_counts(store: Store) -> None:
    """A project uses its own latest pin, else the one for all projects, else none; pins may go back."""
    client = store.client()
    assert current_book(client, "p") is None
    pin(client, "", rows("a"), "registry", "registry")
    assert (current_book(client, "p"), current_book(client, "")) == ("registry", "registry")
    pin(client, "p", rows("a"), "book-1", "models.yaml")
    pin(client, "p", rows("a"), "book-2", "models.yaml")
    assert (current_book(client, "p"), current_book(client, "q")) == ("book-2", "registry")
    pin(client, "p", rows("a"), "book-1", "models.yaml")
    assert current_book(client, "p") == "book-1"


def test_a_book_without_prices_can_be_pinned(store: Store) -> None:
    """An empty book is a book: everything is unpriced under it, and said so."""
    pin(store.client(), "p", [], "nothing", "models.yaml")
    assert current_book(store.client(), "p") == "nothing"


def test_a_price_file_is_read(tmp_path: Path) -> None:
    """The prices of models.yaml become rows for every band."""
    file = tmp_path / "models.yaml"
    file.write_text("models:\n  small-x:\n    price_usd_per_million: {input: 0.5, output: 2}\n")
    loaded = load_price_file(file)
    assert [(row.model, row.context_band) for row in loaded] == [("small-x", band) for band in BANDS]
    assert {row.price.output_usd_per_mtok for row in loaded} == {2.0}


def test_a_negative_price_is_refused_with_its_line(tmp_path: Path) -> None:
    """A price below zero names file and line."""
    file = tmp_path / "models.yaml"
    file.write_text("models:\n  small-x:\n    price_usd_per_million:\n      input: -0.5\n      output: 2\n")
    with pytest.raises(ConfigError, match=r"models\.yaml:4: .*-0\.5"):
        load_price_file(file)
