"""The filter bar: project, policy, days and segments, kept in the address and shared by every page.

The address is the state: every widget is bound to a query parameter, so a link reproduces the page. An address that
names something unknown is refused before its widget runs, because Streamlit would drop the value and silently show
other figures under the sender's link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

import streamlit as st

from shadowroute.analysis.selection import PolicyRef, Segment, Slice, Window, key_of, slice_of
from shadowroute.app import data, runtime
from shadowroute.app.links import page_link

_SCOPE: Final = "_scope"
_KEYS: Final = ("project", "policy", "version", "from", "to", "segment", "signal", "split", "price")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The scope of all figures of a page.

    Attributes:
        window: UTC days.
        chosen: the policy of the address; None stands for all on Overview and for the first elsewhere.
        shadows: every shadow policy of the window, the largest first.
        segments: filters that all must hold.
    """

    project: str
    window: Window
    chosen: PolicyRef | None
    shadows: tuple[PolicyRef, ...]
    segments: tuple[Segment, ...]

    @property
    def slice(self) -> Slice:
        """The slice of traffic that the segments select."""
        return slice_of(self.segments)

    @property
    def policy(self) -> PolicyRef | None:
        """The policy of a page about one policy; None if no shadow decided in the window."""
        return self.chosen or (self.shadows[0] if self.shadows else None)


def current() -> Scope:
    """The selection of the filter bar of this run."""
    scope = st.session_state[_SCOPE]
    assert isinstance(scope, Scope)  # noqa: S101  # the entry file draws the bar before it runs a page
    return scope


def bar() -> Scope | None:
    """Draw the filter bar and return what it selects; None where the store has no request yet.

    Stops the run with an error where the address names something that the store does not have.
    """
    projects = data.projects()
    if not projects:
        return None
    is_policy_chosen = bool(st.session_state.get("policy") or st.query_params.get("policy"))
    widths = [3, 3, 3 if is_policy_chosen else 0.01, 6, 2]
    where, who, version, what, share = st.columns(widths, vertical_alignment="bottom")
    project = choice(where, "project", projects, label="Project", default=_first_project(projects))
    days = data.available(project)
    if days is None:
        return None
    filter_box = what.popover(_summary(days), icon=":material/tune:", width="stretch")
    with filter_box:
        window = _window(days)
    shadows = data.shadows(project, window)
    chosen = _policy(who, version, shadows)
    with filter_box:
        segments = _segments(project, window, chosen or next(iter(shadows), None))
    scope = Scope(project=project, window=window, chosen=chosen, shadows=shadows, segments=segments)
    st.session_state[_SCOPE] = scope
    with share.popover("Link", icon=":material/link:", width="stretch"):
        st.caption("Shows the same days next month: every filter is spelled out.")
        st.code(link(scope), language=None, wrap_lines=True)
    return scope


def link(scope: Scope, page: str = "", *, request: str = "") -> str:
    """The absolute address of a page with this scope."""
    return page_link(
        _origin(),
        page,
        project=scope.project,
        window=scope.window,
        policy=scope.chosen,
        segments=scope.segments,
        request=request,
    )


def go_to(page: str, **unbound: str) -> NoReturn:
    """Open a page with the same filters.

    Args:
        page: name of the view.
        unbound: parameters of that page that no widget is bound to. Bound ones travel by themselves; without a mapping
            Streamlit would try to clear them and fail.
    """
    st.switch_page(f"views/{page}.py", query_params=unbound)


def _origin() -> str:
    """Scheme and host as the reader's browser has them: behind a proxy only the browser knows its name."""
    seen = urlsplit(st.context.url or "")
    return f"{seen.scheme}://{seen.netloc}" if seen.netloc else runtime.current().ui_url


def show_policy(policy: PolicyRef) -> None:
    """Make a policy the chosen one from the next run on; for button callbacks, which run before the widgets."""
    st.session_state["policy"] = policy.name
    st.session_state["version"] = policy.version


def _first_project(projects: Sequence[str]) -> str:
    wanted = runtime.current().project
    return wanted if wanted in projects else projects[0]


def _policy(
    who: st.delta_generator.DeltaGenerator, version: st.delta_generator.DeltaGenerator, shadows: Sequence[PolicyRef]
) -> PolicyRef | None:
    names = list(dict.fromkeys(policy.name for policy in shadows))
    _refuse_unknown("policy", names, "It did not decide in these days, or was renamed.")
    name = who.selectbox(
        "Shadow policy", names, index=None, placeholder="All shadow policies", key="policy", bind="query-params"
    )
    if name is None:
        return None
    versions = [policy.version for policy in shadows if policy.name == name]
    return PolicyRef(name, choice(version, "version", versions, label="Version", default=versions[0]))


def choice(place: Any, key: str, options: Sequence[str], *, label: str, default: str) -> str:
    """A select box that is kept in the address; an address that names none of the options is refused.

    Args:
        place: where to draw it: a container or streamlit itself.
        key: of the widget and of the query parameter.
        options: allowed values.
        label: of the box.
        default: choice without an address parameter.
    """
    _refuse_unknown(key, options, "The store holds: " + ", ".join(options[:8]) + ".")
    chosen = place.selectbox(label, options, index=list(options).index(default), key=key, bind="query-params")
    return str(chosen)


def _window(days: Window) -> Window:
    """The requested days; an empty field means the first or the last day with requests."""
    first = _day("from", "From (UTC)", days)
    last = _day("to", "To (UTC)", days)
    first, last = first or days.first, last or days.last
    if first > last:
        _refuse(f"The first day ({first}) is after the last ({last}).")
    return Window(first, last)


def _day(key: str, label: str, days: Window) -> date | None:
    text = st.query_params.get(key, "")
    if text and not _is_day(text):
        _refuse(f"`{key}` must be a day like 2026-11-09, got {text!r}.")
    return st.date_input(
        label,
        value=None,
        key=key,
        bind="query-params",
        format="YYYY-MM-DD",
        help=f"Requests exist from {days.first} to {days.last}.",
    )


def _segments(project: str, window: Window, policy: PolicyRef | None) -> tuple[Segment, ...]:
    known = [str(segment) for segment in data.segments(project, window, policy)] if policy else []
    _rename_keys()
    for text in st.query_params.get_all("segment"):
        if text and text not in known:
            _refuse(f"No segment is called {text!r} in these days.")
    chosen = st.multiselect(
        "Only requests with", known, key="segment", bind="query-params", placeholder="All requests",
        help="All of them must hold. Two or more are computed from the single requests, which takes longer.",
    )  # fmt: skip
    return tuple(Segment.parse(text) for text in chosen)


def _rename_keys() -> None:
    """A link may name a key as its column is called."""
    for name in ("segment", "split"):
        written = st.query_params.get_all(name)
        known = ["=".join((key_of(key), *value)) for key, *value in (text.split("=", 1) for text in written)]
        if known != written:
            st.query_params[name] = known
            # The widget of this run was bound to the address before it was mended.
            st.session_state[name] = known if name == "segment" else known[0]


def _summary(days: Window) -> str:
    """The label of the closed filter box: its filters."""
    first = st.query_params.get("from") or str(days.first)
    last = st.query_params.get("to") or str(days.last)
    segments = [text for text in st.query_params.get_all("segment") if text]
    return f"{first} to {last}" + "".join(f" · {text}" for text in segments[:2]) + (" ..." if len(segments) > 2 else "")


def _refuse_unknown(key: str, options: Sequence[str], hint: str) -> None:
    """Stop with an error if the address names a value that the widget does not have; a unique prefix is completed."""
    text = st.query_params.get(key, "")
    if not text or text in options:
        return
    matches = [option for option in options if option.startswith(text)] if key == "version" else []
    if len(matches) == 1:
        st.session_state[key] = matches[0]
        return
    _refuse(f"No {key} is called {text!r}. {hint}")


def _refuse(message: str) -> NoReturn:
    """Stop the run with an error and a way out; nothing may be shown under an address that means something else."""
    st.error(message)
    st.button("Clear the filters", icon=":material/filter_alt_off:", on_click=_clear)
    st.stop()


def _clear() -> None:
    st.query_params.from_dict({})  # clear() refuses while a widget is bound
    for key in _KEYS:
        st.session_state.pop(key, None)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
