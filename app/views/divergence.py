"""Divergence: the other models of requests, its stability, its segments, and the predicted times."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from shadowroute.analysis.format import counted, headline, interval, percent
from shadowroute.analysis.measures.divergence import Divergence
from shadowroute.analysis.measures.latency import Latency
from shadowroute.analysis.report import PolicyReport
from shadowroute.analysis.selection import PolicyRef
from shadowroute.app import charts, data, empty, filters, parts
from shadowroute.app.packet.measure_sections import ABOVE_FLOOR, latency_section
from shadowroute.app.packet.section import Figure
from shadowroute.app.tables import Cell

_DIRECTIONS = {
    "downgrade": "to a cheaper model",
    "upgrade": "to a dearer model",
    "lateral": "to an equally priced model",
    "same": "same model",
    "unpriced": "price unknown",
}


def render() -> None:
    """The page."""
    scope = filters.current()
    policy = scope.policy
    if policy is None:
        empty.no_shadow(scope.window)
        return
    report = data.policy(scope.project, scope.window, policy, scope.slice)
    divergence = report.overall.divergence
    parts.page_head("How often would it choose differently?", report)
    _figures(divergence)
    _notes(report)
    _flows(divergence, policy)
    _by_day(scope, policy)
    parts.by_segment(
        scope,
        policy,
        lambda part: part.divergence.model,
        title="% of requests with another model",
        name=f"divergence-{policy.name}",
    )
    _latency(data.latency(scope.project, scope.window, policy, scope.slice), policy)


def _latency(latency: Latency, policy: PolicyRef) -> None:
    st.subheader("How long would people wait?", anchor=False)
    predicted = Figure(
        label="Predicted change of the p95",
        measured=latency.p95_delta_s,
        meaning="Additional (or fewer) seconds of the slowest 5 % of answers, on the same requests.",
        scale="seconds",
        signed=True,
    )
    parts.figures([predicted])
    parts.section(latency_section(latency), name=f"latency-{policy.name}", level=5)


def _figures(divergence: Divergence) -> None:
    parts.figures(
        [
            Figure(
                label="Another model",
                measured=divergence.model,
                meaning="Share of requests where the primary model differs.",
            ),
            Figure(
                label="Another tier",
                measured=divergence.tier,
                meaning="Share of requests where the primary model is of another class: small, medium, large.",
            ),
            Figure(
                label="Another plan",
                measured=divergence.steps,
                meaning="Share of requests where anything differs, fallbacks and escalations included.",
            ),
        ]
    )


def _notes(report: PolicyReport) -> None:
    divergence = report.overall.divergence
    directions = [
        f"{percent(share)} {_DIRECTIONS[direction]}"
        for direction in ("downgrade", "upgrade", "lateral", "unpriced")
        if (share := divergence.share(direction))
    ]
    if directions:
        st.caption("Of all compared requests: " + ", ".join(directions) + ".")
    elif divergence.n and not report.is_control:
        st.info(
            f"It never named another model in {counted(divergence.n, 'request')}. Is it the same rule set as live?",
            icon=":material/info:",
        )
    if report.excess is not None:
        bounds = interval(report.excess, "points", signed=True)
        floor = headline(report.excess, "points", signed=True)
        st.caption(f"{ABOVE_FLOOR}: {floor}" + (f" ({bounds})." if bounds else "."))
    st.caption(report.floor)
    parts.caveats(caveat for caveat in report.caveats if caveat.code in {"failed", "incomplete", "few_clusters"})


def _flows(divergence: Divergence, policy: PolicyRef) -> None:
    st.subheader("Where would requests go instead?", anchor=False)
    cells = divergence.matrix
    if cells:
        models = max(len({cell.live_model for cell in cells}), len({cell.shadow_model for cell in cells}))
        st.echarts_chart(
            charts.flows(cells),
            height=70 * models + 60,
            alt="Requests from the model that live names to the one that the shadow names; the table has the numbers",
        )
    header = ("live names", "shadow names", "direction", "requests", "share")
    parts.table(header, list(_pairs(divergence)), name=f"pairs-{policy.name}")


def _pairs(divergence: Divergence) -> Iterator[tuple[Cell, ...]]:
    total = sum(cell.weight for cell in divergence.matrix)
    for cell in divergence.matrix:
        share = percent(cell.weight / total)
        yield (cell.live_model, cell.shadow_model, _DIRECTIONS[cell.direction], round(cell.weight), share)


def _by_day(scope: filters.Scope, policy: PolicyRef) -> None:
    if scope.window.days < 2:
        return
    days = {day: model for day, (model, _) in data.by_day(scope.project, scope.window, policy, scope.slice).items()}
    st.subheader("Is it stable?", anchor=False)
    if not any(charts.is_drawn(model) for model in days.values()):
        st.caption("No single day has enough users for an interval.")
        return
    chart = charts.by_day(days, title="% with another model")
    st.altair_chart(chart, alt="Share of requests with another model per day, with its 95 % band")


render()
