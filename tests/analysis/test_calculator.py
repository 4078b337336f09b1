"""The calculator is algebra: worked examples, identities and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.errors import ConfigError
from shadowroute.analysis.calculator import Route, expected
from shadowroute.analysis.calculator_file import load_mix, mix_of

SMALL = Route(name="small", share=0.75, usd=1.0, latency_s=1.0, quality=0.8, escalates=0.25, to="large")
LARGE = Route(name="large", share=0.25, usd=8.0, latency_s=4.0, quality=1.0)


def test_a_worked_mix() -> None:
    """75 % try small for 1 and pay 8 more in a quarter of the cases; 25 % go straight to large. All numbers by hand."""
    made = expected([SMALL, LARGE], requests=1_000, router_usd=0.5, bad_answer_usd=2.0, baseline="large")
    assert made.usd == 0.75 * (1 + 0.25 * 8) + 0.25 * 8 + 0.5 == 4.75
    assert made.latency_s == 0.75 * (1 + 0.25 * 4) + 0.25 * 4 == 2.5
    assert made.quality == pytest.approx(0.75 * (0.75 * 0.8 + 0.25) + 0.25)
    assert made.escalation == 0.75 * 0.25
    assert made.bad_answers == pytest.approx(112.5)
    assert made.risk_usd == pytest.approx(225)
    assert made.total_usd == pytest.approx(4_750 + 225)
    assert made.baseline_usd == 8_000
    assert made.saves == pytest.approx(1 - 4_975 / 8_000)
    assert made.quality_change == pytest.approx(-0.1125)
    assert made.routes[0].break_even == 1 - 1 / 8


def test_at_break_even_nothing_is_saved() -> None:
    """A cascade whose first answer is refused at the break-even rate costs what the second model costs."""
    first = replace(SMALL, share=1.0, escalates=0.875)
    made = expected([first, replace(LARGE, share=0.0)], baseline="large")
    assert made.usd == 8.0
    assert made.saves == 0.0


def test_unknown_stays_unknown() -> None:
    """A route that is used and does not say gives no figure; one that is not used does not matter."""
    silent = replace(LARGE, quality=None, latency_s=None)
    made = expected([SMALL, silent], bad_answer_usd=2.0, baseline="large")
    assert (made.quality, made.latency_s, made.bad_answers, made.risk_usd, made.saves) == (None,) * 5
    assert made.usd == 4.25
    alone = [replace(SMALL, share=1.0, escalates=0.0), replace(silent, share=0.0)]
    assert expected(alone).quality == 0.8


shares = st.floats(0.0, 1.0)
prices = st.floats(0.0, 100.0)


@given(share=shares, rate=shares, cheap=prices, dear=prices, good=shares, better=shares)
def test_a_mix_lies_between_its_parts(  # noqa: PLR0917  # hypothesis gives them by name
    share: float, rate: float, cheap: float, dear: float, good: float, better: float
) -> None:
    """Moving share between routes is linear; quality stays between the worst and the best model."""
    small = Route(name="s", share=share, usd=cheap, quality=good, escalates=rate, to="l")
    large = Route(name="l", share=1 - share, usd=dear, quality=better)
    made = expected([small, large])
    ends = [expected([replace(small, share=s), replace(large, share=1 - s)]).usd for s in (0.0, 1.0)]
    assert made.usd == pytest.approx((1 - share) * ends[0] + share * ends[1], abs=1e-9)
    assert made.quality is not None
    assert min(good, better) - 1e-9 <= made.quality <= max(good, better) + 1e-9


@pytest.mark.parametrize(
    ("routes", "options", "message"),
    [
        ([SMALL, replace(LARGE, share=0.5)], {}, "add up to 100%, got 125%"),
        ([SMALL, SMALL], {}, "own name"),
        ([], {}, "at least one"),
        ([replace(SMALL, to="huge"), LARGE], {}, "must name another route"),
        ([replace(SMALL, to=""), LARGE], {}, "must name the second route"),
        ([replace(SMALL, quality=1.5), LARGE], {}, "quality of route small"),
        ([replace(SMALL, usd=-1.0), LARGE], {}, "at least 0"),
        ([SMALL, LARGE], {"baseline": "huge"}, "baseline must be a route"),
        ([SMALL, LARGE], {"requests": -1.0}, "at least 0"),
    ],
)
def test_what_is_refused(routes: list[Route], options: dict[str, float], message: str) -> None:
    """Every rule names the route and the rule."""
    with pytest.raises(ConfigError, match=message):
        expected(routes, **options)  # type: ignore[arg-type]  # a parameter of the tests


FILE = """requests: 1000
router_usd: 0.5
bad_answer_usd: 2
baseline: large
routes:
  small: {share: 75%, usd: 1, latency_s: 1, quality: 80%, escalates: 25%, to: large}
  large: {share: 25%, usd: 8, latency_s: 4, quality: 100%}
"""


def test_a_file_and_options_say_the_same(tmp_path: Path) -> None:
    """The worked mix, written both ways."""
    file = tmp_path / "routes.yaml"
    file.write_text(FILE)
    wanted = expected([SMALL, LARGE], requests=1_000, router_usd=0.5, bad_answer_usd=2.0, baseline="large")
    options = [
        "small: share=75%, usd=1, latency_s=1, quality=80%, escalates=25%, to=large",
        "large: share=25%, usd=8, latency_s=4, quality=100%",
    ]
    settings = {"requests": 1_000.0, "router_usd": 0.5, "bad_answer_usd": 2.0, "baseline": "large"}
    assert load_mix(file).expected() == wanted == mix_of(options, **settings).expected()


def test_a_bare_share_is_refused(tmp_path: Path) -> None:
    """75 could be 75 % or 7500 %: the sign is required, and the line is named."""
    file = tmp_path / "routes.yaml"
    file.write_text(FILE.replace("share: 75%", "share: 0.75"))
    with pytest.raises(ConfigError, match=r"routes.yaml:6: .*ambiguous"):
        load_mix(file)
    with pytest.raises(ValueError, match="share"):
        mix_of(["small: share=0.75, usd=1"])
    with pytest.raises(ValueError, match="NAME"):
        mix_of(["small"])
