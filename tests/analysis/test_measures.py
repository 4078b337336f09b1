"""The four measures on sums made by hand: what they say, and what they refuse to say."""

from __future__ import annotations

from typing import Any

import pytest

from shadowroute.analysis.cost_cube import CostCube, Dollars, Line
from shadowroute.analysis.measures.cost import CostDelta, cost_of
from shadowroute.analysis.measures.direction import Directions
from shadowroute.analysis.measures.divergence import Divergence, divergence_of
from shadowroute.analysis.measures.escalation import Escalation, escalation_of
from shadowroute.analysis.queries.pairs import MatrixRow, pair_sums
from shadowroute.analysis.queries.rows import Gaps
from shadowroute.analysis.results import Estimate, Interval, Range, Undefined
from shadowroute.analysis.summaries import spread

BUCKETS = 100
PRICES = Directions({"big": 10.0, "small": 1.0, "twin": 10.0})
NO_GAPS = Gaps(models_without_tier=(), has_plans_without_id=False)


def pairs(buckets: int = BUCKETS, **changed: Any) -> list[dict[str, Any]]:
    """Ten decisions per bucket, as `pair_sums` returns them; a list gives one value per bucket."""
    row: dict[str, Any] = dict.fromkeys(
        ("by_model", "by_tier", "by_steps", "failed", "cascade", "known", "paid_twice", "possible"), 0.0
    )
    row |= {"n": 10, "weight": 10.0, "planned": 10.0, "compared": 10.0, "clean": 10.0} | changed
    return [
        {"bucket": b} | {key: value[b] if isinstance(value, list) else value for key, value in row.items()}
        for b in range(buckets)
    ]


def costs(buckets: int = BUCKETS, **changed: Any) -> list[dict[str, Any]]:
    """Ten requests per bucket that cost $1 each, live and shadow."""
    row: dict[str, Any] = {"n": 10, "requests": 10.0, "live_usd": 10.0, "shadow_usd": 10.0, "shadow_warm_usd": 10.0}
    row |= {
        "unknown_usd": 0.0,
        "unknown_warm_usd": 0.0,
        "live_unpriced": [],
        "shadow_unpriced": [],
        "free": [],
    } | changed
    return [
        {"bucket": b}
        | {
            key: value[b] if isinstance(value, list) and len(value) == buckets and value else value
            for key, value in row.items()
        }
        for b in range(buckets)
    ]


def cube(rows: list[dict[str, Any]], book: str = "b") -> CostCube:
    """The cube of `costs`: input alone, so that what is warm and what is cold are two separate columns."""
    buckets = [row["bucket"] for row in rows]

    def cell(warm: str, cold: str, unpriced: str) -> Dollars:
        nothing = spread([], [])
        return Dollars(
            n=sum(row["n"] for row in rows),
            unpriced_n=sum(bool(row[unpriced]) for row in rows),
            weight=spread(buckets, [row["requests"] for row in rows]),
            input_usd=nothing,
            cache_usd=spread(buckets, [row[warm] for row in rows]),
            cold_usd=spread(buckets, [row[cold] for row in rows]),
            output_usd=nothing,
        )

    def model(side: str, default: str) -> str:
        return next((row[side][0] for row in rows if row[side]), default)

    live, small = model("live_unpriced", "big"), model("shadow_unpriced", "small")
    cells = {
        Line("big", "small", "live", "primary", live): cell("live_usd", "live_usd", "live_unpriced"),
        Line("big", "small", "shadow", "primary", small): cell("shadow_warm_usd", "shadow_usd", "shadow_unpriced"),
        Line("big", "small", "shadow", "escalation_unknown", "big"): cell("unknown_warm_usd", "unknown_usd", "free"),
    }
    return CostCube(book=book, cells=cells if rows else {})


def diverge(rows: list[dict[str, Any]], *, gaps: Gaps = NO_GAPS, matrix: tuple[MatrixRow, ...] = ()) -> Divergence:
    return divergence_of(pair_sums(rows), matrix, gaps=gaps, directions=PRICES, clusters=lambda: float(BUCKETS))


def spend(rows: list[dict[str, Any]], *, left_out: list[dict[str, Any]] | None = None, book: str = "b") -> CostDelta:
    return cost_of(cube(rows, book), pair_sums(left_out or pairs()), clusters=lambda: float(BUCKETS))


def escalate(shadow: list[dict[str, Any]], live: list[dict[str, Any]] | None = None) -> Escalation:
    count = lambda: float(BUCKETS)  # noqa: E731  # the same for both sides
    return escalation_of(pair_sums(shadow), pair_sums(live or pairs()), clusters=count, live_clusters=count)


def alternate(high: float, low: float = 0.0, buckets: int = BUCKETS) -> list[float]:
    return [high if b % 2 else low for b in range(buckets)]


def estimated(measured: object) -> Estimate:
    assert isinstance(measured, Estimate), measured
    return measured


def undefined(measured: object) -> Undefined:
    assert isinstance(measured, Undefined), measured
    return measured


# Divergence


def test_divergence_is_the_share_that_differs() -> None:
    """Half of the buckets differ on 4 of 10 requests: 20 %, with an interval around it, on 1,000 decisions."""
    found = diverge(pairs(by_model=alternate(4.0), by_tier=alternate(2.0), by_steps=5.0))
    model = estimated(found.model)
    assert (model.value, model.n, model.clusters, model.effective_clusters) == (pytest.approx(0.2), 1000, 100, 100)
    assert model.interval.low < 0.2 < model.interval.high
    assert estimated(found.tier).value == pytest.approx(0.1)
    assert estimated(found.steps).value == pytest.approx(0.5)
    assert found.diverging == pytest.approx(200)


def test_a_shadow_that_never_differs_has_an_upper_bound() -> None:
    """The A/A shadow at 0 %: an interval from 0 to what 100 independent clusters allow, never of width 0."""
    model = estimated(diverge(pairs()).model)
    assert model.value == 0
    assert model.interval.low == 0
    assert 0.03 < model.interval.high < 0.05


def test_failed_decisions_are_reported_and_left_out() -> None:
    """One of ten decisions failed: the share is over the nine others."""
    found = diverge(pairs(by_model=alternate(9.0), n=9, failed=1.0, planned=9.0, compared=9.0))
    assert estimated(found.model).value == pytest.approx(0.5)
    assert found.failed_share == pytest.approx(0.1)
    assert found.failed_weight == pytest.approx(100)
    assert found.n == 900


@pytest.mark.parametrize("buckets", [1, 39])
def test_too_few_clusters_give_no_estimate(buckets: int) -> None:
    """Below 40 effective clusters there is a reason and a next step instead of a number."""
    refused = undefined(diverge(pairs(buckets)).model)
    assert refused.reason.startswith(f"too few clusters: {buckets} effective ones, 40 needed")
    assert "user" in refused.next_step
    assert refused.n == buckets * 10


def test_few_heavy_users_are_few_clusters() -> None:
    """A hundred buckets, one of which holds half of the traffic, are not a hundred clusters."""
    heavy = [float(10 * BUCKETS) if b == 0 else 10.0 for b in range(BUCKETS)]
    assert "too few clusters: 4 effective" in undefined(diverge(pairs(compared=heavy)).model).reason


def test_no_decision_is_no_share() -> None:
    """An empty window gives a reason, not 0 %."""
    found = diverge([])
    assert "no shadow decision" in undefined(found.model).reason
    assert found.failed_share is None
    assert found.share("downgrade") is None


def test_models_without_a_tier_are_named() -> None:
    """Two unknown tiers are not equal tiers."""
    found = diverge(pairs(), gaps=Gaps(models_without_tier=("llama", "mystery"), has_plans_without_id=True))
    assert undefined(found.tier).reason == "no tier is known for llama, mystery"
    assert "models.yaml" in undefined(found.tier).next_step
    assert "whole plan" in undefined(found.steps).reason
    estimated(found.model)


def test_matrix_cells_have_a_direction() -> None:
    """Cheaper, dearer, equal price, the same model, and one that the book cannot rank."""
    moves = [("big", "small"), ("small", "big"), ("big", "twin"), ("big", "big"), ("big", "mystery"), ("new", "new")]
    matrix = tuple(MatrixRow(live_model=a, shadow_model=b, n=1, weight=2.0, clean_weight=2.0) for a, b in moves)
    found = diverge(pairs(), matrix=matrix)
    directions = [cell.direction for cell in found.matrix]
    assert directions == ["downgrade", "upgrade", "lateral", "same", "unpriced", "same"]
    assert found.share("same") == pytest.approx(2 / 6)


# Cost


def test_cost_is_relative_to_live() -> None:
    """Half of the buckets cost a fifth: 40 % less, $0.40 per request."""
    found = spend(costs(shadow_usd=alternate(2.0, 10.0), shadow_warm_usd=alternate(1.0, 10.0)))
    assert estimated(found.relative).value == pytest.approx(-0.4)
    assert estimated(found.warm_relative).value == pytest.approx(-0.45)
    assert estimated(found.per_request_usd).value == pytest.approx(-0.4)
    assert estimated(found.per_request_usd).method == "hall over buckets"
    assert (found.live_usd, found.shadow_usd, found.shadow_high_usd) == pytest.approx((1000, 600, 600))
    assert (found.n, found.weight, found.contaminated_share, found.uncosted_share) == (1000, 1000, 0, 0)


def test_the_same_plan_costs_the_same_within_a_bound() -> None:
    """A/A: 0 %, with an interval for what may have gone unseen; rounding of sums is not a difference."""
    found = spend(costs(shadow_usd=[10.0 * (1 + 1e-15 * b) for b in range(BUCKETS)]))
    relative = estimated(found.relative)
    assert relative.value == 0
    assert relative.interval == Interval(-relative.interval.high, relative.interval.high)
    assert 0.03 < relative.interval.high < 0.05
    assert "no bucket differs" in relative.method


def test_a_constant_discount_keeps_a_width() -> None:
    """Every bucket costs exactly half: the buckets do not vary, and the interval still has a width."""
    relative = estimated(spend(costs(shadow_usd=5.0)).relative)
    assert relative.value == pytest.approx(-0.5)
    assert relative.interval.low < -0.52
    assert relative.interval.high > -0.48


def test_unseen_escalations_make_a_range() -> None:
    """A cascade that nobody has seen fail: between never and always, with an interval around both."""
    found = spend(costs(shadow_usd=alternate(2.0, 10.0), unknown_usd=alternate(10.0), unknown_warm_usd=alternate(10.0)))
    relative = found.relative
    assert isinstance(relative, Range)
    assert (relative.low, relative.high) == (pytest.approx(-0.4), pytest.approx(0.1))
    assert relative.interval is not None
    assert relative.interval.low < -0.4
    assert relative.interval.high > 0.1
    assert isinstance(found.per_request_usd, Range)
    assert (found.shadow_usd, found.shadow_high_usd) == pytest.approx((600, 1100))


@pytest.mark.parametrize("side", ["live", "shadow"])
def test_a_model_without_a_price_is_named_and_never_free(side: str) -> None:
    """The measure is undefined, the other side keeps its dollars."""
    rows = costs()
    rows[3][f"{side}_unpriced"] = ["mystery"]
    found = spend(rows)
    assert "no price in book b for mystery" in undefined(found.relative).reason
    assert "price_usd_per_million" in undefined(found.per_request_usd).next_step
    assert found.unpriced == ("mystery",)
    assert (found.live_usd is None, found.shadow_usd is None) == (side == "live", side == "shadow")


def test_no_book_is_said() -> None:
    """Nothing is priced without a price book, and the reason is not a list of every model."""
    rows = costs(live_unpriced=["big"], shadow_unpriced=["small"])
    assert undefined(spend(rows, book="").relative).reason == "no price book is pinned"


def test_requests_without_tokens_are_counted() -> None:
    """A tenth contaminated, and of the rest half without token counts."""
    found = spend(costs(n=4, requests=4.5), left_out=pairs(clean=9.0))
    assert found.contaminated_share == pytest.approx(0.1)
    assert found.uncosted_share == pytest.approx(0.5)
    nothing = spend([])
    assert "no request with known tokens" in undefined(nothing.relative).reason
    assert (nothing.live_usd, nothing.shadow_usd, nothing.uncosted_share) == (None, None, 1.0)


def test_free_models_have_no_relative_cost() -> None:
    """Nothing divided by nothing is not 0 %; per request it is $0 within a bound."""
    found = spend(costs(live_usd=0.0, shadow_usd=0.0, shadow_warm_usd=0.0))
    assert undefined(found.relative).reason == "the live requests cost nothing"


def test_costs_of_few_clusters_are_refused() -> None:
    """Dollars are shown, a change of them is not."""
    found = spend(costs(12), left_out=pairs(12))
    assert "too few clusters: 12" in undefined(found.relative).reason
    assert "too few clusters: 12" in undefined(found.per_request_usd).reason
    assert found.live_usd == pytest.approx(120)


# Escalation


def test_a_fully_seen_cascade_has_a_rate() -> None:
    """Every outcome known: 4 of 8 cascade requests pay twice, 20 % of all."""
    found = escalate(pairs(cascade=8.0, known=8.0, paid_twice=alternate(4.0), possible=alternate(4.0)))
    assert estimated(found.shadow).value == pytest.approx(0.25)
    assert estimated(found.shadow_overall).value == pytest.approx(0.2)
    assert estimated(found.known).value == pytest.approx(0.25)
    assert (found.n_cascade, found.known_share) == (pytest.approx(800), 1.0)


def test_an_unseen_cascade_is_a_range() -> None:
    """Half of the outcomes unseen: from those seen to fail, to those and all unseen."""
    rows = pairs(
        cascade=8.0, known=4.0, paid_twice=alternate(2.0), possible=[4.0 + 2.0 * (b % 2) for b in range(BUCKETS)]
    )
    found = escalate(rows)
    assert isinstance(found.shadow, Range)
    assert (found.shadow.low, found.shadow.high) == (pytest.approx(0.125), pytest.approx(0.625))
    assert "did not answer 400 of 800 cascade requests" in found.shadow.why
    assert isinstance(found.shadow_overall, Range)
    assert estimated(found.known).value == pytest.approx(0.25)
    assert found.known_share == pytest.approx(0.5)


def test_a_cascade_nobody_has_run_is_anything() -> None:
    """Bounds 0 and 1 until its cheap model answers."""
    found = escalate(pairs(cascade=10.0, possible=10.0))
    assert isinstance(found.shadow, Range)
    assert (found.shadow.low, found.shadow.high) == (0, 1)
    assert "no outcome" in undefined(found.known).reason


def test_a_policy_without_escalation_has_no_rate() -> None:
    """Not 0 %: it never tries."""
    found = escalate(pairs())
    assert undefined(found.shadow).reason == "this policy never plans an escalation"
    assert undefined(found.live).reason == "live never plans an escalation"
    assert found.known_share is None


def test_live_escalations_are_of_all_requests() -> None:
    """Comparable with the shadow's overall rate."""
    found = escalate(pairs(), pairs(cascade=5.0, known=5.0, paid_twice=alternate(2.0), possible=alternate(2.0)))
    assert estimated(found.live).value == pytest.approx(0.1)


# Rounding and few clusters


def test_rounding_leaves_nothing_out() -> None:
    """Weights of a sampled shadow are summed in another order on each side; nothing is missing for that."""
    found = spend(costs(requests=10 * (1 - 1e-15)), left_out=pairs(clean=10 * (1 - 1e-15)))
    assert (found.contaminated_share, found.uncosted_share) == (0.0, 0.0)
    escalated = escalate(pairs(cascade=10.0, known=10 * (1 - 1e-15), paid_twice=1.0, possible=1.0))
    assert escalated.known_share == 1.0


def test_tokens_without_a_model_are_said() -> None:
    """Usage that came without the name of the model cannot be priced, and the reason says that it has no name."""
    found = spend(costs(live_unpriced=[""]))
    assert found.unpriced == ("(no model reported)",)
    assert isinstance(found.relative, Undefined)
    assert "for (no model reported)" in found.relative.reason


def test_a_range_of_too_few_clusters_is_refused() -> None:
    """Bounds vary from user to user as points do: a handful of users gives neither."""
    few = 12
    dollars = spend(costs(few, shadow_usd=alternate(2.0, 10.0)[:few], unknown_usd=10.0, unknown_warm_usd=10.0))
    assert isinstance(dollars.relative, Undefined)
    assert isinstance(escalate(pairs(few, cascade=10.0, possible=10.0)).shadow, Undefined)
