"""Expected cost, time and errors of a mix of routes: plain algebra over route shares.

Nothing is measured here: shares, prices and qualities come from the user, and unknown ones stay unknown. It
answers "what if 80 % went to the small model and 8 % of that came back?" before there is anything to measure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shadow.errors import ConfigError

_SUM = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route of requests.

    Attributes:
        name: unique among the routes.
        share: of all requests that start here, 0 to 1.
        usd: cost of one answer of this route's own model, without an escalation.
        latency_s: mean time of one answer; None = unknown.
        quality: share of good answers among those that this route's own model gives and that are not escalated, 0 to
            1; None = unknown.
        escalates: share of its requests whose first answer is refused, 0 to 1.
        to: route whose model answers those; empty if it never escalates.
    """

    name: str
    share: float
    usd: float
    latency_s: float | None = None
    quality: float | None = None
    escalates: float = 0.0
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteResult:
    """Expected cost (USD) and time (s) of one request of a route, escalations included; None = unknown.

    Attributes:
        break_even: escalation rate above which going straight to the second model is cheaper; None without one.
    """

    name: str
    share: float
    usd: float
    latency_s: float | None
    quality: float | None
    escalates: float
    break_even: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A mix of routes.

    Attributes:
        usd: per request, the router's own cost included.
        latency_s: mean per request. quality: share of good answers. Both None if unknown for a used route.
        escalation: share of all requests that pay twice.
        bad_answers: expected bad answers among the requests; None if quality is unknown.
        risk_usd: their price; None if either is unknown.
        total_usd: of all requests: answers, router and, where known, bad answers.
        baseline_usd: the same requests, all sent to the baseline route without a router; None without a baseline.
        saves: share of the baseline's cost; None without one or where it costs nothing.
        quality_change: quality minus the baseline's; None if either is unknown.
    """

    routes: tuple[RouteResult, ...]
    requests: float
    usd: float
    latency_s: float | None
    quality: float | None
    escalation: float
    bad_answers: float | None
    risk_usd: float | None
    total_usd: float
    baseline_usd: float | None
    saves: float | None
    quality_change: float | None


def expected(
    routes: Sequence[Route],
    *,
    requests: float = 1.0,
    router_usd: float = 0.0,
    bad_answer_usd: float | None = None,
    baseline: str = "",
) -> Expected:
    """The expected cost, time, quality, escalation and risk of a mix of routes.

    Per route: cost c + e c2, time l + e l2, quality (1 - e) q + e q2, with e the share that escalates and 2 the model
    that then answers. Over routes: sums weighted by share.

    Args:
        routes: shares must add up to 1.
        requests: number of requests for the totals, for example of a month.
        router_usd: cost of one routing decision.
        bad_answer_usd: later cost of a bad answer: a retry, a support case, a lost user. None = not priced.
        baseline: route of all requests without a router; empty for none.

    Raises:
        ConfigError: a share or rate lies outside 0 to 1, shares do not add up to 1, a name is unknown or used twice,
            or an amount is negative.
    """
    by_name = _checked(routes, baseline, (requests, router_usd, bad_answer_usd or 0.0))
    results = tuple(_result(route, by_name) for route in routes)
    usd = sum(result.share * result.usd for result in results) + router_usd
    quality = _mean(results, lambda result: result.quality)
    bad = None if quality is None else (1 - quality) * requests
    risk = None if bad is None or bad_answer_usd is None else bad * bad_answer_usd
    total = usd * requests + (risk or 0.0)
    base = by_name.get(baseline)
    base_usd = None if base is None else _baseline_usd(base, requests, bad_answer_usd)
    return Expected(
        routes=results,
        requests=requests,
        usd=usd,
        latency_s=_mean(results, lambda result: result.latency_s),
        quality=quality,
        escalation=sum(result.share * result.escalates for result in results),
        bad_answers=bad,
        risk_usd=risk,
        total_usd=total,
        baseline_usd=base_usd,
        saves=None if not base_usd or (risk is None and bad_answer_usd is not None) else 1 - total / base_usd,
        quality_change=None if quality is None or base is None or base.quality is None else quality - base.quality,
    )


def _baseline_usd(base: Route, requests: float, bad_answer_usd: float | None) -> float | None:
    """The baseline's model answers every request once; None if its bad answers are priced but not known."""
    if bad_answer_usd is None:
        return base.usd * requests
    return None if base.quality is None else (base.usd + (1 - base.quality) * bad_answer_usd) * requests


def _result(route: Route, by_name: dict[str, Route]) -> RouteResult:
    second = by_name.get(route.to)
    rate = route.escalates
    if second is None:
        return RouteResult(
            name=route.name,
            share=route.share,
            usd=route.usd,
            latency_s=route.latency_s,
            quality=route.quality,
            escalates=0.0,
            break_even=None,
        )
    return RouteResult(
        name=route.name,
        share=route.share,
        usd=route.usd + rate * second.usd,
        latency_s=_combined(route.latency_s, second.latency_s, 1.0, rate),
        quality=_combined(route.quality, second.quality, 1 - rate, rate),
        escalates=rate,
        break_even=1 - route.usd / second.usd if second.usd else None,
    )


def _combined(first: float | None, second: float | None, weight: float, rate: float) -> float | None:
    """Weight x first + rate x second; what has no weight may be unknown."""
    if (first is None and weight) or (second is None and rate):
        return None
    return weight * (first or 0.0) + rate * (second or 0.0)


def _mean(results: Sequence[RouteResult], value: Callable[[RouteResult], float | None]) -> float | None:
    total = 0.0
    for result in results:
        found = value(result)
        if found is None and result.share:
            return None
        total += result.share * (found or 0.0)
    return total


def _checked(routes: Sequence[Route], baseline: str, amounts: Sequence[float]) -> dict[str, Route]:
    by_name = {route.name: route for route in routes}
    if len(by_name) != len(routes) or not routes:
        raise ConfigError(f"routes must be at least one, each with its own name, got {[r.name for r in routes]}")
    names = ", ".join(by_name)
    for route in routes:
        _check_route(route, by_name)
    if baseline and baseline not in by_name:
        raise ConfigError(f"baseline must be a route ({names}), got {baseline!r}")
    if min(amounts) < 0:
        raise ConfigError(f"requests and prices must be at least 0, got {min(amounts)!r}")
    total = sum(route.share for route in routes)
    if abs(total - 1) > _SUM:
        raise ConfigError(f"shares must add up to 100%, got {total * 100:g}%; correct one of {names}")
    return by_name


def _check_route(route: Route, by_name: dict[str, Route]) -> None:
    names = ", ".join(by_name)
    for what, value in (("share", route.share), ("escalates", route.escalates), ("quality", route.quality)):
        if value is not None and not 0 <= value <= 1:
            raise ConfigError(f"{what} of route {route.name} must be 0% to 100%, got {value * 100:g}%")
    if route.usd < 0 or (route.latency_s or 0.0) < 0:
        raise ConfigError(f"usd and latency_s of route {route.name} must be at least 0")
    if route.to and (route.to not in by_name or route.to == route.name):
        raise ConfigError(f"to of route {route.name} must name another route ({names}), got {route.to!r}")
    if route.escalates and not route.to:
        raise ConfigError(f"route {route.name} escalates, so it must name the second route: to: NAME (one of {names})")
