"""Sessions whose prompts meet provider caches that evict, expire and share system prompts; what policies really pay.

The world knows nothing of the estimator: a cache holds a prefix for the model's own time to live, loses it early at
random, and reads whole blocks; a system prompt that anybody sent to the model lately is read by everybody. Users,
sessions and tasks differ in all of this, and the shadow sends other turns to a model than live does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shadowroute.analysis.cost_cube import CostCube, Dollars, Line
from shadowroute.analysis.measures.caches import LiveRates, with_own_caches
from shadowroute.analysis.measures.change import change_of
from shadowroute.analysis.measures.length import SAME_TOKENS
from shadowroute.analysis.queries.caches import LATER, CacheCell, LiveCalls
from shadowroute.analysis.results import Measured
from shadowroute.analysis.summaries import BUCKETS, Floats

Integers = NDArray[np.int64]

BLOCK: Final = 128
LEAST: Final = 1_024
WEEK_S: Final = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Model:
    """Prices in USD per million tokens, and how its provider caches.

    Attributes:
        ttl_s: seconds that a prefix lives after its last use.
        half_life_s: after this long half of the prefixes were evicted early.
        bills_writes: whether what is not read is written, for `write` instead of `read`'s price of input.
    """

    input: float
    read: float
    output: float
    ttl_s: float
    half_life_s: float
    write: float = 0.0

    @property
    def bills_writes(self) -> bool:
        return self.write > 0


DEAR: Final = Model(input=2.5, read=0.25, output=10.0, ttl_s=900, half_life_s=1_500)
CHEAP: Final = Model(input=0.6, read=0.06, output=2.4, ttl_s=300, half_life_s=3_000)
DEAR_WRITES: Final = Model(input=3.0, read=0.3, output=15.0, write=3.75, ttl_s=300, half_life_s=4_000)
CHEAP_WRITES: Final = Model(input=1.0, read=0.1, output=5.0, write=1.25, ttl_s=300, half_life_s=2_000)


@dataclass(frozen=True, slots=True, eq=False)
class Turns:
    """A week of turns in the order of time, (turns,) each.

    Attributes:
        kept: tokens of system prompt and conversation, the part of the prompt that a cache may hold.
        fresh: tokens that the turn adds.
        luck: 0 to 1, how soon the prefix is evicted; the same for every policy.
    """

    at_s: Floats
    user: Integers
    session: Integers
    task: Integers
    is_free: NDArray[np.bool_]
    is_hard: NDArray[np.bool_]
    system: Integers
    kept: Integers
    fresh: Integers
    output: Integers
    luck: Floats
    bucket: Integers

    @property
    def input(self) -> Integers:
        return self.kept + self.fresh


def turns(rng: np.random.Generator, users: int = 1_500) -> Turns:
    """Pareto users with sessions of very unequal length about one of three tasks each."""
    sessions = np.minimum(rng.pareto(1.3, users) + 1, 25).astype(int)
    user_of = np.repeat(np.arange(users), sessions)
    length = np.minimum(1 + rng.lognormal(1.2, 0.9, user_of.size), 60).astype(int)
    session = np.repeat(np.arange(user_of.size), length)
    first = np.cumsum(length) - length
    pace = rng.lognormal(np.log(50), 0.7, users)[user_of][session]
    gap = pace * rng.lognormal(0, 1.1, session.size)
    gap *= np.where(rng.random(session.size) < 0.06, 40, 1)  # went for lunch
    gap[first] = 0
    since = np.cumsum(gap)
    day, hour = rng.integers(0, 7, user_of.size), rng.normal(14, 3, user_of.size) % 24
    start = (day * 24 + hour) * 3_600
    task = rng.choice(3, user_of.size, p=[0.25, 0.45, 0.30])[session]
    system = np.array([300, 1_300, 2_200])[task]
    median = np.array([700, 150, 400])[task]
    fresh = np.clip(median * rng.lognormal(0, 0.9, session.size), 10, 40_000).astype(int)
    output = np.clip(np.array([30, 200, 450])[task] * rng.lognormal(0, 0.6, session.size), 1, 4_000).astype(int)
    said = np.cumsum(fresh + output) - fresh - output
    history = said - np.repeat(said[first], length)
    at_s = np.repeat(start, length) + since - np.repeat(since[first], length)
    order = np.argsort(at_s, kind="stable")
    columns = Turns(
        at_s=at_s,
        user=user_of[session],
        session=session,
        task=task,
        is_free=(rng.random(users) < 0.45)[user_of[session]],
        is_hard=rng.random(session.size) < np.array([0.05, 0.15, 0.3])[task],
        system=system,
        kept=system + np.minimum(history, 12_000),
        fresh=fresh,
        output=output,
        luck=rng.random(session.size),
        bucket=rng.integers(0, BUCKETS, users)[user_of[session]],
    )
    return Turns(**{name: getattr(columns, name)[order] for name in Turns.__slots__})


Policy = Callable[[Turns], NDArray[np.bool_]]
"""Which turns go to the cheap model."""


def live(t: Turns) -> NDArray[np.bool_]:
    """Short tasks and easy turns of free users go to the cheap model."""
    chosen: NDArray[np.bool_] = (t.task == 0) | (t.is_free & ~t.is_hard)
    return chosen


def sticky(t: Turns) -> NDArray[np.bool_]:
    """All but hard writing goes to the cheap model, so most sessions stay there."""
    chosen: NDArray[np.bool_] = (t.task != 2) | ~t.is_hard
    return chosen


def hopping(t: Turns) -> NDArray[np.bool_]:
    """Easy turns of everybody, whatever the session did before."""
    chosen: NDArray[np.bool_] = (t.task == 0) | (~t.is_hard & (t.fresh < np.array([0, 250, 300])[t.task]))
    return chosen


def everything(t: Turns) -> NDArray[np.bool_]:
    """No turn needs the dear model."""
    return np.ones(t.at_s.size, dtype=bool)


def elsewhere(t: Turns) -> NDArray[np.bool_]:
    """Long turns of a task go to the dear model, which live never asked for that task."""
    return ~t.is_hard & (t.fresh < np.array([1_500, 250, 300])[t.task])


def before(at_s: Floats, *keys: NDArray[np.int64] | NDArray[np.bool_]) -> Integers:
    """The turn before each one that has the same keys; -1 for none. Turns come in the order of time."""
    order = np.lexsort((np.arange(at_s.size), *keys))
    same = np.ones(at_s.size - 1, dtype=bool)
    for key in keys:
        same &= key[order][1:] == key[order][:-1]
    found = np.full(at_s.size, -1)
    found[order[1:]] = np.where(same, order[:-1], -1)
    return found


def cached(t: Turns, is_cheap: NDArray[np.bool_], dear: Model, cheap: Model) -> Integers:
    """Tokens that each turn really reads under a policy."""
    ttl = np.where(is_cheap, cheap.ttl_s, dear.ttl_s)
    half = np.where(is_cheap, cheap.half_life_s, dear.half_life_s)
    own, shared = before(t.at_s, t.session, is_cheap), before(t.at_s, t.task, is_cheap)
    idle = t.at_s - t.at_s[own]
    is_warm = (own >= 0) & (idle <= np.minimum(ttl, -half * np.log2(t.luck)))
    is_shared = (shared >= 0) & (t.at_s - t.at_s[shared] <= ttl)
    held = np.where(is_warm, np.minimum(t.kept, t.input[own]), np.where(is_shared, t.system, 0)) // BLOCK * BLOCK
    return np.where(held >= LEAST, held, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Week:
    """A week under live, and what a shadow would have paid for it.

    Attributes:
        cold: of the shadow, with a cold cache for every switched turn.
        cells: where its calls stand in its own caches. calls: what live's calls found.
        truth: (256,) USD that the shadow would have paid. paid: (256,) USD of live.
    """

    cold: CostCube
    cells: Mapping[Line, Mapping[tuple[str, str | None], CacheCell]]
    calls: Mapping[tuple[str, str, str], LiveCalls]
    truth: Floats
    paid: Floats

    @property
    def cube(self) -> CostCube:
        """The shadow in its own caches as fitted."""
        return with_own_caches(self.cold, self.cells, LiveRates(self.calls))

    def change(self, cube: CostCube) -> Measured:
        """The relative change that a cube amounts to."""
        return change_of(cube, SAME_TOKENS, None).relative(lambda: 1_000.0)


NAMES: Final = ("dear", "cheap")


def week(
    t: Turns, shadow: Policy, models: tuple[Model, Model], *, calls: Policy = live, with_sessions: bool = True
) -> Week:
    """What is measured of a week, and what is true.

    Args:
        t: the turns.
        shadow: the other policy.
        models: the dear one and the cheap one.
        calls: live's policy.
        with_sessions: whether the log tells sessions.
    """
    served, planned = calls(t), shadow(t)
    read, truly_read = cached(t, served, *models), cached(t, planned, *models)
    written, truly_written = _written(t, served, read, models), _written(t, planned, truly_read, models)
    start = np.minimum(t.input, t.input[_opening(t)])
    own_state, own_reach = _states(t, planned)
    live_state, live_reach = _states(t, served)
    same_last = before(t.at_s, t.session, served) == before(t.at_s, t.session, planned)
    state = np.where((served == planned) & same_last, "logged", own_state)
    if not with_sessions:
        state, live_state = np.where(served == planned, "logged", "untold"), np.full(t.at_s.size, "untold")
    cells: dict[Line, Dollars] = {}
    standing: dict[Line, dict[tuple[str, str | None], CacheCell]] = {}
    calls_of: dict[tuple[str, str, str], LiveCalls] = {}
    for place, model in enumerate(models):
        for found, task in itertools.product(np.unique(live_state[served == place]), range(3)):
            at = (served == place) & (live_state == found) & (t.task == task)
            calls_of[NAMES[place], str(found), str(task)] = LiveCalls(
                n=_sums(t, at, np.ones(t.at_s.size)),
                input=_sums(t, at, t.input),
                reach=_sums(t, at, live_reach),
                start=_sums(t, at & (live_state != "short"), start),
                read=_sums(t, at, read),
                write=_sums(t, at, written),
            )
        for goes, target in enumerate(models):
            at = (served == place) & (planned == goes)
            line = Line(NAMES[place], NAMES[goes], "shadow", "primary", NAMES[goes])
            paid = Line(NAMES[place], NAMES[goes], "live", "primary", NAMES[place])
            cells[paid] = _dollars(t, at, model, read, written, is_cold=False)
            cells[line] = _dollars(t, at, target, read, written, is_cold=place != goes)
            kept = 1 if place == goes else 0
            standing[line] = {
                (str(found), str(task)): _cell(
                    t, at & (state == found) & (t.task == task), target, own_reach, start,
                    read=read * ((found == "logged") - kept), written=written * ((found == "logged") - kept),
                )
                for found, task in itertools.product(np.unique(state[at]), range(3))
            }  # fmt: skip
    return Week(
        cold=CostCube(book="b", cells=cells),
        cells=standing,
        calls=calls_of,
        truth=_usd(t, planned, truly_read, truly_written, models),
        paid=_usd(t, served, read, written, models),
    )


def _states(t: Turns, is_cheap: NDArray[np.bool_]) -> tuple[NDArray[np.str_], Integers]:
    """As the rollup tells them: time since the session's last turn on the model, and the tokens within reach."""
    last = before(t.at_s, t.session, is_cheap)
    idle = t.at_s - t.at_s[last]
    reach = np.where((last >= 0) & (t.input[last] >= LEAST), np.minimum(t.input[last], t.input), 0)
    later = np.array(LATER)[np.searchsorted([60, 300, 3_600], idle)]
    state = np.where(t.input < LEAST, "short", np.where(reach > 0, later, "first"))
    return state, np.where(state == "short", 0, reach)


def _opening(t: Turns) -> Integers:
    """The first turn of each turn's session."""
    found, places = np.unique(t.session, return_index=True)
    return places[np.searchsorted(found, t.session)]


def _written(t: Turns, is_cheap: NDArray[np.bool_], read: Integers, models: tuple[Model, Model]) -> Integers:
    """Where writes are billed, what is not read is written, up to the turn's end."""
    bills = np.where(is_cheap, models[1].bills_writes, models[0].bills_writes)
    return np.where(bills & (t.input >= LEAST), (t.input - read) * 95 // 100, 0)


def _sums(t: Turns, at: NDArray[np.bool_], values: Floats | Integers) -> Floats:
    return np.bincount(t.bucket[at], values[at], minlength=BUCKETS).astype(np.float64)


def _usd(
    t: Turns, is_cheap: NDArray[np.bool_], read: Integers, written: Integers, models: tuple[Model, Model]
) -> Floats:
    whole = np.zeros(BUCKETS)
    for place, model in enumerate(models):
        whole += _dollars(t, is_cheap == place, model, read, written, is_cold=False).usd()
    return whole


def _dollars(
    t: Turns, at: NDArray[np.bool_], model: Model, read: Integers, written: Integers, *, is_cold: bool
) -> Dollars:
    fresh = _sums(t, at, t.input - read - written) * model.input / 1e6
    kept = (_sums(t, at, read) * model.read + _sums(t, at, written) * model.write) / 1e6
    return Dollars(
        n=int(at.sum()),
        unpriced_n=0,
        weight=_sums(t, at, np.ones(t.at_s.size)),
        input_usd=fresh,
        cache_usd=kept,
        cold_usd=_sums(t, at, read + written) * model.input / 1e6 if is_cold else kept,
        output_usd=_sums(t, at, t.output) * model.output / 1e6,
    )


def _cell(
    t: Turns,
    at: NDArray[np.bool_],
    model: Model,
    reach: Integers,
    start: Integers,
    *,
    read: Integers,
    written: Integers,
) -> CacheCell:
    saved, added = (model.input - model.read) / 1e6, (model.write - model.input) / 1e6 if model.bills_writes else 0.0
    prompt, within, shared = _sums(t, at, t.input), _sums(t, at, reach), _sums(t, at, start)
    return CacheCell(
        tokens=prompt,
        prompt_read_usd=prompt * saved,
        start_read_usd=shared * saved,
        reach_read_usd=within * saved,
        prompt_write_usd=prompt * added,
        start_write_usd=shared * added,
        reach_write_usd=within * added,
        known_usd=-_sums(t, at, read) * saved + _sums(t, at, written) * added,
    )


MODELS: Final[Mapping[str, tuple[Model, Model]]] = {
    "reads alone are billed": (DEAR, CHEAP),
    "writes are billed": (DEAR_WRITES, CHEAP_WRITES),
}
