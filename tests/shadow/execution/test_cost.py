"""Cost budgets of user tiers: what is refused, what is cut, and what earlier attempts leave."""

from __future__ import annotations

from typing import Any

import pytest

from shadow.domain.outcome import Answer, Usage
from shadow.domain.policy import Decision, Step, StepKind
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import UnservedError
from shadow.execution import Dispatch, Execution, ExecutionSettings, Terms, TierBudget, run
from shadow.execution.cost_limits import limited
from shadow.prices.billing import Billing
from shadow.prices.catalogue import Catalogue, Model
from shadow.prices.registry import Price


def model(name: str, dollars: float, **fields: Any) -> Model:
    """A model that costs so many dollars per million tokens, and twice that for its answers."""
    price = Price(
        input_usd_per_mtok=dollars,
        cache_read_usd_per_mtok=dollars,
        cache_write_usd_per_mtok=dollars,
        output_usd_per_mtok=2 * dollars,
    )
    return Model(name=name, provider="p", price=price, **fields)


CATALOGUE = Catalogue(
    [model("cheap", 1.0), model("dear", 10.0), Model(name="unpriced"), model("short", 10.0, output_tokens=10)]
)
BILLING = Billing(CATALOGUE)


class Judges:
    """A cascade that refuses `bad`."""

    name = "judges"
    version = "1"

    def decide(self, request: Request, snapshot: Snapshot) -> Decision:
        raise AssertionError

    def accepts(self, request: Request, decision: Decision, step: Step, answer: Answer) -> str:
        return "not_bad" if answer.text == "bad" else ""


def execution(*steps: tuple[StepKind, str], budget: TierBudget, max_output_tokens: int | None = None) -> Execution:
    """A request of 1,000 tokens."""
    plan = tuple(Step(kind=kind, model=name) for kind, name in steps)
    return Execution(
        policy=Judges(),
        request=Request(
            request_id="r", time_us=1, user_tier="free", input_tokens=1000, max_output_tokens=max_output_tokens
        ),
        decision=Decision(policy="judges", version="1", steps=plan),
        catalogue=CATALOGUE,
        terms=Terms.of(ExecutionSettings(tiers={"free": budget})),
        billing=BILLING,
    )


def asked(course: Execution, *answers: Answer) -> list[tuple[str, int | None]]:
    """The models that are dispatched to, each with the limit that its answer gets."""
    planned: list[tuple[str, int | None]] = []
    left = list(answers)

    def dispatch(what: Dispatch) -> Answer:
        planned.append((what.model, what.output_tokens))
        return left.pop(0)

    run(course, dispatch, lambda: 0.0)
    return planned


GOOD = Answer(text="good", usage=Usage(input_tokens=1000, output_tokens=100))


def test_a_step_that_is_expected_to_cost_more_is_passed_over() -> None:
    """Prompt and expected answer of the dear model are 0.02 $, of the cheap one 0.002 $; its peer serves."""
    course = execution(("primary", "dear"), ("fallback", "cheap"), budget=TierBudget(cost_usd=0.01))
    assert asked(course, GOOD) == [("cheap", None)]
    assert course.outcome().contamination == ("fallback",)


@pytest.mark.parametrize("name", ["dear", "unpriced"])
def test_a_request_that_no_step_can_serve_within_the_budget_is_rejected(name: str) -> None:
    """Nothing is dispatched; a model without a price cannot be shown to fit."""
    course = execution(("primary", name), budget=TierBudget(cost_usd=0.01))
    with pytest.raises(UnservedError, match=f"{name}: cost_budget") as caught:
        asked(course)
    assert (caught.value.status, course.outcome().error_type) == (402, "cost_budget")


def test_expected_answers_are_as_long_as_the_catalogue_or_the_caller_says() -> None:
    """10 tokens, at 10 $ for a million of the prompt: 0.0102 $."""
    assert asked(execution(("primary", "short"), budget=TierBudget(cost_usd=0.0103)), GOOD) == [("short", None)]
    limited_course = execution(("primary", "dear"), budget=TierBudget(cost_usd=0.0103), max_output_tokens=10)
    assert asked(limited_course, GOOD) == [("dear", None)]
    with pytest.raises(UnservedError):
        asked(execution(("primary", "short"), budget=TierBudget(cost_usd=0.0101)))


def test_answers_are_cut_where_the_tier_says_so() -> None:
    """What is left after the prompt pays for 100 tokens; a smaller limit of the caller's stays."""
    truncates = TierBudget(cost_usd=0.012, over_cost="truncate")
    course = execution(("primary", "dear"), budget=truncates)
    assert asked(course, Answer(text="cut", usage=Usage(input_tokens=1000, output_tokens=100))) == [("dear", 100)]
    assert course.outcome().contamination == ("rewritten",)
    course = execution(("primary", "dear"), budget=truncates)
    assert asked(course, Answer(text="short", usage=Usage(input_tokens=1000, output_tokens=99))) == [("dear", 100)]
    assert course.outcome().contamination == ()
    assert asked(execution(("primary", "dear"), budget=truncates, max_output_tokens=50), GOOD) == [("dear", None)]
    with pytest.raises(UnservedError):
        asked(execution(("primary", "dear"), budget=TierBudget(cost_usd=0.01, over_cost="truncate")))


@pytest.mark.parametrize(
    ("bad", "left"),
    [
        (Answer(text="bad", usage=Usage(input_tokens=1000, output_tokens=500)), 400),
        (Answer(text="bad", cost_usd=0.01), 0),
        (Answer(text="bad"), 400),
    ],
    ids=["tokens", "reported", "nothing told"],
)
def test_what_a_refused_answer_cost_is_gone(bad: Answer, left: int) -> None:
    """Both answers of a cascade are paid from one budget; what nobody tells counts as what was expected."""
    course = execution(
        ("primary", "cheap"), ("escalation", "dear"), budget=TierBudget(cost_usd=0.02, over_cost="truncate")
    )
    if not left:
        with pytest.raises(UnservedError, match="dear: cost_budget"):
            asked(course, bad)
        return
    assert asked(course, bad, GOOD) == [("cheap", 9500), ("dear", left)]


def test_the_limit_goes_under_the_name_that_the_caller_or_the_provider_uses() -> None:
    """OpenAI's newer models refuse the older name; most other servers know nothing else."""
    openai, other = Model(name="m", provider="openai"), Model(name="m", provider="x")
    assert limited({}, openai, 7) == {"max_completion_tokens": 7}
    assert limited({}, other, 7) == {"max_tokens": 7}
    assert limited({"max_tokens": 9}, openai, 7) == {"max_tokens": 7}
    assert limited({"max_completion_tokens": 9, "seed": 1}, other, 7) == {"max_completion_tokens": 7, "seed": 1}
