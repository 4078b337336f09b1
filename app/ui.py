"""Entry of the review app: navigation and the one filter bar that all pages share.

Streamlit runs this file for every interaction, and it runs the page that the address names.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app import empty, filters

VIEWS = Path(__file__).with_name("views")

st.set_page_config(page_title="shadowroute", page_icon=":material/alt_route:", layout="wide")
page = st.navigation(
    [
        st.Page(VIEWS / "overview.py", title="Overview", icon=":material/dashboard:", default=True),
        st.Page(VIEWS / "divergence.py", title="Divergence", icon=":material/call_split:"),
        st.Page(VIEWS / "cost.py", title="Cost", icon=":material/payments:"),
        st.Page(VIEWS / "quality.py", title="Quality", icon=":material/grade:"),
        st.Page(VIEWS / "requests.py", title="Requests", icon=":material/list_alt:"),
        st.Page(VIEWS / "trace.py", title="Request", icon=":material/account_tree:", visibility="hidden"),
    ],
    position="top",
)
if filters.bar() is None:
    empty.no_figures()
else:
    page.run()
