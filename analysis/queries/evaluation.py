"""Requests whose answer must be run to judge a shadow: their cells, their priorities, and a draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from shadowroute.analysis.queries.reader import Reader, conditions, days, of_policy
from shadowroute.analysis.queries.records import Record, row_of
from shadowroute.analysis.selection import ALL, PolicyRef, Slice, Window
from shadowroute.analysis.summaries import Floats


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """Requests of one task whose plans are alike; `second_model` is the shadow's escalation, or empty."""

    task: str
    live_model: str
    shadow_model: str
    second_model: str

    @property
    def key(self) -> str:
        """The name of the cell in SQL."""
        return f"{self.task}\t{self.live_model}\t{self.shadow_model}\t{self.second_model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRow:
    """A cell with its size.

    Attributes:
        n: requests.
        priced_n: of these, with known tokens and prices.
        moved_usd: sum over these of the difference of the two bills.
        run_n: requests that were answered already.
    """

    cell: Cell
    n: int
    priced_n: int
    moved_usd: float
    run_n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The requests that may be drawn, and the prices for their money.

    Attributes:
        prices: model to USD per million input tokens and output tokens, of context band 0.
    """

    policy: PolicyRef
    window: Window
    where: Slice = ALL
    prices: Mapping[str, tuple[float, float]]

    @property
    def params(self) -> dict[str, Any]:
        """Parameters of the statements."""
        return {
            **of_policy(self.policy),
            **days(self.window),
            **conditions(self.where),
            "models": list(self.prices),
            "input_prices": [price for price, _ in self.prices.values()],
            "output_prices": [price for _, price in self.prices.values()],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Priority:
    """The parts of a request's score besides its own money and confidence.

    Attributes:
        factors: by cell.
        usual_usd: money of a request whose own is unknown.
    """

    factors: Mapping[Cell, float]
    usual_usd: float

    @property
    def params(self) -> dict[str, Any]:
        """Parameters of the statements."""
        return {
            "cells": [cell.key for cell in self.factors],
            "factors": list(self.factors.values()),
            "usual_usd": self.usual_usd,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """Priorities of a sample of the requests, (n,) each; `run_usd` is NaN where a price or a token count is unknown."""

    score: Floats
    run_usd: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnRow:
    """A request that the draw took. None is unknown.

    Attributes:
        steps: the shadow's plan, JSON.
        input_tokens: of the answer that live served, as `output_tokens`.
        run_usd: cost of the shadow's answer at these tokens, escalation included.
        score: priority; `chance` follows from it.
    """

    request_id: str
    ts: datetime
    cell: Cell
    served_model: str
    steps: str
    input_tokens: int | None
    output_tokens: int | None
    run_usd: float | None
    confidence: float | None
    score: float
    chance: float


def cells(reader: Reader, frame: Frame) -> list[CellRow]:
    """The cells of the requests that may be drawn, the largest first."""
    return [row_of(CellRow, record, cell=_cell(record)) for record in reader.select("evaluation_cells", **frame.params)]


def scores(reader: Reader, frame: Frame, priority: Priority, *, seed: str, most: int) -> Scores:
    """Priorities of all requests, or of a simple random sample of `most` of them."""
    records = list(reader.select("evaluation_scores", **frame.params, **priority.params, seed=seed, page=most))
    return Scores(
        score=np.array([row["score"] for row in records], dtype=np.float64),
        run_usd=np.array([row["run_usd"] if row["is_priced"] else np.nan for row in records], dtype=np.float64),
    )


def draw(reader: Reader, frame: Frame, priority: Priority, *, seed: str, scale: float, floor: float) -> list[DrawnRow]:
    """The requests whose hash lies below their chance, floor <= scale x score <= 1, the surest first."""
    params = {**frame.params, **priority.params, "seed": seed, "scale": scale, "floor": floor}
    return [row_of(DrawnRow, record, cell=_cell(record)) for record in reader.select("evaluation_draw", **params)]


def _cell(record: Record) -> Cell:
    return Cell(record["task"], record["live_model"], record["shadow_model"], record["second_model"])
