"""How often live differs from itself: the A/A control, its days, and its measurement.

A shadow is the control on the days on which its policy and version were live's, and only theirs: on a day on which live
changed, it is unknown beside which of the two it decided. The measurement on these days is the noise floor; without a
control, a sentence states what is known, never a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from shadowroute.analysis.format import days, listed, percent
from shadowroute.analysis.measures.divergence import COMPARED
from shadowroute.analysis.measures.rates import Clusters, share_of
from shadowroute.analysis.queries.exploration import Exploration
from shadowroute.analysis.queries.rows import PolicyRow
from shadowroute.analysis.results import Estimate, Measured, Undefined
from shadowroute.analysis.selection import PolicyRef, Window
from shadowroute.analysis.summaries import RatioSums

REPEATABLE: Final = (
    "Live is declared to decide repeatably (live.decides in shadow.yaml, or a policy without chance; every live"
    " decision carries the probability 1): it does not differ from itself, and no noise floor is needed."
)
_NO_CONTROL: Final = "no A/A shadow ran (add the live policy under shadows in shadow.yaml)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The live policy run as its own shadow (A/A).

    Attributes:
        days: the days on which it was both, and nothing else was live; runs of days, in order.
        is_whole: whether it was never a candidate: on no day did it decide while only other policies were live.
    """

    policy: PolicyRef
    days: tuple[Window, ...]
    is_whole: bool

    def __str__(self) -> str:
        return f"{self.policy} on {listed([days(run.first, run.last) for run in self.days])}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """How often live differs from itself.

    Attributes:
        controls: the A/A shadows and their days, in order of their days. Empty if no A/A shadow ran.
        measured: share of the requests of these days on which live, asked again, names another model; None without a
            control.
        text: the same as one sentence, with the days; without a control, what is known.
    """

    controls: tuple[Control, ...]
    measured: Measured | None
    text: str


def controls_of(rows: Iterable[PolicyRow]) -> tuple[Control, ...]:
    """The A/A shadows among the policies of a window, by the rule above."""
    everybody = list(rows)
    live: dict[date, set[PolicyRef]] = {}
    for row in everybody:
        if row.is_live:
            for day in row.days:
                live.setdefault(day, set()).add(row.policy)
    found = []
    for row in everybody:
        alone = [] if row.is_live else [day for day in row.days if live.get(day) == {row.policy}]
        if alone:
            is_whole = all(row.policy in live.get(day, ()) for day in row.days)
            found.append(Control(policy=row.policy, days=_runs(alone, sorted(live)), is_whole=is_whole))
    return tuple(sorted(found, key=lambda control: control.days[0]))


def _runs(wanted: Sequence[date], known: Sequence[date]) -> tuple[Window, ...]:
    """The days as runs: two belong together if no other day with requests lies between them."""
    runs: list[Window] = []
    before: date | None = None
    for day in known:
        if day in wanted and before in wanted:
            runs[-1] = Window(runs[-1].first, day)
        elif day in wanted:
            runs.append(Window(day, day))
        before = day
    return tuple(runs)


def noise_floor_of(
    controls: Sequence[Control],
    sums: Callable[[], RatioSums],
    *,
    clusters: Clusters,
    chance: Callable[[], Exploration],
    level: float,
) -> NoiseFloor:
    """The noise floor of a window.

    Args:
        controls: the A/A shadows.
        sums: their diverging decisions over compared ones, each on its days; read only with a control.
        clusters: effective clusters by key.
        chance: live decisions of the window by recorded probability; read only without a control.
        level: nominal coverage of the interval.
    """
    if not controls:
        return NoiseFloor(controls=(), measured=None, text=without_control(chance()))
    measured = share_of(sums(), subject=COMPARED, clusters=clusters, level=level)
    who = f"{'A/A shadow' if len(controls) == 1 else 'A/A shadows'} {listed([str(control) for control in controls])}"
    return NoiseFloor(controls=tuple(controls), measured=measured, text=_said(measured, who))


def _said(measured: Measured, who: str) -> str:
    if isinstance(measured, Estimate):
        return f"Live differs from itself on {percent(measured.value)} of requests (noise floor of the {who})."
    why = measured.reason if isinstance(measured, Undefined) else measured.why
    return f"How often live differs from itself is not known from the {who}: {why}."


def without_control(chance: Exploration) -> str:
    """The sentence in place of the noise floor.

    Only a probability of 1 on every live decision shows that there is none. `live.decides: randomly` gives decisions no
    probability, because it is unknown: in the records it is the same as `unknown`.

    Args:
        chance: live decisions of the window by recorded probability.
    """
    if chance.random:
        return (
            f"How often live differs from itself is not known: it chooses by chance ({chance.random:,} of {chance.n:,}"
            f" live decisions carry a probability below 1), and {_NO_CONTROL}."
        )
    if chance.n and not chance.unknown:
        return REPEATABLE
    return (
        f"How often live differs from itself is not known: {_NO_CONTROL}, and {_untold(chance)} whether chance made"
        " them (live.decides in shadow.yaml is unknown or randomly; an imported log does not contain it)."
    )


def _untold(chance: Exploration) -> str:
    if chance.unknown == chance.n:
        return "live decisions do not record"
    return f"{chance.unknown:,} of {chance.n:,} live decisions do not record"
