"""Quality: how good the live answers were on the requests that the shadow would downgrade, and on the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from analysis.format import percent
from analysis.measures.quality import ABOUT_LIVE, Distribution, Quality
from analysis.rows import SignalRow
from analysis.selection import PolicyRef
from app import charts, data, empty, filters, parts, runtime

_DOWNGRADED = "would be downgraded"
_REST = "the rest"


def render() -> None:
    """The page."""
    scope = filters.current()
    policy = scope.policy
    if policy is None:
        empty.no_shadow(scope.window)
        return
    head = st.container()
    signal = _signal(data.signals(scope.project, scope.window))
    report = data.policy(scope.project, scope.window, policy, scope.slice, signal)
    quality = report.overall.quality
    with head:
        parts.page_head("How good were live's answers where it would downgrade?", report)
    st.warning(
        "These are answers of the model that ANSWERED, not of the shadow. A good score here does not say that a cheaper"
        " model would have done as well: it can point the wrong way.",
        icon=":material/warning:",
    )
    if signal is None:
        _no_signal()
        return
    _figures(quality)
    _distribution(quality, policy)
    parts.by_segment(
        scope,
        policy,
        lambda part: part.quality.downgrade.mean,
        title=f"live {quality.signal} where downgraded, %",
        name=f"quality-{policy.name}",
        signal=signal,
    )


def _signal(signals: Sequence[SignalRow]) -> SignalRow | None:
    """The signal to show: the one that the address names, else the one that most requests have."""
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
    st.info("No signal yet: nobody has said how good an answer was.", icon=":material/info:")
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
            parts.Figure(label=f"Live {quality.signal}, {name}", measured=group.mean, meaning=meaning)
            for (name, group), meaning in zip(groups, meanings, strict=True)
        ]
    )
    notes = [silent_text(name, group) for name, group in groups[:2]]
    # The banner above says already whose answers these are.
    parts.caption("  \n".join(note for note in (*notes, quality.note.removeprefix(ABOUT_LIVE).strip()) if note))


def silent_text(name: str, group: Distribution) -> str:
    """What the requests without a signal could do to the mean; empty if every request has one, or none exists."""
    rate = group.response_rate
    if rate is None or rate >= 1 or group.silent_low is None or group.silent_high is None:
        return ""
    low, high = percent(group.silent_low), percent(group.silent_high)
    return (
        f"{name.capitalize()}: {percent(rate)} are rated. If the silent ones differ, the mean is anything from"
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
    steps = [step for step in range(21) if any(bins[step] for bins in groups.values())]
    return [(f"{step / 20:.2f}", *(percent(bins[step]) for bins in groups.values())) for step in steps]


render()
