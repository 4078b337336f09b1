"""The time of answers, now and predicted for the shadow.

The shadow's model did not answer, so its time is looked up: from live's answers of that model on requests of the same
input band, else from executed answers, else from models.yaml, each step named as an assumption. Requests on which the
shadow would have had the same answer keep their own time, so that only the changes are estimated. Times are counted
in bins of 2 %; the analysis never sees a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shadowroute.analysis.measures.latency_comparison import Comparison
from shadowroute.analysis.measures.latency_quantiles import Quantiles, quantiles_of
from shadowroute.analysis.queries.times import DecisionTimes, ExecutedTimes, LiveTimes, PairTimes
from shadowroute.analysis.results import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Dispatch to the end of the answer, now and with the shadow deciding; seconds throughout.

    Attributes:
        live: time of all answered requests now.
        by_model: the same by the model that answered, the most frequent first.
        shadow_p95_s: predicted for the shadow, over the requests that can be compared.
        p50_delta_s: shadow minus live on the same requests; positive is slower.
        p95_delta_s: the same at the 95th percentile.
        p99_delta_s: the same at the 99th.
        live_decides: time that the live policy takes to decide.
        shadow_decides: time that the shadow takes to decide.
        n: requests that can be compared.
        left_out_share: of the shadow's requests: contaminated, failed, or without a known time. None without requests.
        one_in: one of about so many requests is in the sample, chosen by the hash of its id; `n` counts these, and the
            intervals include the sampling error.
        assumptions: times from another source than live's answers of the same model and input band.
    """

    live: Quantiles
    by_model: Mapping[str, Quantiles]
    shadow_p95_s: Measured
    p50_delta_s: Measured
    p95_delta_s: Measured
    p99_delta_s: Measured
    live_decides: Quantiles
    shadow_decides: Quantiles
    n: int
    left_out_share: float | None
    assumptions: tuple[str, ...]
    one_in: int = 1


def latency_of(
    live: Sequence[LiveTimes],
    pairs: Sequence[PairTimes],
    executed: Sequence[ExecutedTimes] = (),
    *,
    live_decides: Sequence[DecisionTimes] = (),
    shadow_decides: Sequence[DecisionTimes] = (),
    priors: Mapping[str, float] | None = None,
    level: float = 0.95,
) -> Latency:
    """Times of a slice, live and predicted for a shadow policy.

    Args:
        live: of live requests.
        pairs: of the shadow's requests, by the model it would have called.
        executed: of answers that were run.
        live_decides: decision times of live.
        shadow_decides: decision times of the shadow.
        priors: model to its expected seconds (`latency_s` of models.yaml), for models without any known time.
        level: nominal coverage of the intervals.
    """

    def quantiles(rows: Sequence[LiveTimes] | Sequence[DecisionTimes]) -> Quantiles:
        return quantiles_of([row.bins for row in rows], sum(row.n for row in rows), level=level)

    models: dict[str, list[LiveTimes]] = {}
    for row in live:
        models.setdefault(row.model, []).append(row)
    ranked = sorted(models.items(), key=lambda item: -sum(row.n for row in item[1]))
    compared = Comparison(live, pairs, executed, priors, level)
    deltas = {share: compared.delta(share) for share in (0.5, 0.95, 0.99)}
    left_out = sum(row.left_out for row in pairs)
    requests = sum(row.requests for row in pairs) + left_out
    answered = sum(row.n for row in live)
    return Latency(
        live=quantiles(live),
        by_model={model: quantiles(rows) for model, rows in ranked},
        shadow_p95_s=compared.shadow(0.95),
        p50_delta_s=deltas[0.5],
        p95_delta_s=deltas[0.95],
        p99_delta_s=deltas[0.99],
        live_decides=quantiles(live_decides),
        shadow_decides=quantiles(shadow_decides),
        n=compared.n,
        left_out_share=left_out / requests if requests else None,
        assumptions=compared.assumptions,
        one_in=max(round(sum(row.stands_for for row in live) / answered), 1) if answered else 1,
    )
