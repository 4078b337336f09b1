"""Texts of empty pages: the reason and the next step."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from shadowroute.analysis.selection import Window
from shadowroute.app import data, runtime
from shadowroute.app.doctor import refused_text

_FIRST_LINES = """import shadow

observer = shadow.Observer("routing/shadow.yaml")      # export: {{to: "{url}"}}
client = observer.wrap(openai.OpenAI())                # or the decorator, or the context manager
"""


def no_figures() -> None:
    """No request has arrived, or none is rolled up yet; checks again every five seconds."""
    url = runtime.current().otlp_url
    if data.projects():
        st.subheader("The first requests have arrived", anchor=False)
        st.markdown("Figures appear within a minute. This page refreshes itself.")
    else:
        st.subheader("No request has arrived", anchor=False)
        st.markdown(f"Point your SDK to `{url}`, or stop this and run `shadowroute demo` to see a simulated week.")
        st.code(_FIRST_LINES.format(url=url), language="python")
        st.markdown(
            "If no request arrives, run `shadowroute doctor --wait 60s` in a second terminal to find the cause."
        )
    _refused()
    _look_again()


def _refused() -> None:
    """Refusals of the receiver: the usual reason for an empty page."""
    entries = runtime.current().refused()[:3]
    if not entries:
        return
    lines = [f"- {refused_text(entry)}, last at {_clock(entry['last_at'])}" for entry in entries]
    st.warning("Refused by the receiver:\n" + "\n".join(lines), icon=":material/block:")


def _clock(epoch_s: float) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC):%H:%M:%S} UTC"


@st.fragment(run_every="5s")
def _look_again() -> None:
    """Reload the whole page once there is something to show."""
    if any(data.available(project) is not None for project in data.projects()):
        st.rerun()


def no_shadow(window: Window) -> None:
    """Live requests arrived, but no shadow decided."""
    st.info(
        f"No shadow policy decided in {window}. Add one under `shadows` in routing/shadow.yaml, then check it:"
        " `python -m shadow check routing/shadow.yaml`.",
        icon=":material/info:",
    )
