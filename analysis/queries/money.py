"""What the measures of money read: the cube of dollars, and what was spent on evaluation."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.assemble import by_value
from analysis.cost_cube import CostCube, Dollars, Line
from analysis.queries.reader import Reader, Record, days, of_policy
from analysis.selection import ALL, PolicyRef, Slice, Window
from analysis.summaries import spread


def cost_cube(reader: Reader, window: Window, policy: PolicyRef, book: str, where: Slice = ALL) -> CostCube:
    """Dollars of a shadow policy and of live in a slice, at the prices of a book."""
    params = {**of_policy(policy), "book": book, **days(window)}
    return _cube(book, reader.in_slice("cost_cube", "cost_cube_rows", where, **params))


def cost_cubes_by_value(reader: Reader, window: Window, policy: PolicyRef, book: str, key: str) -> dict[str, CostCube]:
    """The same for every value of a segment key."""
    records = reader.per_value("cost_cube", key, **of_policy(policy), book=book, **days(window))
    return by_value(records, lambda rows: _cube(book, rows))


def _cube(book: str, records: Iterable[Record]) -> CostCube:
    return CostCube(book=book, cells={_line(record): _dollars(record) for record in records})


def _line(record: Record) -> Line:
    return Line(
        live_model=record["live_model"],
        shadow_model=record["shadow_model"],
        side=record["side"],
        kind=record["kind"],
        model=record["model"],
        is_contaminated=bool(record["contaminated"]),
    )


def _dollars(record: Record) -> Dollars:
    buckets = record["buckets"]
    return Dollars(
        n=record["n"],
        unpriced_n=record["unpriced_n"],
        weight=spread(buckets, record["weight"]),
        input_usd=spread(buckets, record["input_usd"]),
        cache_usd=spread(buckets, record["cache_usd"]),
        cold_usd=spread(buckets, record["cold_usd"]),
        output_usd=spread(buckets, record["output_usd"]),
    )
