"""Moments: their valid range, and the zone of one without a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_2000_US: Final = 946_684_800_000_000
YEAR_2100_US: Final = 4_102_444_800_000_000
"""Range of valid moments, epoch microseconds: a number outside is in another unit, or not a time."""
DAY_US: Final = 86_400_000_000


def utc(moment: datetime) -> datetime:
    """A moment with its zone; without one it is UTC, as the store's client returns them."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def epoch_us(moment: datetime) -> int:
    """Exact epoch microseconds; a moment without a zone is UTC."""
    return (utc(moment) - EPOCH) // timedelta(microseconds=1)
