"""What validators say about real answers, against what those answers are worth. docs/reference/validators.md has it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from statistics import mean, stdev
from typing import Any

import pyarrow.parquet as pq
import pytest

from shadow.domain.outcome import Answer, Usage
from shadow.domain.request import Request
from shadow.domain.snapshot import STATELESS
from shadow.execution import Execution, run
from shadow.policies.cascade import Cascade, Stage
from shadow.policies.composed import Composed
from shadow.policies.validators import (
    Case,
    JsonSchema,
    Length,
    Matches,
    NotHedging,
    NotMatches,
    NotRefusal,
    Validator,
)
from shadow.prices.catalogue import Catalogue
from tests.support.groups import ROOT, need_data

pytestmark = pytest.mark.data

MINI, HAIKU, STRONG = "gpt-4o-mini-2024-07-18", "claude-3-haiku-20240307", "gpt-4o-2024-08-06"
SCHEMA = {"type": "object", "required": ["reasoning", "answer"]}
ROWS: dict[str, Validator] = {
    "`not_refusal`, `not_hedging`": NotRefusal(),
    "`json_schema`, fenced": JsonSchema(SCHEMA, label="answer.json", fenced=True),
    "`matches`: a number as answer": Matches(r'"answer": *"?\$?-?[\d,]+(?:\.\d+)?"?'),
    "`matches`: a bare number as answer": Matches(r'"answer": "\d[\d,]*(?:\.\d+)?"\s*\}'),
    "`length` at most 900 characters": Length(at_most=900),
    "`length` at most 250 tokens": Length(at_most=250, unit="tokens"),
    "`not_matches`: however, wait": NotMatches(r"(?i)\b(?:however|wait)\b"),
}


@dataclass(frozen=True)
class Recorded:
    """One recorded answer and whether it was right."""

    query_id: str
    answer: Answer
    is_right: bool


@cache
def recorded() -> dict[str, dict[str, Recorded]]:
    """Answers by model and query."""
    responses, outcome_file = need_data("responses_zeroeval_gsm.parquet", "outcomes_zeroeval.parquet")
    rows: list[dict[str, Any]] = pq.read_table(outcome_file).to_pylist()
    outcomes = {(row["query_id"], row["model"]): row for row in rows}
    found: dict[str, dict[str, Recorded]] = {}
    for row in pq.read_table(responses).to_pylist():
        outcome = outcomes[row["query_id"], row["model"]]
        answer = Answer(
            text=row["response"],
            model=row["model"],
            usage=Usage(input_tokens=outcome["input_tokens"], output_tokens=outcome["output_tokens"]),
            cost_usd=outcome["cost_usd"],
            score=outcome["score"],
            latency_s=0.0,
        )
        each = Recorded(row["query_id"], answer, bool(outcome["correct"]))
        found.setdefault(row["model"], {})[row["query_id"]] = each
    return found


def share(answers: list[Recorded]) -> str:
    return f"{sum(each.is_right for each in answers) / len(answers):.1%}" if answers else "-"


def line(label: str, validator: Validator) -> str:
    """One line of the table in the documentation: refused, right among accepted, right among refused, per model."""
    cells = []
    for model in (MINI, HAIKU, STRONG):
        accepted: list[Recorded] = []
        refused: list[Recorded] = []
        for each in recorded()[model].values():
            case = Case(Request(request_id=each.query_id, time_us=0), each.answer)
            (accepted if validator.accepts(case) else refused).append(each)
        cells.append(f"{len(refused)}: {share(accepted)} / {share(refused)}")
    return f"| {label} | {' | '.join(cells)} |"


@pytest.mark.parametrize("label", ROWS)
def test_the_documentation_says_how_far_a_validator_can_be_trusted(label: str) -> None:
    """Its table is what the validators say about the recorded answers."""
    assert line(label, ROWS[label]) in (ROOT / "docs/reference/validators.md").read_text()


def test_no_hedges_where_there_are_no_refusals() -> None:
    """The first line of the table stands for both."""
    assert line("x", NotHedging()) == line("x", NotRefusal())


@dataclass(frozen=True)
class Served:
    """What a cascade served for every query, beside both models alone."""

    cost_usd: list[float]
    right: list[int]
    escalated: list[bool]


def served(*validators: Validator) -> Served:
    """The small model first, then the strong one, run by the executor over the recorded answers."""
    stages = [Stage(model=MINI, accept_if=tuple(each.name for each in validators)), Stage(model=STRONG)]
    policy = Composed(name="cascade", version="1", chooser=Cascade(stages), validators=validators)
    made = Served([], [], [])
    for query_id in recorded()[MINI]:
        request = Request(request_id=query_id, time_us=0)
        course = Execution(
            policy=policy, request=request, decision=policy.decide(request, STATELESS), catalogue=Catalogue([])
        )
        answer = run(course, lambda planned, at=query_id: recorded()[planned.model][at].answer, lambda: 0.0)  # type: ignore[misc]
        outcome = course.outcome()
        assert outcome.cost_usd is not None
        made.cost_usd.append(outcome.cost_usd)
        made.right.append(recorded()[answer.model][query_id].is_right)
        made.escalated.append(bool(outcome.escalated))
    return made


def row(label: str, labels: list[str]) -> str:
    """One line of the second table; the last column is the gain over lots in points with its 95 % interval.

    Lots serve the strong model alone with the chance that costs as much on average. Query by query the gain is what
    the cascade served minus what lots serve on average; the interval is of its mean.
    """
    made = served(*(ROWS[each] for each in labels))
    small, strong = (list(recorded()[model].values()) for model in (MINI, STRONG))
    low_usd, high_usd = (mean([each.answer.cost_usd or 0.0 for each in side]) for side in (small, strong))
    chance = (mean(made.cost_usd) - low_usd) / (high_usd - low_usd)
    lots = [(1 - chance) * a.is_right + chance * b.is_right for a, b in zip(small, strong, strict=True)]
    gains = [100 * (right - other) for right, other in zip(made.right, lots, strict=True)]
    gain, half = mean(gains), 1.96 * stdev(gains) / len(gains) ** 0.5
    return (
        f"| {label} | {mean(made.escalated):.1%} | {mean(made.cost_usd) / high_usd:.1%} | {mean(made.right):.2%} "
        f"| {mean(lots):.2%} | {gain:+.2f} ({gain - half:+.2f} to {gain + half:+.2f}) |"
    )


@pytest.mark.parametrize(
    ("label", "labels"),
    [
        ("a number as answer", ["`matches`: a number as answer"]),
        (
            "a bare number, at most 900 characters",
            ["`matches`: a bare number as answer", "`length` at most 900 characters"],
        ),
        ("a bare number, at most 250 tokens", ["`matches`: a bare number as answer", "`length` at most 250 tokens"]),
    ],
)
def test_the_documentation_says_what_a_cascade_of_them_is_worth(label: str, labels: list[str]) -> None:
    """Against lots between both models at the same cost, with the interval of the difference."""
    assert row(label, labels) in (ROOT / "docs/reference/validators.md").read_text()
