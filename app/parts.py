"""Common pieces of pages: titles, figures with their basis, caveats, tables with their download."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from shadowroute.analysis.caveats import Caveat
from shadowroute.analysis.format import basis, headline, interval, note, percent, plain, sentence
from shadowroute.analysis.report import PolicyReport, SliceReport
from shadowroute.analysis.results import Estimate, Measured, Range
from shadowroute.analysis.selection import SEGMENT_KEYS, PolicyRef
from shadowroute.analysis.signals import SignalRow
from shadowroute.app import charts, data, filters
from shadowroute.app.caveats import BLOCKING
from shadowroute.app.packet.section import Figure, Section
from shadowroute.app.tables import Cell, csv_text
from shadowroute.app.text_report import NOT_JUDGED

_PAGES: Final = (("divergence", "Divergence"), ("cost", "Cost"), ("quality", "Quality"), ("requests", "Requests"))
CONTROL: Final = "A/A control: the noise floor"
"""The badge of a shadow that is the live policy on every day."""

_BARE_DOLLAR: Final = re.compile(r"(?<!\\)\$")
_KEY_NAMES: Final = {
    "task": "Task",
    "user_tier": "User tier",
    "complexity": "Complexity",
    "input_band": "Input length",
}


def figure(shown: Figure, *, with_basis: bool = True) -> None:
    """The number, its interval with its level, and its basis; or the reason for a missing one."""
    st.metric(shown.label, headline(shown.measured, shown.scale, signed=shown.signed), help=shown.meaning)
    bounds = interval(shown.measured, shown.scale, signed=shown.signed)
    lines = [f"{_level(shown.measured)}: {bounds}" if bounds else "", shown.beside]
    first = "; ".join(line for line in lines if line)
    caption("  \n".join(line for line in (first, basis(shown.measured) if with_basis else "") if line))


def _level(measured: Measured) -> str:
    """The level of an interval: 95 % for one look, more where a plan is looked at every day."""
    return f"{measured.interval.level * 100:.4g} %" if isinstance(measured, Estimate) else ""


def figures(shown: Sequence[Figure]) -> None:
    """Figures side by side; their common basis is shown once, below."""
    common = {basis(one.measured) for one in shown}
    is_said_below = len(shown) > 1 and len(common) == 1
    for column, one in zip(st.columns(len(shown), border=True), shown, strict=True):
        with column:
            figure(one, with_basis=not is_said_below)
    if is_said_below:
        caption(sentence(common.pop()))


def section(shown: Section, *, name: str, level: int = 3) -> None:
    """A part of the evidence packet: title, words, chart, and table with its download.

    Args:
        shown: the part; a folded one is drawn open, because its place decides that here.
        name: of the downloaded file.
        level: of the title, 3 as on the page itself.
    """
    if shown.title:
        st.markdown(f"{'#' * level} {plain(shown.title)}")
    if shown.text:
        caption("  \n".join(plain(text) for text in shown.text))
    if shown.chart is not None:
        st.altair_chart(shown.chart, alt=shown.chart_says)
    if shown.header:
        wrapped_table(shown.header, [[plain(cell) for cell in row] for row in shown.rows])
        download(shown.header, lambda: shown.rows, name=name)


def wrapped_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A small table whose cells may hold sentences: they wrap instead of being cut. Cells are Markdown."""
    # Names must differ, and a header may have two alike; spaces at the end of a name are not shown.
    names = [name + " " * (list(header[:place]).count(name) + (not name)) for place, name in enumerate(header)]
    st.table(pd.DataFrame(list(rows), columns=names), border="horizontal", hide_index=True)


def caption(text: str) -> None:
    """Small grey text; a dollar sign is a dollar sign, not the start of a formula."""
    st.caption(_BARE_DOLLAR.sub(r"\\$", text))


def policy_title(policy: PolicyRef, badge: str = NOT_JUDGED) -> None:
    """Name, version and one grey badge: no colour, because nothing is judged."""
    version = f" :small[:gray[{plain(policy.version)}]]" if policy.version else ""
    st.markdown(f"#### {plain(policy.name)}{version} :gray-badge[{badge}]")


def policy_links(policy: PolicyRef) -> None:
    """Buttons that open the other pages on this policy."""
    with st.container(horizontal=True, gap="small"):
        for page, title in _PAGES:
            key = f"open-{page}-{policy.name}-{policy.version}"
            if st.button(
                title, key=key, type="tertiary", icon=":material/chevron_right:", icon_position="right",
                on_click=filters.show_policy, args=(policy,),
            ):  # fmt: skip
                filters.go_to(page)


def page_head(question: str, report: PolicyReport) -> None:
    """The question that the page answers, and its policy."""
    st.subheader(question, anchor=False)
    policy_title(report.policy, CONTROL if report.is_control else _standing(report.policy))


def _standing(policy: PolicyRef) -> str:
    """Whether a plan judges the policy; its verdict is about other days than the page, so it is not repeated here."""
    return "Measured; the verdict is on Overview" if data.plan_of(filters.current().project, policy) else NOT_JUDGED


def caveats(items: Iterable[Caveat]) -> None:
    """Limits of the figures, one line each; serious ones are marked."""
    lines = [_caveat(item) for item in items]
    if lines:
        caption("  \n".join(lines))


def _caveat(item: Caveat) -> str:
    icon = ":orange[:material/warning:]" if item.code in BLOCKING else ":material/info:"
    return f"{icon} {sentence(item.text, item.next_step)}"


def by_segment(
    scope: filters.Scope,
    policy: PolicyRef,
    pick: Callable[[SliceReport], Measured],
    *,
    title: str,
    name: str,
    signed: bool = False,
    signal: SignalRow | None = None,
    book: str = "",
) -> PolicyReport | None:
    """One measure for every value of a segment key, as chart and table; the report that it shows, if there is one.

    Args:
        scope: the filters; segments are marginal, so a segment filter does not apply here, which the page states.
        policy: the shadow policy.
        pick: the measure of a slice, a share or a relative change.
        title: of the axis, with its unit.
        name: of the downloaded file.
        signed: whether the measure is a change.
        signal: the quality signal; None for the most frequent one.
        book: price book; empty for the project's.
    """
    st.subheader("In which segments?", anchor=False)
    keys = list(dict.fromkeys(segment.key for segment in data.segments(scope.project, scope.window, policy)))
    if not keys:
        st.caption("Requests carry no task, user tier or declared label, so there is nothing to split by.")
        return None
    keys.sort(key=lambda key: SEGMENT_KEYS.index(key) if key in SEGMENT_KEYS else len(SEGMENT_KEYS))
    key = st.segmented_control(
        "Split by", keys, default=keys[0], required=True, key="split", bind="query-params",
        format_func=lambda key: _KEY_NAMES.get(key, key.removeprefix("label:")), label_visibility="collapsed",
    )  # fmt: skip
    if scope.segments:
        st.caption("All requests of each segment: the segment filter above does not apply to this split.")
    found = data.by_segment(scope.project, scope.window, policy, key or keys[0], signal=signal, book=book)
    reports = found.segments
    marks = [charts.Mark(_value_name(report), pick(report)) for report in reports]
    if any(charts.is_drawn(mark.measured) for mark in marks):
        chart = charts.intervals(marks, title=title, scale="percent", signed=signed)
        st.altair_chart(chart, alt=f"{title} per segment")
    if any(isinstance(mark.measured, Range) for mark in marks):
        st.caption("A bar without a dot is a range: the value may lie anywhere in it.")
    header = (key or keys[0], "share of requests", title, "95 % interval", "requests", "clusters", "note")
    table(header, [_segment_row(report, pick(report), signed=signed) for report in reports], name=name)
    return found


def _value_name(report: SliceReport) -> str:
    return str(report.slice).partition("=")[2] or "(not given)"


def _segment_row(report: SliceReport, measured: Measured, *, signed: bool) -> tuple[Cell, ...]:
    return (
        _value_name(report),
        "unknown" if report.share is None else percent(report.share),
        headline(measured, "percent", signed=signed),
        interval(measured, "percent", signed=signed),
        measured.n,
        round(measured.effective_clusters) if isinstance(measured, Estimate) else None,
        note(measured),
    )


def table(header: Sequence[str], rows: Sequence[Sequence[Cell]], *, name: str) -> None:
    """A table and the download of its rows as CSV; `name` is that of the file, without its ending."""
    frame = pd.DataFrame(list(rows), columns=list(header))
    st.dataframe(frame, hide_index=True, placeholder="", column_config=number_columns(header, rows))
    download(header, lambda: rows, name=name)


def number_columns(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> dict[str, Any]:
    """Column settings that write whole numbers with thousands separated and others with two decimals."""
    columns: dict[str, Any] = {}
    for place, column in enumerate(header):
        kinds = {type(row[place]) for row in rows}
        if float in kinds:
            columns[column] = st.column_config.NumberColumn(format="%.2f")
        elif int in kinds:
            columns[column] = st.column_config.NumberColumn(format="localized")
        elif column == "note":
            columns[column] = st.column_config.TextColumn(width="large")
    return columns


def download(header: Sequence[str], rows: Callable[[], Iterable[Sequence[Cell]]], *, name: str) -> None:
    """A button for all filtered rows; the file is made only when it is pressed."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.download_button(
            "CSV", data=lambda: csv_text(header, rows()).encode(), file_name=f"{name}.csv", mime="text/csv",
            icon=":material/download:", type="tertiary", on_click="ignore", key=f"csv-{name}",
            help="Download all rows that the filters keep.",
        )  # fmt: skip
