"""Models, their names, and their prices."""

from __future__ import annotations

from datetime import date

import pytest

from shadow.errors import ConfigError
from shadow.prices.catalogue import Catalogue, Model
from shadow.prices.registry import BANDS, Price, PriceRow, registry_prices, registry_version

PRICE = Price(
    input_usd_per_mtok=0.4, cache_read_usd_per_mtok=0.4, cache_write_usd_per_mtok=0.4, output_usd_per_mtok=0.8
)
LISTED = Catalogue(
    [
        Model(name="gpt-5", provider="openai", tier="large", aliases=("azure/gpt-5-prod",)),
        Model(name="gpt-5-mini", provider="openai", tier="small"),
        Model(name="llama-70b", provider="onprem", tier="medium", price=PRICE),
        Model(name="house-model", provider="onprem"),
    ]
)


def usd(rows: list[PriceRow] | None, band: int = 0) -> list[tuple[str, float, float, float]]:
    """Day, input, cache read and output price of a band."""
    return [
        (
            row.effective_from.isoformat(),
            row.price.input_usd_per_mtok,
            row.price.cache_read_usd_per_mtok,
            row.price.output_usd_per_mtok,
        )
        for row in rows or []
        if row.context_band == band
    ]


def test_aliases_are_names() -> None:
    """A model is found by its name and by every alias."""
    assert LISTED.get("azure/gpt-5-prod") is LISTED.get("gpt-5")
    assert "azure/gpt-5-prod" in LISTED
    assert LISTED.tier("azure/gpt-5-prod") == "large"


def test_a_list_is_the_whole_list() -> None:
    """With a models file the registry adds no models."""
    assert "gpt-4o" not in LISTED
    assert LISTED.get("gpt-4o") is None
    assert LISTED.tier("gpt-4o") == ""


def test_without_a_list_the_registry_is_the_list() -> None:
    """Without a models file every registry model is known, with its provider and no tier."""
    catalogue = Catalogue()
    model = catalogue.get("gpt-4o")
    assert model is not None
    assert (model.provider, model.tier) == ("openai", "")
    assert "gpt5-mini" not in catalogue
    assert catalogue.nearest("gpt5-mini") == "gpt-5-mini"


def test_an_unknown_model_is_answered_with_the_nearest() -> None:
    """The message names file, line, the unknown model and the nearest known one."""
    with pytest.raises(ConfigError, match=r'^a\.yaml:9: no model "gpt5-mini" in models\.yaml; nearest: gpt-5-mini$'):
        LISTED.require("gpt5-mini", "a.yaml", 9)
    LISTED.require("gpt-5-mini")


def test_names_are_unique() -> None:
    """One name means one model, over names and aliases."""
    with pytest.raises(ConfigError, match='"b" must name one model, got a and b'):
        Catalogue([Model(name="a", aliases=("b",)), Model(name="b")])


@pytest.mark.parametrize(
    ("response", "planned", "name"),
    [
        ("gpt-5", "gpt-5", "gpt-5"),
        ("gpt-5-2025-08-07", "gpt-5", "gpt-5"),
        ("gpt-5-mini-2025-08-07", "gpt-5-mini", "gpt-5-mini"),
        ("gpt-5-mini-2025-08-07", "gpt-5", "gpt-5-mini"),
        ("gpt-5-mini-2025-08-07", "", "gpt-5-mini"),
        ("azure/gpt-5-prod", "gpt-5-mini", "gpt-5"),
        ("claude-9@20260101", "claude-9", "claude-9"),
        ("gpt-4-0613", "gpt-4", "gpt-4"),
        ("gpt-5-pro", "gpt-5", "gpt-5-pro"),
        ("gpt-50", "gpt-5", "gpt-50"),
    ],
)
def test_the_served_model_gets_its_catalogue_name(response: str, planned: str, name: str) -> None:
    """Aliases and dated snapshots are the model itself; every other name stays what the provider said."""
    assert LISTED.canonical(response, planned) == name


def test_price_rows_cover_every_band() -> None:
    """Every priced model has a row per band; one without a price has none and is named."""
    rows = LISTED.price_rows()
    assert {row.model for row in rows} == {"gpt-5", "gpt-5-mini", "llama-70b"}
    assert sorted(row.context_band for row in rows if row.model == "llama-70b") == list(BANDS)
    assert LISTED.unpriced(["gpt-5", "house-model", "gpt-5-mini"]) == ["house-model"]


def test_extra_models_are_priced_once() -> None:
    """An extra name that is an alias adds nothing; an unlisted one is priced by the registry."""
    rows = LISTED.price_rows(["azure/gpt-5-prod", "gpt-4o"])
    assert len([row for row in rows if row.model == "gpt-5"]) == len(BANDS)
    assert len([row for row in rows if row.model == "gpt-4o"]) == len(BANDS)


def test_a_provider_that_the_registry_does_not_know_has_no_price() -> None:
    """A house model that shares a name with a public one is not priced like it."""
    assert Catalogue([Model(name="gpt-4o", provider="onprem")]).unpriced(["gpt-4o"]) == ["gpt-4o"]


def test_the_book_is_named_after_the_registry_or_its_prices() -> None:
    """Untouched prices are the registry's own book; any other price makes another book."""
    assert Catalogue().book_id == registry_version()
    assert Catalogue([Model(name="gpt-5", provider="openai")]).book_id == registry_version()
    assert LISTED.book_id.startswith("book-")
    assert len(LISTED.book_id) == len("book-") + 12
    dearer = Price(
        input_usd_per_mtok=0.5, cache_read_usd_per_mtok=0.4, cache_write_usd_per_mtok=0.4, output_usd_per_mtok=0.8
    )
    one, other = (Catalogue([Model(name="m", price=price)]) for price in (PRICE, dearer))
    assert one.book_id == Catalogue([Model(name="m", price=PRICE)], source="other.yaml").book_id
    assert one.book_id != other.book_id


def test_tiers_become_bands() -> None:
    """A price that rises above 200k tokens rises in the bands above it; one above 128k one band earlier."""
    assert [usd(registry_prices("gemini-2.5-pro", "google"), band)[0][1] for band in BANDS] == [1.25, 1.25, 2.5, 2.5]
    assert [usd(registry_prices("gemini-1.5-pro", "google"), band)[0][1] for band in BANDS] == [1.25, 2.5, 2.5, 2.5]
    assert [usd(registry_prices("gpt-5.4", "openai"), band)[0][1] for band in BANDS] == [2.5, 2.5, 2.5, 5.0]


def test_price_changes_are_dated_rows() -> None:
    """The first price holds from the beginning, each later one from its day."""
    assert usd(registry_prices("o3", "openai")) == [("1970-01-01", 10.0, 0.5, 40.0), ("2025-06-10", 2.0, 0.5, 8.0)]


def test_a_missing_cache_price_is_the_input_price() -> None:
    """A model without a cache discount pays its input price for cached tokens."""
    rows = registry_prices("gpt-3.5-turbo-0613", "openai")
    assert usd(rows) == [("1970-01-01", 1.5, 1.5, 2.0)]
    assert rows is not None
    assert rows[0].price.cache_write_usd_per_mtok == 1.5


def test_hourly_prices_are_taken_at_noon() -> None:
    """A price that depends on the hour is the same row in every run."""
    assert usd(registry_prices("deepseek-chat", "deepseek")) == [("1970-01-01", 0.27, 0.07, 1.1)]


def test_an_unknown_model_has_no_price() -> None:
    """Unknown is None, never 0."""
    assert registry_prices("Meta-Llama-3_1-70B-Instruct", None) is None
    assert registry_prices("gpt-5", "no-such-provider") is None


def test_registry_prices_equal_its_own_calculator() -> None:
    """Rows give the registry's own cost in every band and on both sides of a price change."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from genai_prices import Usage, calc_price  # noqa: PLC0415

    for model, provider in (("gemini-2.5-pro", "google"), ("claude-sonnet-4-5", "anthropic"), ("o3", "openai")):
        for day in (date(2025, 6, 9), date(2025, 6, 10), date(2026, 11, 1)):
            for band, tokens in ((0, 100_000), (1, 150_000), (2, 250_000), (3, 500_000)):
                rows = [row for row in registry_prices(model, provider) or [] if row.context_band == band]
                row = max((row for row in rows if row.effective_from <= day), key=lambda row: row.effective_from)
                ours = (tokens * row.price.input_usd_per_mtok + 7_000 * row.price.output_usd_per_mtok) / 1e6
                moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
                usage = Usage(input_tokens=tokens, output_tokens=7_000)
                theirs = calc_price(usage, model, provider_id=provider, genai_request_timestamp=moment).total_price
                assert ours == pytest.approx(float(theirs), rel=1e-12), (model, day, band)
