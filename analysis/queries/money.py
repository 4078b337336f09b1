"""Data of the measures of money: the cube of dollars, and the spending on evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shadowroute.analysis.cost_cube import CostCube, Dollars, Line
from shadowroute.analysis.queries.overall import cost_records
from shadowroute.analysis.queries.reader import Reader, conditions, days, of_policy
from shadowroute.analysis.queries.records import Record, by_value, column, row_of
from shadowroute.analysis.selection import ALL, PolicyRef, Slice, Window
from shadowroute.analysis.stats.concentration import Sizes
from shadowroute.analysis.summaries import Floats, spread


def cost_cube(reader: Reader, window: Window, policy: PolicyRef, book: str, where: Slice = ALL) -> CostCube:
    """Dollars of a shadow policy and of live in a slice, at the prices of a book."""
    if where == ALL:
        return _cube(book, cost_records(reader, window, policy, book))
    params = {**of_policy(policy), "book": book, **days(window)}
    return _cube(book, reader.in_slice("cost_cube", "cost_cube_rows", where, **params))


def cost_cubes_by_value(reader: Reader, window: Window, policy: PolicyRef, book: str, key: str) -> dict[str, CostCube]:
    """The same for every value of a segment key."""
    records = reader.per_value("cost_cube", key, **of_policy(policy), book=book, **days(window))
    return by_value(records, lambda rows: _cube(book, rows))


def active_days(reader: Reader, window: Window, policy: PolicyRef) -> int:
    """Days of the window on which a shadow policy decided."""
    return int(reader.one("active_days", **of_policy(policy), **days(window))["days"])


def cheapest_dollars(reader: Reader, window: Window, policy: PolicyRef, book: str) -> Floats | None:
    """Lower bound of the cost of a shadow policy's clean requests, (256,) USD; None if a day has no price.

    Each kind of token takes its lowest price among the models that live or any shadow names, so no plan over these
    models can cost less at the tokens that were served.
    """
    rows = list(reader.select("cheapest_dollars", **of_policy(policy), book=book, **days(window)))
    if any(row["is_unpriced"] for row in rows):
        return None
    return column(rows, "usd")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSizes:
    """Distribution of dollars over single requests.

    Attributes:
        cost: USD paid for live; None without priced requests.
        change: USD of shadow minus live, both at the served tokens; None without priced requests.
        n: sampled requests with prices on both sides.
        unpriced_n: requests without.
        one_in: one of about so many requests is in the sample, chosen by the hash of its id.
    """

    cost: Sizes | None
    change: Sizes | None
    n: int
    unpriced_n: int
    one_in: int = 1


def request_sizes(reader: Reader, window: Window, policy: PolicyRef, book: str, where: Slice = ALL) -> RequestSizes:
    """Distribution of dollars over the clean requests of a shadow policy; one pass over the sample of requests."""
    params = {**of_policy(policy), "book": book, **days(window), **conditions(where)}
    rows = list(reader.select("concentration", **params))
    counted = {key: [row for row in rows if row["quantity"] == key] for key in ("cost", "change", "unpriced")}
    looked_at = [row for row in rows if row["quantity"] != "change"]
    n = sum(row["n"] for row in looked_at)
    return RequestSizes(
        cost=_sizes(counted["cost"]),
        change=_sizes(counted["change"]),
        n=sum(row["n"] for row in counted["cost"]),
        unpriced_n=sum(row["n"] for row in counted["unpriced"]),
        one_in=round(sum(row["stands_for"] for row in looked_at) / n) if n else 1,
    )


def _sizes(rows: list[Record]) -> Sizes | None:
    if not rows:
        return None
    return Sizes.of(
        [row["bin"] for row in rows],
        [row["weight"] for row in rows],
        [row["total"] for row in rows],
        largest=max(row["largest"] for row in rows),
        moments=[sum(row[name] for row in rows) for name in ("first_moment", "second_moment", "third_moment")],
    )


def _cube(book: str, records: Iterable[Record]) -> CostCube:
    return CostCube(book=book, cells={_line(record): _dollars(record) for record in records})


def _line(record: Record) -> Line:
    return row_of(Line, record, is_contaminated=bool(record["contaminated"]))


def _dollars(record: Record) -> Dollars:
    names = ("weight", "input_usd", "cache_usd", "cold_usd", "output_usd")
    parts = {name: spread(record["buckets"], record[name]) for name in names}
    return row_of(Dollars, record, caches=None, **parts)
