"""Cost: the shadow's predicted cost, line by line, at other prices, and its double payments."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from shadowroute.analysis.cost_cube import UNNAMED
from shadowroute.analysis.format import counted, headline, interval, percent, plain, times, usd
from shadowroute.analysis.measures.break_even import EscalationBreakEven
from shadowroute.analysis.measures.cost import CostDelta
from shadowroute.analysis.measures.escalation import Escalation
from shadowroute.analysis.measures.executed import Executed
from shadowroute.analysis.measures.stress import Stress
from shadowroute.analysis.results import Undefined
from shadowroute.analysis.selection import MONTH_DAYS, PolicyRef
from shadowroute.app import charts, data, empty, filters, parts
from shadowroute.app.packet.money_sections import (
    concentration_section,
    escalation_section,
    ledger_section,
    stress_section,
)
from shadowroute.app.packet.section import Figure


def render() -> None:
    """The page."""
    scope = filters.current()
    policy = scope.policy
    if policy is None:
        empty.no_shadow(scope.window)
        return
    head = st.container()
    book = _book(scope.project)
    report = data.policy(scope.project, scope.window, policy, scope.slice, book=book)
    money = data.dollars(scope.project, scope.window, policy, scope.slice, book)
    cost = report.overall.cost
    with head:
        parts.page_head("What would it have cost?", report)
    _figures(cost, money.executed)
    month = a_month(cost, data.days_with_requests(scope.project, scope.window).days)
    if month:
        parts.caption(month)
    _left_out(cost)
    parts.section(ledger_section(money.ledger), name=f"ledger-{policy.name}", level=3)
    _what_if(scope, policy, book, money)
    _escalation(report.overall.escalation, money.escalation)
    _by_day(scope, policy, book)
    parts.by_segment(
        scope,
        policy,
        lambda part: part.cost.relative,
        title="change of cost, %",
        name=f"cost-{policy.name}",
        signed=True,
        book=book,
    )
    _spend(cost, policy)
    parts.section(concentration_section(money.concentration), name=f"concentration-{policy.name}", level=3)


def _book(project: str) -> str:
    """The price book of this page: the project's, or another one of the store that the reader wants to see."""
    used, books = data.book(project), data.books()
    if len(books) < 2 or used not in books:
        return used
    return filters.choice(st, "price", books, label="Prices", default=used)


def _figures(cost: CostDelta, ran: Executed) -> None:
    parts.figures(
        [
            Figure(
                label="Change against live",
                measured=cost.relative,
                meaning="What it would have cost on the same requests, at the tokens that live used, against what live"
                " did cost. Cached tokens are those that its own calls would have left in the caches.",
                signed=True,
            ),
            Figure(
                label="The same, caches full or empty",
                measured=cost.cache_range,
                meaning="From all read that its own calls may have left in the caches to nothing read. What live was"
                " billed after the same last turn stays.",
                signed=True,
            ),
            Figure(
                label="Change per 1,000 requests",
                measured=times(cost.per_request_usd, 1000),
                meaning="The same in dollars.",
                scale="usd",
                signed=True,
            ),
            *(
                [
                    Figure(
                        label="Corrected by executed answers",
                        measured=ran.cost_change,
                        meaning="The prediction, corrected by the real cost of the executed answers.",
                        signed=True,
                    )
                ]
                if ran.n
                else []
            ),
        ]
    )


def a_month(cost: CostDelta, days: int) -> str:
    """The change in dollars a month at the traffic of the window; empty where it is unknown.

    Args:
        cost: of the window.
        days: that the requests were spread over.
    """
    change = times(cost.per_request_usd, cost.weight / days * MONTH_DAYS)
    if isinstance(change, Undefined):
        return ""
    bounds = interval(change, "usd", signed=True)
    return (
        f"At the traffic of these days: {headline(change, 'usd', signed=True)} a month"
        + (f" ({bounds}). " if bounds else ". ")
        + "The lines below show the assumed length of the other models' answers."
    )


def _left_out(cost: CostDelta) -> None:
    """The parts outside the figure; a model without a price is never counted as free."""
    if cost.unpriced and not cost.book:
        st.error("No price book is pinned, so no model has a price. Start `shadowroute up --prices models.yaml`.")
    elif cost.unpriced:
        st.error(
            f"No price in book {cost.book} for {', '.join(cost.unpriced)}. Requests that need one are"
            " counted, never priced as 0. Add them to models.yaml and start `shadowroute up --prices models.yaml`:",
            icon=":material/sell:",
        )
        st.code(price_lines(cost.unpriced), language="yaml")
    notes = [counted(cost.n, "request is priced", "requests are priced")]
    if cost.contaminated_share:
        notes.append(f"{percent(cost.contaminated_share)} were served by a fallback, a cache or a pin and are left out")
    if cost.uncosted_share:
        notes.append(f"{percent(cost.uncosted_share)} reported no tokens, or have no list price, and are left out")
    parts.caption("; ".join([*notes, f"prices: {cost.book or 'not pinned'}"]) + ".")


def price_lines(models: tuple[str, ...]) -> str:
    """Lines for models.yaml, without the prices."""
    price = "{price_usd_per_million: {input: ..., cached_input: ..., output: ...}}"
    return "\n".join(["models:", *(f'  "{model}": {price}' for model in models if model != UNNAMED)])


def _spend(cost: CostDelta, policy: PolicyRef) -> None:
    st.subheader("Spend in these days", anchor=False)
    rows = [("live, paid", _dollars(cost.live_usd)), (f"{policy.name}, predicted", _dollars(cost.shadow_usd))]
    if cost.shadow_high_usd != cost.shadow_usd:
        rows.append((f"{policy.name}, if every unseen escalation happens", _dollars(cost.shadow_high_usd)))
    parts.table(("on the same requests", "USD"), rows, name=f"spend-{policy.name}")


def _dollars(amount: float | None) -> str:
    return "unknown" if amount is None else usd(amount)


def _what_if(scope: filters.Scope, policy: PolicyRef, book: str, money: data.Money) -> None:
    """Two sliders on top of the table of fixed cases."""
    models = list(dict.fromkeys(point.what for point in money.stress if point.what != "length"))
    section = stress_section(money.stress, money.gone_at)
    if not models or not any(charts.is_drawn(point.relative) for point in money.stress):
        return
    st.subheader(section.title, anchor=False)
    which, price, length = st.columns([2, 3, 3], vertical_alignment="bottom")
    model = which.selectbox("Model", models, key="stress-model")
    dearer = price.slider("Its prices change by", -90, 400, 0, step=10, format="%+d %%", key="stress-price")
    longer = length.slider("Its answers are longer by", -50, 200, 0, step=5, format="%+d %%", key="stress-length")
    stress = Stress(prices={str(model): 1 + dearer / 100}, length=1 + longer / 100)
    relative = data.what_if(scope.project, scope.window, policy, scope.slice, book=book, stress=stress)
    parts.figures(
        [
            Figure(
                label="Cost against live, then",
                measured=relative,
                meaning="At these prices and lengths; lengths are those of answers of models that live did not name.",
                signed=True,
            )
        ]
    )
    parts.caption(plain(" ".join(section.text)))
    with st.expander("Table of fixed cases"):
        parts.section(replace(section, title="", text=()), name=f"stress-{policy.name}", level=0)


def _escalation(escalation: Escalation, even: EscalationBreakEven) -> None:
    """Double payments, measured and at break-even; only for a policy that can escalate."""
    if not escalation.n_cascade:
        return
    st.subheader("How often does it pay twice?", anchor=False)
    live = Figure(
        label="Live, for comparison",
        measured=escalation.live,
        meaning="Share of all requests on which the live policy paid a second model.",
    )
    parts.figures(
        [
            Figure(
                label="Of all requests",
                measured=escalation.shadow_overall,
                meaning="The cheap answer fails its check and a second model is paid.",
            ),
            Figure(
                label="Of its cascades",
                measured=escalation.shadow,
                meaning="Of the requests where it tries a cheaper model first.",
            ),
            *([] if isinstance(escalation.live, Undefined) else [live]),
        ]
    )
    if escalation.known_share is not None and escalation.known_share < 1:
        st.caption(
            f"The check could be run on {percent(escalation.known_share)} of its cascades: only where the model that"
            " answered is the one it would have tried first."
        )
    if not isinstance(even.rate, Undefined):
        parts.section(replace(escalation_section(even), title=""), name="paid-twice", level=0)


def _by_day(scope: filters.Scope, policy: PolicyRef, book: str) -> None:
    if scope.window.days < 2:
        return
    days = {
        day: cost for day, (_, cost) in data.by_day(scope.project, scope.window, policy, scope.slice, book=book).items()
    }
    if not any(charts.is_drawn(cost) for cost in days.values()):
        return
    st.subheader("Is it stable?", anchor=False)
    chart = charts.by_day(days, title="change of cost, %", signed=True)
    st.altair_chart(chart, alt="Change of cost per day, with its 95 % band")


render()
