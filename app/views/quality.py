"""Quality: the shadow's own answers, then live's where it would downgrade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from shadowroute.analysis.format import number, percent, plain
from shadowroute.analysis.measures.live_quality import ABOUT_LIVE, Distribution, Quality
from shadowroute.analysis.selection import PolicyRef
from shadowroute.analysis.signals import GRID, SignalRow
from shadowroute.app import charts, data, empty, filters, parts, runtime
from shadowroute.app.packet.measure_sections import frontier_section, off_policy_section
from shadowroute.app.packet.quality_sections import comparison_lines, executed_section, live_quality_section
from shadowroute.app.packet.section import Figure

_DOWNGRADED = "would be downgraded"
_REST = "the rest"


def render() -> None:
    """The page."""
    scope = filters.current()
    policy = scope.policy
    if policy is None:
        empty.no_shadow(scope.window)
        return
    place = st.container()
    _executed(scope, policy)
    st.subheader("Live's own signals, by the shadow's choice", anchor=False)
    st.warning(
        "These are answers of the model that ANSWERED, not of the shadow. A good score here does not show that a"
        " cheaper model would have done as well: it can point the wrong way.",
        icon=":material/warning:",
    )
    signals = data.signals(scope.project, scope.window)
    signal = _signal(signals)
    report = data.policy(scope.project, scope.window, policy, scope.slice, signal=signal)
    quality = report.overall.quality
    with place:
        parts.page_head("Are its answers good enough?", report)
    if signal is None:
        _no_signal()
        return
    _figures(quality)
    parts.caption("  \n".join(plain(line) for line in comparison_lines(quality)))
    _distribution(quality, policy)
    by_value = parts.by_segment(
        scope,
        policy,
        lambda part: part.quality.downgrade.mean,
        title=f"live {quality.signal} where downgraded, %",
        name=f"quality-{policy.name}",
        signal=signal,
    )
    if by_value is not None:
        parts.caveats(caveat for caveat in by_value.caveats if caveat.code == "simpson")
    parts.section(
        live_quality_section((quality, *report.overall.further_signals)), name=f"signals-{policy.name}", level=3
    )
    _specialists(scope, policy)


def _executed(scope: filters.Scope, policy: PolicyRef) -> None:
    """Answers of the shadow first: they alone are evidence about it."""
    overall, by_value = data.executed(scope.project, scope.window, policy, scope.slice)
    section = executed_section(overall, by_value)
    if not overall.n:
        st.info(" ".join((f"{section.title}:", *map(plain, section.text))), icon=":material/info:")
        return
    allowed = _allowed(scope, policy, overall.signal)
    parts.figures(
        [
            Figure(
                label=f"{overall.signal}, shadow minus live",
                measured=overall.quality_change,
                meaning="Over all requests: where both plans are the same, the difference is 0.",
                scale="points",
                signed=True,
                beside=f"executed{allowed}",
            ),
            Figure(
                label="Where they differ",
                measured=overall.diverging_quality_change,
                meaning="Over the requests that the shadow would have answered otherwise.",
                scale="points",
                signed=True,
            ),
            Figure(
                label="Shadow, where they differ",
                measured=overall.shadow_score,
                meaning=f"Mean {overall.signal} of its answers that were run.",
            ),
            Figure(
                label="Live, where they differ",
                measured=overall.live_score,
                meaning=f"Mean {overall.signal} of live's answers to the same requests.",
            ),
        ]
    )
    parts.section(section, name=f"executed-{policy.name}", level=3)


def _allowed(scope: filters.Scope, policy: PolicyRef, signal: str) -> str:
    """The plan's margin of this signal, in words; empty without one."""
    plan = data.plan_of(scope.project, policy)
    if plan is None:
        return ""
    for asked in plan.plan.document.must.quality:
        if asked.signal == signal:
            return f"; the plan allows {number(-plan.plan.loses_at_most(asked), 'points', signed=True)}"
    return ""


def _specialists(scope: filters.Scope, policy: PolicyRef) -> None:
    """Measured only when a reader opens it."""
    folded = st.expander("For specialists", icon=":material/science:", key="specialists", on_change="rerun")
    if not folded.open:
        return
    with folded:
        if scope.segments:
            st.caption("All traffic: the segment filter above does not apply here.")
        frontier, control, saved = data.between_models(scope.project, scope.window, policy)
        parts.section(frontier_section(frontier, control, saved), name=f"models-{policy.name}", level=5)
        off_policy = data.off_policy(scope.project, scope.window, policy)
        parts.section(off_policy_section(off_policy), name=f"off-policy-{policy.name}", level=5)


def _signal(signals: Sequence[SignalRow]) -> SignalRow | None:
    """The signal to show: the one in the address, else the most frequent one."""
    names = [f"{signal.name} ({signal.source})" for signal in signals]
    asked = st.query_params.get("signal", "")
    if asked and asked not in names:
        st.error(f"No signal is called {asked!r} in these days.")
        st.stop()
    if not names:
        return None
    chosen = st.segmented_control("Signal", names, default=names[0], required=True, key="signal", bind="query-params")
    return signals[names.index(chosen)] if chosen in names else signals[0]


def _no_signal() -> None:
    st.info("No signal yet: no answer has been rated.", icon=":material/info:")
    st.code('observer.signal(reply.id, "resolved", 1)      # in any process, at any later time', language="python")
    st.code(
        f"curl {runtime.current().otlp_url}/v1/signals -H 'content-type: application/json' \\\n"
        '  -d \'{"response_id": "chatcmpl-1", "name": "resolved", "value": 1}\'',
        language="bash",
    )


def _figures(quality: Quality) -> None:
    groups = ((_DOWNGRADED, quality.downgrade), (_REST, quality.rest), ("all", quality.all))
    meanings = (
        "Mean of the signal on the requests that the shadow would give to a cheaper model.",
        "Mean on all other requests.",
        "Mean on every request that was served as the live policy chose.",
    )
    parts.figures(
        [
            Figure(label=f"Live {quality.signal}, {name}", measured=group.mean, meaning=meaning)
            for (name, group), meaning in zip(groups, meanings, strict=True)
        ]
    )
    notes = [silent_text(name, group) for name, group in groups[:2]]
    # The banner above names the owner of these answers.
    parts.caption("  \n".join(note for note in (*notes, quality.note.removeprefix(ABOUT_LIVE).strip()) if note))


def silent_text(name: str, group: Distribution) -> str:
    """The possible effect of requests without a signal on the mean; empty if every request has one, or none exists."""
    rate = group.response_rate
    if rate is None or rate >= 1 or group.silent_low is None or group.silent_high is None:
        return ""
    low, high = percent(group.silent_low), percent(group.silent_high)
    return (
        f"{name.capitalize()}: {percent(rate)} are rated. If unrated answers differ, the mean may lie anywhere from"
        f" {low} to {high}."
    )


def _distribution(quality: Quality, policy: PolicyRef) -> None:
    groups = {_DOWNGRADED: quality.downgrade.bins, _REST: quality.rest.bins}
    filled = {name: bins for name, bins in groups.items() if bins}
    if not filled:
        return
    st.subheader("How are the values distributed?", anchor=False)
    if all(sum(bins[1:-1]) == 0 for bins in filled.values()):
        st.caption("Every value is 0 or 1: the means above are the shares of 1.")
        return
    st.altair_chart(
        charts.distributions(filled, title=f"{quality.signal} (0 worst, 1 best)"),
        alt="Shares of rated requests by value of the signal, for downgraded requests and for the rest",
    )
    parts.table((f"{quality.signal} from", *filled), _bins(filled), name=f"distribution-{policy.name}")


def _bins(groups: Mapping[str, Sequence[float]]) -> list[tuple[str, ...]]:
    steps = [step for step in range(GRID + 1) if any(bins[step] for bins in groups.values())]
    return [(f"{step / GRID:.2f}", *(percent(bins[step]) for bins in groups.values())) for step in steps]


render()
