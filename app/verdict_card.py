"""The card of a shadow that a plan judges: the verdict, the sentence, three numbers, and the conditions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import streamlit as st

from shadowroute.analysis.format import counted, plain, sentence
from shadowroute.analysis.report import PolicyReport
from shadowroute.analysis.selection import PolicyRef
from shadowroute.analysis.verdict.results import Judgement, Preview, Verdict
from shadowroute.app import data, filters, parts
from shadowroute.app.packet.verdict_sections import (
    DOORS,
    conditions_section,
    numbers,
    preview_section,
    segments_section,
    what_next,
)

_LOOKS: Final = {
    Verdict.SHIP: ("green", "check_circle"),
    Verdict.HOLD: ("orange", "pause_circle"),
    Verdict.REJECT: ("red", "cancel"),
    Verdict.NEED_MORE: ("blue", "pending"),
}
"""Colour and sign of each verdict; the word stands beside them, so that neither is needed to read it."""

_STATES: Final = {"met": ("green", "check"), "not met": ("red", "close"), "unknown": ("gray", "question_mark")}


def verdict_card(judgement: Judgement, report: PolicyReport | None, scope: filters.Scope) -> None:
    """Draw the card.

    Args:
        judgement: of one shadow.
        report: its measures on the days and the slice of the filters; None where it did not decide on them.
        scope: the filters, which the judgement does not follow.
    """
    with st.container(border=True, key=f"card-{judgement.policy.name}-{judgement.policy.version}"):
        _answer(judgement)
        for blocker in judgement.blockers:
            st.warning(plain(sentence(blocker.text, blocker.next_step)), icon=":material/block:")
        parts.figures(list(numbers(judgement.headline)))
        _rests_on(judgement, scope)
        if judgement.preview is not None:
            _preview(judgement.preview)
        _conditions(judgement)
        _segments(judgement)
        if judgement.doors:
            with st.expander(DOORS, icon=":material/meeting_room:"):
                st.markdown("\n".join(f"- {plain(door)}" for door in judgement.doors))
        if report is not None:
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                parts.policy_links(judgement.policy)
                packet_button(scope, judgement.policy)


def packet_button(scope: filters.Scope, policy: PolicyRef) -> None:
    """The download of everything behind the figures; the files are made when it is pressed."""
    st.download_button(
        "Evidence packet", data=lambda: data.packet_zip(scope.project, policy, scope.window),
        file_name=f"packet-{policy.name}-{policy.version[:7]}.zip", mime="application/zip",
        icon=":material/inventory_2:", type="tertiary", on_click="ignore", key=f"packet-{policy.name}-{policy.version}",
        help="One page, its JSON, a worksheet and a manifest, on all traffic. Making it takes some seconds.",
    )  # fmt: skip


def _answer(judgement: Judgement) -> None:
    colour, icon = _LOOKS[judgement.verdict]
    version = f" :small[:gray[{plain(judgement.policy.version)}]]" if judgement.policy.version else ""
    word = judgement.verdict.replace("_", r"\_")
    st.markdown(f"#### :{colour}-badge[:material/{icon}: {word}] {plain(judgement.policy.name)}{version}")
    answer, stop, rest = judgement.sentence.partition(". ")
    st.markdown(f"**{plain(answer + stop.strip())}** {plain(rest)}".rstrip())
    if judgement.blockers:
        st.caption("The numbers below are shown, not judged, until this is removed:")


def _rests_on(judgement: Judgement, scope: filters.Scope) -> None:
    through = f"{judgement.data_through:%Y-%m-%d %H:%M} UTC" if judgement.data_through else "unknown"
    window, days = judgement.window, counted(judgement.days, "day")
    lines = [
        f"Judged on the days of its plan, {window.first} to {window.last} (UTC), {days} of them with requests:",
        f"{counted(judgement.requests, 'request')}, {counted(judgement.executed, 'executed answer')}.",
        f"Prices {judgement.book or 'not pinned'}; data through {through}.",
    ]
    if scope.segments or scope.window != judgement.window:
        lines.append("The filters above do not change a verdict: it is about all traffic on the days of the plan.")
    parts.caption(plain(" ".join(lines)))


def _preview(preview: Preview) -> None:
    """Gray, whatever the states are: green and red belong to what is judged."""
    section = preview_section(preview)
    with st.expander(section.title, icon=":material/visibility:", expanded=True):
        parts.caption(plain(" ".join(section.text)))
        parts.wrapped_table(section.header, [[plain(cell) for cell in row] for row in section.rows])


def _conditions(judgement: Judgement) -> None:
    section = conditions_section(judgement)
    st.markdown(f"##### {section.title}")
    # The next step is a sentence: below the table it can be read on a phone, too.
    rows = [(_state(state), *(plain(cell) for cell in cells)) for state, *cells, _ in section.rows]
    parts.wrapped_table(section.header[:-1], rows)
    steps = [(condition.requirement, what_next(condition)) for condition in judgement.conditions]
    st.markdown("\n".join(f"- **{plain(what)}**: {plain(step)}" for what, step in steps if step))
    parts.caption("  \n".join(plain(text) for text in section.text))


def _segments(judgement: Judgement) -> None:
    if not judgement.segments:
        return
    harmed = list(_harmed(judgement))
    if harmed:
        st.error(
            "  \n".join(("Harmed, after correction for the number of segments:", *harmed)), icon=":material/error:"
        )
    section = segments_section(judgement)
    with st.expander(section.title, icon=":material/segment:"):
        parts.caption(plain(" ".join(section.text)))
        parts.wrapped_table(section.header, [[plain(cell) for cell in row] for row in section.rows])


def _harmed(judgement: Judgement) -> Iterator[str]:
    for finding in judgement.segments:
        if finding.is_harm:
            yield f"**{plain(str(finding.segment))}**: {plain(finding.shown)}; {plain(finding.requirement)}"


def _state(state: str) -> str:
    colour, icon = _STATES[state]
    return f":{colour}-badge[:material/{icon}: {state}]"
