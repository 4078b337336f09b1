"""Entry of the review app: navigation and the one filter bar that all pages share.

Streamlit runs this file for every interaction, and it runs the page that the address names.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from shadowroute.app import empty, filters

VIEWS = Path(__file__).with_name("views")

# Drawn here: Streamlit would fetch a named icon from a font server, and nothing of a page leaves this machine.
ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#2259a1" stroke-width="2.4"
 stroke-linecap="round" stroke-linejoin="round"><path d="M4 20V14L12 8V3M12 8l8 6v6"/><path d="m9 6 3-3 3 3"/></svg>"""
# The space that Streamlit leaves above the first row would push the figures below the fold.
TIGHT = '<style>[data-testid="stMainBlockContainer"] {padding-top: 4.2rem; padding-bottom: 3rem}</style>'

st.set_page_config(page_title="shadowroute", page_icon=ICON, layout="wide")
st.html(TIGHT)
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
