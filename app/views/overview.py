"""Overview: every shadow policy, with its verdict where a plan judges it, else with its four measures."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from shadowroute.analysis.caveats import Caveat
from shadowroute.analysis.format import as_of, basis, counted, headline, interval, note, percent, plain
from shadowroute.analysis.report import PolicyReport, ProjectReport
from shadowroute.analysis.results import Undefined
from shadowroute.analysis.verdict.results import Judgement
from shadowroute.app import data, empty, filters, parts
from shadowroute.app.caveats import ABOUT_LIVE, own, shared
from shadowroute.app.packet.section import Figure
from shadowroute.app.text_report import ceiling
from shadowroute.app.verdict_card import packet_button, verdict_card


def render() -> None:
    """The page."""
    scope = filters.current()
    report = data.overview(scope.project, scope.window, scope.slice)
    _head(report, scope)
    if not report.policies:
        parts.caveats(report.caveats)
        empty.no_shadow(scope.window)
        for judgement in _judgements(scope):
            verdict_card(judgement, None, scope)
        return
    shown = [policy for policy in report.policies if scope.chosen in {None, policy.policy}]
    common = shared(shown)
    about_live = [ABOUT_LIVE] if any(policy.overall.quality.signal for policy in shown) else []
    parts.caveats((*report.caveats, *common, *about_live))
    parts.caption(plain(report.floor))
    judged = _judgements(scope)
    measured = {policy.policy: policy for policy in shown}
    for judgement in judged:
        verdict_card(judgement, measured.get(judgement.policy), scope)
    with_verdict = {judgement.policy for judgement in judged}
    for policy in shown:
        if policy.is_control:
            _control(policy, own(policy, common))
        elif policy.policy not in with_verdict:
            _card(policy, own(policy, common), scope)
    others = [str(policy.policy) for policy in report.policies if policy not in shown]
    if others:
        st.caption("Not shown, because one policy is chosen above: " + ", ".join(others) + ".")


def _judgements(scope: filters.Scope) -> list[Judgement]:
    """Judgements by the recorded plans: those of the chosen shadow, else all, in the order of the policy filter."""
    names = list(dict.fromkeys(policy.name for policy in scope.shadows))
    plans = data.plans(scope.project)
    ordered = [name for name in names if name in plans] + [name for name in plans if name not in names]
    found = [data.judgement(scope.project, name, plans[name].status.hash) for name in ordered]
    return [judgement for judgement in found if scope.chosen in {None, judgement.policy}]


def _head(report: ProjectReport, scope: filters.Scope) -> None:
    st.subheader(f"{plain(report.project)}: {counted(report.requests, 'request')}", anchor=False)
    live = ", ".join(str(policy) for policy in report.live) or "no live policy"
    fresh = as_of(report.as_of, report.waiting)
    days = f"{report.window.first} to {report.window.last} (UTC)"
    only = f"  ·  figures only for {scope.slice}" if scope.segments else ""
    st.caption(plain(f"{days}  ·  live: {live}  ·  prices: {report.book or 'not pinned'}  ·  {fresh}{only}"))
    if report.policies:
        st.caption(plain(ceiling(report.most_saved)))


def _card(report: PolicyReport, caveats: Sequence[Caveat], scope: filters.Scope) -> None:
    """One shadow policy: four measures, each with its interval and its basis."""
    overall = report.overall
    with st.container(border=True, key=f"card-{report.policy.name}-{report.policy.version}"):
        parts.policy_title(report.policy)
        cells = st.columns(4)
        with cells[0]:
            parts.figure(
                Figure(
                    label="Decides differently",
                    measured=overall.divergence.model,
                    meaning="Share of requests where its primary model differs from live's.",
                )
            )
        with cells[1]:
            parts.figure(
                Figure(
                    label="Predicted cost",
                    measured=overall.cost.relative,
                    meaning="What it would have cost on the same requests, at live's tokens, against what live cost."
                    " Its own calls fill its caches.",
                    signed=True,
                )
            )
        with cells[2]:
            _escalation(report)
        with cells[3]:
            _quality(report)
        # The reason for the ranges is already below the figures.
        parts.caveats(caveat for caveat in caveats if caveat.code != "unseen_escalations")
        st.caption("No plan judges it: write a plan with the conditions, then run `shadowroute gate --plan FILE` once.")
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            parts.policy_links(report.policy)
            packet_button(scope, report.policy)


def _control(report: PolicyReport, caveats: Sequence[Caveat]) -> None:
    """The live policy beside itself: only its divergence is meaningful, and the sentence above states it."""
    bounds = interval(report.overall.divergence.model, "percent")
    with st.container(border=True, key=f"card-{report.policy.name}-{report.policy.version}"):
        parts.policy_title(report.policy, parts.CONTROL)
        st.markdown(
            f"**{headline(report.overall.divergence.model, 'percent')}** of requests"
            + (f" ({bounds})" if bounds else "")
            + ": another policy's divergence is meaningful only above this."
        )
        parts.caveats(caveats)


def _escalation(report: PolicyReport) -> None:
    escalation = report.overall.escalation
    meaning = "Share of requests where the cheap answer fails its check and a second model is paid."
    if escalation.n_cascade:
        parts.figure(Figure(label="Paid twice", measured=escalation.shadow_overall, meaning=meaning))
        return
    st.metric("Paid twice", "no cascade", help=meaning)
    st.caption("This policy never asks a second model.")


def _quality(report: PolicyReport) -> None:
    """Live's own quality where the policy would downgrade, beside the rest: alone the number is meaningless."""
    quality = report.overall.quality
    mean = quality.downgrade.mean
    label = f"Live {quality.signal or 'quality'} where downgraded"
    meaning = (
        "Quality of the live answers on the requests that this policy would give to a cheaper model. It is not the"
        " quality of the shadow's answers."
    )
    st.metric(label, headline(mean, "percent"), help=meaning)
    if isinstance(mean, Undefined):
        parts.caption(basis(mean))
        return
    rest, rate = quality.rest.mean, quality.downgrade.response_rate
    why = f" ({note(rest)})" if note(rest) else ""
    rated = f"  \n{percent(rate)} of them are rated" if rate is not None else ""
    st.caption(f"95 %: {interval(mean, 'percent')}; the rest: {headline(rest, 'percent')}{why}{rated}")


render()
