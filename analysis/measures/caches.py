"""What a shadow policy would find in prompt caches that its own calls fill.

A policy that keeps a session on another model warms that model's cache itself. What its calls would read is not in the
log; what live's calls read after a like pause, of a like prompt, on the same model, is. Where live never called the
model, or nothing tells which turns belong together, there is a range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from shadowroute.analysis.cost_cube import CostCube, OwnCaches, total
from shadowroute.analysis.queries.caches import LATER, CacheCell, CacheCells, LiveCaches, LiveCalls
from shadowroute.analysis.summaries import BUCKETS, Floats

MINIMUM_CALLS: Final = 30
"""Calls of live from which a rate is fitted."""

MINIMUM_BUCKETS: Final = 10
"""Hash buckets that these must lie in, so that they are of as many users: the error of a rate is the spread between."""

NEGLIGIBLE: Final = 0.001
"""Share of what live costs up to which what nobody knows of caches is no range; then nothing of it is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRate:
    """How much live's calls read from the caches of one model.

    Attributes:
        model: that was called.
        state: `first` call of a session, or the time since the last one: `minute`, `five_minutes`, `hour`, `later`.
        read: tokens read: of a first call over those of the session's first turn, else over what the last call may have
            left.
        written: tokens written over those that were not read.
        n: calls. buckets: of users that these are of.
    """

    model: str
    state: str
    read: float
    written: float
    n: int
    buckets: int

    @property
    def counts(self) -> bool:
        """Whether there are enough calls."""
        return _are_enough(self.n, self.buckets)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFit:
    """What the prediction of caches rests on.

    Attributes:
        rates: of live's calls, those that count; empty where live's log holds no cached token at all.
        logged_share: of the tokens of the shadow's prompts, those of calls that live made as well, after the same last
            turn; they cost what they cost live. None without prompts.
        untold_share: those of calls that no session tells of, or of models that live never called.
        is_reported: whether live's log holds any cached token; without one, caches change nothing.
    """

    rates: tuple[CacheRate, ...]
    logged_share: float | None
    untold_share: float | None
    is_reported: bool


def _are_enough(n: int, buckets: int) -> bool:
    return n >= MINIMUM_CALLS and buckets >= MINIMUM_BUCKETS


def _counts(calls: LiveCalls) -> bool:
    return _are_enough(int(calls.n.sum()), int(np.count_nonzero(calls.n)))


NO_CACHES: Final = CacheFit(rates=(), logged_share=None, untold_share=None, is_reported=False)


@dataclass(frozen=True, slots=True, eq=False)
class _Rate:
    """A share of tokens, and the same without each bucket, (256,)."""

    value: float
    without: Floats

    @classmethod
    def of(cls, part: Floats, whole: Floats) -> _Rate:
        left = whole.sum() - whole
        without = np.divide(part.sum() - part, left, out=np.zeros(BUCKETS), where=left > 0)
        return cls(float(part.sum() / whole.sum()) if whole.any() else 0.0, without)

    def times(self, other: _Rate, *, over: _Rate) -> _Rate:
        """This rate, as many times as high as one is over another; at most 1."""
        without = np.divide(self.without * other.without, over.without, out=np.zeros(BUCKETS), where=over.without > 0)
        return _Rate(min(self.value * other.value / over.value, 1.0), np.minimum(without, 1.0))

    @classmethod
    def exact(cls, value: float) -> _Rate:
        return cls(value, np.full(BUCKETS, value))


_FITTED: Final = frozenset({"first", *LATER})
_NOTHING: Final = _Rate.exact(0.0)
_ALL: Final = _Rate.exact(1.0)


class LiveRates:
    """The rates of live's calls, by task where there are enough of it: system prompts are a task's own.

    Args:
        live: its calls on all traffic of the window.
    """

    def __init__(self, live: LiveCaches) -> None:
        self.is_reported = any((calls.read + calls.write).any() for calls in live.values())
        self._writes = any(calls.write.any() for calls in live.values())
        self._calls: dict[tuple[str | None, str, str | None], LiveCalls] = {}
        self._of_model: dict[str, LiveCalls] = {}
        for (model, state, task), calls in live.items():
            if state in _FITTED:
                for key in ((model, state, task), (model, state, None), (None, state, task), (None, state, None)):
                    known = self._calls.get(key)
                    self._calls[key] = calls if known is None else known + calls
                whole = self._of_model.get(model)
                self._of_model[model] = calls if whole is None else whole + calls
        self.models = frozenset(self._of_model)
        self.told = [_rate(m, state, c) for (m, state, task), c in self._calls.items() if m and task is None]

    def read(self, model: str, state: str, task: str | None) -> _Rate | None:
        """Share of the first prompt that a first call reads, else of what is within reach; None if unknown."""
        own, of_model = self._of(model, state, task), self._of(model, state, None)
        if own or not of_model or state != "first":
            return own or of_model
        # Live sent the task elsewhere: how much of a prompt is shared is the task's, how well it is kept the model's.
        of_task, of_all = self._of(None, state, task), self._of(None, state, None)
        return of_model.times(of_task, over=of_all) if of_task and of_all and of_all.value else of_model

    def _of(self, model: str | None, state: str, task: str | None) -> _Rate | None:
        calls = self._calls.get((model, state, task))
        if calls is None or not _counts(calls):
            return None
        return _Rate.of(calls.read, calls.start if state == "first" else calls.reach)

    def bounds(self, model: str, state: str, task: str | None) -> tuple[_Rate, _Rate]:
        """Between which values `read` lies where it is unknown: the longer ago the last call, the less is left."""
        if state not in LATER:
            known = [rate.read for rate in self.told if rate.state == "first" and rate.counts]
            return _NOTHING, _Rate.exact(max(known, default=0.0))
        place = LATER.index(state)
        least = next((rate for later in LATER[place + 1 :] if (rate := self.read(model, later, task))), _NOTHING)
        most = next((rate for sooner in LATER[:place][::-1] if (rate := self.read(model, sooner, task))), _ALL)
        return (least, most) if least.value <= most.value else (most, least)

    def written(self, model: str, state: str, task: str | None) -> tuple[_Rate, _Rate]:
        """Share of what is not read that is written: if nothing is read, and if all is."""
        calls = self._counted(model, state, task) or self._of_model.get(model)
        if calls:
            rate = _Rate.of(calls.write, calls.input - calls.read)
            return rate, rate
        return (_ALL, _NOTHING) if self._writes else (_NOTHING, _NOTHING)

    def _counted(self, model: str, state: str, task: str | None) -> LiveCalls | None:
        for key in ((model, state, task), (model, state, None)):
            calls = self._calls.get(key)
            if calls is not None and _counts(calls):
                return calls
        return None


def with_own_caches(cube: CostCube, cells: CacheCells, live: LiveRates) -> CostCube:
    """The cube with cached tokens as the policy's own calls would find them.

    Args:
        cube: at the tokens that were served.
        cells: the same requests by their state.
        live: what live's calls found.
    """
    if not live.is_reported:
        return cube
    found = {
        line: replace(dollars, caches=_own_caches(dollars.cold_usd, line.model, cells[line], live))
        if line in cells
        else dollars
        for line, dollars in cube.cells.items()
    }
    made = CostCube(book=cube.book, cells=found)
    clean = made.clean
    unknown = float((clean.usd("own") - clean.usd("own_low")).sum())
    if unknown > NEGLIGIBLE * float(clean.only(lambda line: line.side == "live").usd("served").sum()):
        return made
    settled = {
        line: replace(dollars, caches=replace(dollars.caches, own_low=dollars.caches.own))
        if dollars.caches
        else dollars
        for line, dollars in found.items()
    }
    return CostCube(book=cube.book, cells=settled)


def cache_fit_of(cells: CacheCells, live: LiveRates) -> CacheFit:
    """What the prediction rests on, for the report."""
    if not live.is_reported:
        return NO_CACHES
    tokens: dict[str, float] = {}
    for line, states in cells.items():
        for (state, _), cell in states.items() if line.counts_requests else ():
            known = state if state in {"logged", "short"} or line.model in live.models else "untold"
            tokens[known] = tokens.get(known, 0.0) + float(cell.tokens.sum())
    whole = sum(tokens.values())
    return CacheFit(
        rates=tuple(sorted((rate for rate in live.told if rate.counts), key=_order)),
        logged_share=tokens.get("logged", 0.0) / whole if whole else None,
        untold_share=tokens.get("untold", 0.0) / whole if whole else None,
        is_reported=True,
    )


def _own_caches(
    cold_usd: Floats, model: str, states: Mapping[tuple[str, str | None], CacheCell], live: LiveRates
) -> OwnCaches:
    known = cold_usd + total(cell.known_usd for cell in states.values())
    caches = OwnCaches.same(known)
    for (state, task), cell in states.items():
        if state not in {"logged", "short"}:
            caches = caches + _changes(cell, model, state, task, live)
    return caches


def _changes(cell: CacheCell, model: str, state: str, task: str | None, live: LiveRates) -> OwnCaches:
    """What reading and writing change for calls in one state."""
    first, (dear_write, cheap_write) = live.read(model, "first", task), live.written(model, state, task)
    fewest, most = live.bounds(model, "first", task)
    if state == "untold":
        low, high = _change(_whole(cell), _ALL, None, cheap_write), _change(cell, _NOTHING, None, dear_write)
        return OwnCaches(own=high.usd, own_low=low.usd, moved=_nothing(), none_read=high.usd, all_read=low.usd)
    reach = None if state == "first" else _ALL
    all_read = _change(cell, first or most, reach, cheap_write).usd
    none_read = _change(cell, _NOTHING, None, dear_write).usd
    least: tuple[_Rate, _Rate | None] = (first or fewest, None)
    greatest: tuple[_Rate, _Rate | None] = (first or most, None)
    if state == "first":
        is_known = first is not None
    else:
        again = live.read(model, state, task)
        bounds = (again, again) if again else live.bounds(model, state, task)
        least, greatest = (first or fewest, bounds[0]), (first or most, bounds[1])
        is_known = again is not None
    own = _change(cell, *least, dear_write)
    low = own if is_known else _change(cell, *greatest, cheap_write)
    return OwnCaches(own=own.usd, own_low=low.usd, moved=own.moved, none_read=none_read, all_read=all_read)


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    usd: Floats
    moved: Floats


def _whole(cell: CacheCell) -> CacheCell:
    """The calls, as if their whole prompts might be shared."""
    return replace(cell, start_read_usd=cell.prompt_read_usd, start_write_usd=cell.prompt_write_usd)


def _change(cell: CacheCell, start: _Rate, reach: _Rate | None, written: _Rate) -> _Change:
    """What it changes to read a share of the first prompts, or of what is within reach if that is more, and to write.

    Args:
        cell: the calls.
        start: share of what the first turn may share with others that is read.
        reach: share of what is within reach that is read; None where nothing is.
        written: share of the rest that is written.
    """
    read, saved, added = start, cell.start_read_usd, cell.start_write_usd
    if reach and reach.value * cell.reach_read_usd.sum() >= start.value * cell.start_read_usd.sum():
        read, saved, added = reach, cell.reach_read_usd, cell.reach_write_usd

    def changed(share: Floats | float, rest: Floats | float, saved: Floats, added: Floats, all_added: Floats) -> Floats:
        return -share * saved + rest * (all_added - share * added)

    others = [each.sum() - each for each in (saved, added, cell.prompt_write_usd)]
    moved = changed(read.value, written.value, *others) - changed(read.without, written.without, *others)
    return _Change(changed(read.value, written.value, saved, added, cell.prompt_write_usd), moved)


def _rate(model: str, state: str, calls: LiveCalls) -> CacheRate:
    whole = calls.start if state == "first" else calls.reach
    return CacheRate(
        model=model,
        state=state,
        read=_Rate.of(calls.read, whole).value,
        written=_Rate.of(calls.write, calls.input - calls.read).value,
        n=int(calls.n.sum()),
        buckets=int(np.count_nonzero(calls.n)),
    )


def _order(rate: CacheRate) -> tuple[str, int]:
    return rate.model, LATER.index(rate.state) if rate.state in LATER else -1


def _nothing() -> Floats:
    return np.zeros(BUCKETS)
