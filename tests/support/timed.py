"""Times of requests as the rows that SQL returns."""

from __future__ import annotations

import numpy as np

from shadowroute.analysis.queries.times import Escalates, LiveTimes, PairTimes
from shadowroute.analysis.stats.log_bins import RATIO, BinRow


def rows_of(bucket: np.ndarray, seconds: np.ndarray) -> list[BinRow]:
    """One row per bucket."""
    places = np.floor(np.log(seconds) / np.log(RATIO)).astype(np.int64)
    lowest, width = int(places.min()), int(np.ptp(places)) + 1
    counts = np.bincount(bucket * width + places - lowest, minlength=(int(bucket.max()) + 1) * width).reshape(-1, width)
    found = []
    for each in np.flatnonzero(counts.any(axis=1)):
        bins = np.flatnonzero(counts[each])
        found.append(BinRow(int(each), (bins + lowest).astype(float), counts[each, bins].astype(float)))
    return found


def live(model: str, bucket: np.ndarray, seconds: np.ndarray, band: str = "lt1k") -> list[LiveTimes]:
    """Requests that one model answered alone."""
    return [
        LiveTimes(model=model, input_band=band, is_single=True, n=int(row.weights.sum()), unknown_n=0, bins=row)
        for row in rows_of(bucket, seconds)
    ]


def pairs(
    bucket: np.ndarray, seconds: np.ndarray, first: str = "", second: str = "", escalates: Escalates = "no"
) -> list[PairTimes]:
    """Requests that a shadow would have given to `first`, with the times that live took."""
    return [
        PairTimes(
            first_model=first,
            second_model=second,
            escalates=escalates,
            input_band="lt1k" if first or second else "",
            n=int(row.weights.sum()),
            requests=float(row.weights.sum()),
            left_out=0.0,
            bins=row,
        )
        for row in rows_of(bucket, seconds)
    ]
