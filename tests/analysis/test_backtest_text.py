"""The backtest's text and JSON say what was measured, what is true, and what cannot be known."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shadowroute.analysis.backtest.result import (
    BacktestDocument,
    CostDocument,
    DiffersDocument,
    EscalationDocument,
    EstimateDocument,
    FrontierDocument,
    LeftOutDocument,
    MeasuredDocument,
    MissDocument,
    PolicyDocument,
    QualityDocument,
    QueriesDocument,
    RandomControlDocument,
    RangeDocument,
    SavingsDocument,
    ShadowDocument,
    SpecialistsDocument,
    TruthDocument,
    UndefinedDocument,
    json_schema,
    measured,
    miss,
)
from shadowroute.analysis.backtest.text import bounds, percent, reading, render
from shadowroute.analysis.results import Estimate, Interval, Range, Undefined
from tests.support.groups import ROOT

PUBLISHED = """
8,478 queries; 14 left out (7 without a live outcome, 7 because of half-flash's outcome: no token counts); 8,464 used. Each query is its own session.

half-flash 9f3c1e000000 against pro-always
                             estimate from the log            truth (outcomes table)           miss
differs (model)              3,704 = 43.8 % (42.7..44.8)      -                                -
cost                         -32.4 % (-33.7..-31.1)           -32.0 %  ($5.550 live)           -0.4 pt   same tokens assumed; the other model writes 38 % more
live quality, downgraded     72.2 % (70.8..73.7)              the shadow scores 61.3 %         not visible in the log
live quality, the rest       68.8 % (67.5..70.1)
quality change, overall      -                                -4.8 pt                          not visible in the log
against a same-spend coin    -                                -2.6 pt (-3.0..-2.1)             not visible in the log
of the possible saving       -                                60.9 % (57.8..63.9)              not visible in the log
gap recovered (PGR)          -                                25.6 % (15.9..35.2)              not visible in the log
Read this: the live answers looked BETTER on the requests to downgrade, yet downgrading them loses 10.9 points there, 4.8 overall. Decisions alone never give SHIP.

Measured, not judged. Prices: book-0123456789ab (prices.yaml). 21.4 s.
Stored as project backtest-0123456789ab in chdb://.shadowroute/store
"""  # noqa: E501 - printed as it is

NO_CASCADE = UndefinedDocument(reason="no cascade", next_step="", n=0)


def estimate(value: float, low: float, high: float, unit: str = "share") -> EstimateDocument:
    return EstimateDocument(
        value=value,
        low=low,
        high=high,
        level=0.95,
        n=8_464,
        clusters=256,
        effective_clusters=250.0,
        unit=unit,
        method="m",
    )


def shadow(**changed: Any) -> ShadowDocument:
    """The half-flash run of the documentation."""
    cost = estimate(-0.324, -0.337, -0.311)
    differs = estimate(0.438, 0.427, 0.448)
    parts: dict[str, Any] = {
        "policy": PolicyDocument(name="half-flash", version="9f3c1e000000"),
        "differs": DiffersDocument(
            model=differs, tier=differs, steps=differs, n=3_704, failed_share=0.0, downgrade_share=0.438
        ),
        "cost": cost_document(cost),
        "escalation": EscalationDocument(shadow=NO_CASCADE, live=NO_CASCADE, known_share=None),
        "live_quality": quality_document(
            estimate(0.722, 0.708, 0.737, "score"), estimate(0.688, 0.675, 0.701, "score")
        ),
        "truth": TruthDocument(
            n=8_464,
            cost_change=-0.320,
            live_usd=5.55,
            shadow_usd=3.77,
            output_ratio=1.38,
            quality_change=-0.048,
            downgraded_n=3_704,
            downgraded_quality_change=-0.109,
            shadow_quality_downgraded=0.613,
            escalation=None,
        ),
        "miss": MissDocument(cost=-0.004, cost_inside=True, escalation=None, escalation_inside=None),
        "specialists": specialists_document(estimate(-0.026, -0.030, -0.021, "score")),
        "caveats": [],
    }
    return ShadowDocument(**{**parts, **changed})


def cost_document(relative: MeasuredDocument) -> CostDocument:
    return CostDocument(
        relative=relative,
        warm_relative=relative,
        per_request_usd=relative,
        live_usd=5.55,
        shadow_usd=3.75,
        shadow_high_usd=3.75,
        unpriced=[],
    )


def specialists_document(advantage: MeasuredDocument, *, warning: str = "") -> SpecialistsDocument:
    return SpecialistsDocument(
        n=8_464,
        random_control=RandomControlDocument(
            model="flash", advantage=advantage, shadow_change=-0.048, control_change=-0.022, moved_share=0.345
        ),
        savings=SavingsDocument(
            share=estimate(0.609, 0.578, 0.639), band="below", warning=warning, bar=0.5, dearest="pro"
        ),
        frontier=FrontierDocument(
            weak="flash",
            strong="pro",
            gap_recovered=estimate(0.256, 0.159, 0.352, "ratio"),
            aiq=estimate(0.66, 0.65, 0.67, "score"),
            points=[],
        ),
    )


def quality_document(downgraded: MeasuredDocument, rest: MeasuredDocument) -> QualityDocument:
    return QualityDocument(signal="score", downgraded=downgraded, same=rest, rest=rest, all=rest, note="")


def document(*shadows: ShadowDocument) -> BacktestDocument:
    return BacktestDocument(
        project="backtest-0123456789ab",
        store="chdb://.shadowroute/store",
        price_book="book-0123456789ab",
        price_source="prices.yaml",
        queries=QueriesDocument(
            queries_file="q.parquet",
            outcomes_file="o.parquet",
            total=8_478,
            used=8_464,
            left_out=[
                LeftOutDocument(policy="pro-always", role="live", reason="no outcome", n=7),
                LeftOutDocument(policy="half-flash", role="shadow", reason="no token counts", n=7),
            ],
            repeated_outcomes=0,
            sessions="each query",
        ),
        live=PolicyDocument(name="pro-always", version="77a0d2000000"),
        shadows=list(shadows),
        seconds=21.4,
    )


def test_the_text_has_estimate_truth_and_miss_side_by_side() -> None:
    """The table reads as the documentation shows it."""
    assert render(document(shadow())) == PUBLISHED.strip()


def test_a_range_and_an_undefined_figure_say_why() -> None:
    """A cascade whose answers nobody saw is a range; an unpriced model leaves no number."""
    why = "its first model never answered live traffic"
    cascade = EscalationDocument(
        shadow=RangeDocument(low=0.0, high=1.0, n=8_464, unit="share", why=why), live=NO_CASCADE, known_share=0.0
    )
    reason = UndefinedDocument(reason="no price for gemini-2", next_step="add it to prices.yaml", n=0)
    text = render(document(shadow(escalation=cascade, cost=cost_document(reason))))
    assert "pays twice (of its cascade)  0.0..100.0 % (range)" in text
    assert f"note: pays twice: {why}" in text
    assert "cost                         undefined" in text
    assert "note: cost: no price for gemini-2; add it to prices.yaml" in text


def test_a_figure_that_the_table_cannot_give_is_a_note_and_no_row() -> None:
    """A refused control says why, without the step for live traffic; a suspicious share says what to check."""
    refused = UndefinedDocument(reason="the shadow may escalate", next_step="draw from all requests", n=0)
    text = render(document(shadow(specialists=specialists_document(refused, warning="check the bar"))))
    assert "note: against a same-spend coin: the shadow may escalate\n" in text
    assert "against a same-spend coin  " not in text
    assert "note: of the possible saving: check the bar" in text
    unscored = shadow().truth.model_copy(update={"quality_change": None})
    assert "coin" not in render(document(shadow(truth=unscored)))


def test_an_exact_figure_has_no_interval() -> None:
    """A shadow that moves every request is its own coin: the advantage is 0 whatever the queries."""
    text = render(document(shadow(specialists=specialists_document(estimate(0.0, 0.0, 0.0, "score")))))
    assert "against a same-spend coin    -                                0.0 pt                  " in text


@pytest.mark.parametrize(
    ("live_gap", "change", "sentence"),
    [
        (0.03, -0.1, "looked BETTER on the requests to downgrade, yet downgrading them loses 10.0 points there"),
        (0.03, 0.1, "looked BETTER on the requests to downgrade, and downgrading them gains 10.0 points there"),
        (-0.03, -0.1, "looked WORSE on the requests to downgrade, and downgrading them loses 10.0 points there"),
        (-0.03, 0.1, "looked WORSE on the requests to downgrade, yet downgrading them gains 10.0 points there"),
        (0.001, -0.1, "looked ALIKE on the requests to downgrade, yet downgrading them loses 10.0 points there"),
    ],
)
def test_the_reading_compares_the_look_with_the_truth(live_gap: float, change: float, sentence: str) -> None:
    """The sentence is made from the figures, whichever way they point."""
    quality = quality_document(estimate(0.7 + live_gap, 0.6, 0.8), estimate(0.7, 0.6, 0.8))
    truth = shadow().truth.model_copy(update={"downgraded_quality_change": change})
    assert sentence in reading(shadow(live_quality=quality, truth=truth))


def test_a_shadow_that_downgrades_nothing_is_read_too() -> None:
    """Two snapshots of one price differ in answers only, which no log shows."""
    truth = shadow().truth.model_copy(update={"downgraded_quality_change": None, "downgraded_n": 0})
    assert reading(shadow(truth=truth)).startswith(
        "no request goes to a cheaper model; following the shadow loses 4.8 points overall"
    )
    control = truth.model_copy(update={"quality_change": 0.0})
    assert "following the shadow changes nothing overall" in reading(shadow(truth=control))
    unscored = shadow().truth.model_copy(update={"quality_change": None})
    assert "nothing is known about quality" in reading(shadow(truth=unscored))


def test_a_cascade_over_everything_is_read_without_a_rest() -> None:
    """Where no request is left to compare with, the sentence says only what following the shadow does."""
    quality = quality_document(estimate(0.7, 0.6, 0.8), UndefinedDocument(reason="no request", next_step="", n=0))
    truth = shadow().truth.model_copy(update={"downgraded_quality_change": 0.08, "quality_change": -0.01})
    assert reading(shadow(live_quality=quality, truth=truth)).startswith(
        "following the shadow gains 8.0 points on the requests to downgrade, but loses 1.0 points overall."
    )


def test_an_interval_never_looks_like_a_point() -> None:
    """Two ends that one digit makes equal are shown with more digits."""
    assert bounds(0.9996, 1.0) == "99.96..100.00"
    assert bounds(0.1, 0.2) == "10.0..20.0"
    assert bounds(-0.1, 0.2, signed=True) == "-10.0..+20.0"


def test_zero_has_no_sign() -> None:
    """A figure that rounds to zero is neither a rise nor a fall."""
    assert [percent(value, signed=True) for value in (0.0, -0.0001, 0.0001, 0.01, -0.01)] == [
        "0.0",
        "0.0",
        "0.0",
        "+1.0",
        "-1.0",
    ]


def test_the_miss_of_a_range_is_the_distance_to_its_nearer_end() -> None:
    """A range that contains the truth misses nothing; what is unknown has no miss."""
    bounds = Range(low=0.1, high=0.3, n=1, unit="share", why="")
    assert miss(bounds, 0.2) == (0.0, True)
    assert miss(bounds, 0.4) == (pytest.approx(-0.1), False)
    point = Estimate(
        value=0.2, interval=Interval(0.1, 0.3), n=1, clusters=1, effective_clusters=1.0, unit="share", method="m"
    )
    assert miss(point, 0.25) == (pytest.approx(-0.05), True)
    assert miss(Undefined(reason="no price"), 0.2) == (None, None)
    assert miss(point, None) == (None, None)


def test_every_kind_of_measure_survives_the_document() -> None:
    """What the analysis answers stands in the JSON, with its kind."""
    point = Estimate(
        value=0.2, interval=Interval(0.1, 0.3), n=5, clusters=4, effective_clusters=3.0, unit="share", method="m"
    )
    document = measured(point)
    assert isinstance(document, EstimateDocument)
    assert document.model_dump() == {
        "kind": "estimate",
        "value": 0.2,
        "low": 0.1,
        "high": 0.3,
        "level": 0.95,
        "n": 5,
        "clusters": 4,
        "effective_clusters": 3.0,
        "unit": "share",
        "method": "m",
    }
    assert isinstance(measured(Undefined(reason="r", next_step="s", n=2)), UndefinedDocument)
    assert isinstance(measured(Range(low=0.0, high=1.0, n=1, unit="share", why="w")), RangeDocument)


def test_the_json_satisfies_the_published_schema() -> None:
    """The schema in the documentation is the code's, and a real document satisfies it."""
    published = json.loads((ROOT / "docs/reference/backtest.schema.json").read_text())
    assert published == json_schema()
    Draft202012Validator.check_schema(published)
    written = json.loads(document(shadow()).to_json())
    assert written["schema"] == "shadowroute/backtest/1"
    Draft202012Validator(published).validate(written)
    assert BacktestDocument.model_validate(written) == document(shadow())
