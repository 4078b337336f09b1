"""How good the live answers were, on the requests that the shadow would have downgraded and on the rest.

Every figure is about the model that answered, never about the shadow's model.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.results import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A signal on one group of requests.

    Attributes:
        mean: of the requests that have the signal, 0 to 1.
        silent_low: mean over all requests of the group, if every silent one were 0; None without requests.
        silent_high: the same, if every silent one were 1.
        bins: (21,) shares by value: bin i holds values from i/20 up to (i+1)/20, the last one the value 1; empty
            without signals.
        n: requests with the signal.
        response_rate: weighted share of the group's requests that have the signal; None without requests.
    """

    mean: Measured
    silent_low: float | None
    silent_high: float | None
    bins: tuple[float, ...]
    n: int
    response_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One signal, by what the shadow would have done with the request.

    Attributes:
        downgrade: requests that the shadow would have given to a cheaper model.
        same: requests on which both name the same model.
        rest: all requests but the downgraded ones.
        all: every request that is not contaminated.
        signal: name, for example `thumbs`; empty if no signal was seen.
        source: human, user, code, llm or reference.
        note: what a reader must know before reading the figures.
    """

    downgrade: Distribution
    same: Distribution
    rest: Distribution
    all: Distribution
    signal: str
    source: str
    note: str
