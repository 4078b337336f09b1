"""The most that routing could save: when that is little, routing is not worth it (R54)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from shadowroute.analysis.cost_cube import CostCube
from shadowroute.analysis.measures.change import Change, Prediction, why_not
from shadowroute.analysis.measures.scaled import scaled
from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.money import active_days, cheapest_dollars, cost_cube
from shadowroute.analysis.results import Measured, Undefined
from shadowroute.analysis.selection import Window
from shadowroute.analysis.summaries import BUCKETS

MONTH_DAYS: Final = 365.25 / 12
"""Days of a month, so that twelve of them are a year."""


def most_that_routing_could_save(q: Queries, window: Window, book: str, *, level: float = 0.95) -> Measured:
    """An upper bound of what any policy over the models of the window could save, USD per month (R54).

    Every clean request is priced, at the tokens that were served, at the lowest price of each kind of token among the
    models that live or a shadow names. No plan over these models is cheaper unless it writes less.

    Args:
        q: reads the project.
        window: UTC days.
        book: price book.
        level: nominal coverage.
    """
    shadows = [row for row in q.policies(window) if not row.is_live]
    if not shadows:
        return Undefined(reason="no shadow policy decided in this window", next_step="add one under shadows:")
    policy = max(shadows, key=lambda row: row.n).policy
    cube = cost_cube(q, window, policy, book)
    live = cube.clean.only(lambda line: line.side == "live")
    floor = cheapest_dollars(q, window, policy, book)
    counted = {line: replace(dollars, unpriced_n=0) for line, dollars in cube.cells.items() if line.counts_requests}
    known = why_not(CostCube(book=book, cells={**counted, **live.cells}))
    if floor is None and known is None:
        known = Undefined(reason=f"no model has a price in book {book} on some day of the window", n=cube.n)
    change = Change(
        live=np.zeros(BUCKETS) if floor is None else floor,
        predictions=(Prediction(usd=live.usd(warm=True), error=None),),
        requests=cube.requests,
        n=cube.n,
        why_range="",
        why_not=known,
    )
    saving = change.per_request(lambda: q.effective_clusters(window, policy), level=level)
    months = max(active_days(q, window, policy), 1) / MONTH_DAYS
    return scaled(saving, factor=float(cube.requests.sum()) / months)
