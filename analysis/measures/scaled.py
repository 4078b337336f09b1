"""Measured quantities in other units, and added to what is known exactly."""

from __future__ import annotations

from dataclasses import replace

from shadowroute.analysis.results import Interval, Measured, Range, Undefined


def scaled(measured: Measured, *, factor: float = 1.0, shift: float = 0.0, unit: str = "") -> Measured:
    """Factor x measured + shift, interval and bounds included.

    Args:
        measured: any.
        factor: may be negative; then the ends change places.
        shift: known exactly, in the new unit.
        unit: the new unit; empty keeps it.
    """
    if isinstance(measured, Undefined):
        return measured
    bounds = _moved(measured.interval, factor, shift)
    if isinstance(measured, Range):
        low, high = sorted((measured.low * factor + shift, measured.high * factor + shift))
        return replace(measured, low=low, high=high, interval=bounds, unit=unit or measured.unit)
    assert bounds is not None  # an Estimate has an interval  # noqa: S101
    return replace(measured, value=measured.value * factor + shift, interval=bounds, unit=unit or measured.unit)


def _moved(interval: Interval | None, factor: float, shift: float) -> Interval | None:
    if interval is None:
        return None
    low, high = sorted((interval.low * factor + shift, interval.high * factor + shift))
    return Interval(low, high, interval.level)
