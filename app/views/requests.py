"""Requests: the single requests behind the figures, newest first; a click opens one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
import streamlit as st

from shadowroute.analysis.format import count
from shadowroute.analysis.queries.requests import PageKey, RequestFilter, RequestRow
from shadowroute.app import data, filters, parts
from shadowroute.app.tables import Cell

PAGE_ROWS = 50
HEADER = (
    "time (UTC)", "request", "task", "live names", "shadow names", "shadow's reason", "answered by", "outcome",
    "contaminated by", "tokens in", "tokens out", "latency s", "user tier", "live's reason", "shadow status",
)  # fmt: skip
_DIFFERS = {"all": None, "differs": True, "same model": False}
_STATUS = {"any": "", "ok": "ok", "error": "error", "timeout": "timeout", "invalid": "invalid"}


def render() -> None:
    """The page."""
    scope = filters.current()
    st.subheader("Which requests are behind the figures?", anchor=False)
    wanted = _filter(scope)
    keys = _position(wanted)
    page = data.requests(scope.project, wanted, keys[-1], PAGE_ROWS)
    total = data.request_count(scope.project, wanted)
    if not page.rows:
        st.info("No request fits these filters.", icon=":material/info:")
        return
    first = (len(keys) - 1) * PAGE_ROWS + 1
    last = first + len(page.rows) - 1
    st.caption(f"{count(first)} to {count(last)} of {count(total)}, newest first. Click a row to see the decision.")
    _table(page.rows)
    _turn(keys, page.next)
    parts.download(HEADER, lambda: cells(data.all_requests(scope.project, wanted)), name="requests")


def _filter(scope: filters.Scope) -> RequestFilter:
    left, middle, right, last = st.columns([2, 2, 3, 2], vertical_alignment="bottom")
    policy = scope.policy
    differs = left.selectbox(
        f"{policy.name if policy else 'Shadow'} names", list(_DIFFERS), key="differs", bind="query-params"
    )
    status = middle.selectbox(
        f"Decision of {policy.name if policy else 'live'}", list(_STATUS), key="status", bind="query-params"
    )
    served = right.text_input("Answered by", key="served", bind="query-params", placeholder="any model")
    flagged = last.toggle(
        "Only flagged", key="flagged", bind="query-params",
        help="Flagged for a person by their router: a refused answer was served, or many in a row were refused.",
    )  # fmt: skip
    return RequestFilter(
        window=scope.window, slice=scope.slice, policy=policy, differs=_DIFFERS[differs],
        served_model=served.strip(), status=_STATUS[status], flagged=flagged,
    )  # fmt: skip


def _position(wanted: RequestFilter) -> list[PageKey | None]:
    """Starts of the pages up to the shown one; a new filter starts over."""
    if st.session_state.get("_requests_of") != wanted:
        st.session_state["_requests_of"] = wanted
        st.session_state["_requests_keys"] = [None]
    keys: list[PageKey | None] = st.session_state["_requests_keys"]
    return keys


def _back(keys: list[PageKey | None]) -> None:
    keys.pop()


def _turn(keys: list[PageKey | None], following: PageKey | None) -> None:
    """Newer and older: pages are read from a key on, because an offset would skip rows that arrive meanwhile."""
    with st.container(horizontal=True, gap="small"):
        st.button("Newer", icon=":material/chevron_left:", disabled=len(keys) == 1, on_click=_back, args=(keys,))
        st.button(
            "Older",
            icon=":material/chevron_right:",
            disabled=following is None,
            on_click=keys.append,
            args=(following,),
        )


def _table(rows: Sequence[RequestRow]) -> None:
    shown = list(cells(rows))
    chosen = st.dataframe(
        pd.DataFrame(shown, columns=list(HEADER)), hide_index=True, placeholder="",
        on_select="rerun", selection_mode="single-cell", key="requests-table",
        height=min(600, 36 * (len(rows) + 1) + 2), column_config=parts.number_columns(HEADER, shown),
    )  # fmt: skip
    selected = chosen["selection"]["cells"]
    if selected:
        filters.go_to("trace", request=rows[selected[0][0]].request_id)


def cells(rows: Sequence[RequestRow] | Iterator[RequestRow]) -> Iterator[tuple[Cell, ...]]:
    """A table row per request, in the order of HEADER."""
    for row in rows:
        yield (
            row.ts.strftime("%Y-%m-%d %H:%M:%S"), row.request_id, row.task, row.model or row.status,
            row.shadow_model or row.shadow_status, row.shadow_reason, row.served_model, row.outcome_status,
            ", ".join(row.contamination), row.input_tokens, row.output_tokens, row.latency_s, row.user_tier, row.reason,
            row.shadow_status,
        )  # fmt: skip


render()
