"""The largest possible saving of routing: if it is small, routing is not worth it (R54)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shadowroute.analysis.cost_cube import CostCube
from shadowroute.analysis.measures.change import Change, Prediction, why_not
from shadowroute.analysis.measures.rates import Clusters
from shadowroute.analysis.results import Measured, Undefined, scaled
from shadowroute.analysis.selection import MONTH_DAYS
from shadowroute.analysis.summaries import BUCKETS, Floats


def most_that_routing_could_save(
    cube: CostCube, cheapest: Floats | None, *, days: int, clusters: Clusters, level: float = 0.95
) -> Measured:
    """An upper bound of what any policy over the models of the window could save, USD per month (R54).

    Every clean request is priced, at the tokens that were served, at the lowest price of each kind of token among the
    models that live or a shadow names. No plan over these models is cheaper unless it writes less.

    Args:
        cube: of a shadow policy that saw most requests.
        cheapest: lower bound of the cost of its clean requests, (256,) USD; None if a day has no price.
        days: that the requests were spread over.
        clusters: effective clusters by key.
        level: nominal coverage.
    """
    live = cube.clean.only(lambda line: line.side == "live")
    counted = {line: replace(dollars, unpriced_n=0) for line, dollars in cube.cells.items() if line.counts_requests}
    known = why_not(CostCube(book=cube.book, cells={**counted, **live.cells}))
    if cheapest is None and known is None:
        known = Undefined(reason=f"no model has a price in book {cube.book} on some day of the window", n=cube.n)
    change = Change(
        live=np.zeros(BUCKETS) if cheapest is None else cheapest,
        predictions=(Prediction(usd=live.usd("served"), error=None),),
        requests=cube.requests,
        n=cube.n,
        why_range="",
        why_not=known,
    )
    saving = change.per_request(clusters, level=level)
    return scaled(saving, factor=float(cube.requests.sum()) / (max(days, 1) / MONTH_DAYS))
