"""Colours and chrome of the review app, light and dark, as Streamlit configuration.

They are passed to the server at start instead of lying in a `.streamlit` folder: an installed wheel has no such folder,
and one in the user's directory belongs to the user. Chart colours tell models apart and never judge: green and red are
kept for verdicts.
"""

from __future__ import annotations

from typing import Any, Final

CATEGORIES: Final = ("#2f6fd0", "#e08214", "#3a9e8f", "#9b5fc0", "#c2557a", "#7a8794", "#b59b1f", "#5aa9d6")
"""Distinguishable with any common colour weakness, and on both backgrounds."""

SEQUENCE: Final = (
    "#eaf1fb", "#cfe0f6", "#aecbef", "#8ab4e7", "#669ddd", "#4685d2", "#2f6fbf", "#2259a1", "#184582", "#103263",
)  # fmt: skip

_LIGHT: Final = {
    "primaryColor": "#2259a1",
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f4f6f9",
    "textColor": "#1c2530",
    "borderColor": "#dfe4ea",
    "linkColor": "#2259a1",
}
_DARK: Final = {
    "primaryColor": "#7fb0f0",
    "backgroundColor": "#12161c",
    "secondaryBackgroundColor": "#1b222c",
    "textColor": "#e5eaf0",
    "borderColor": "#323c49",
    "linkColor": "#8ab8f5",
}


def streamlit_config(*, host: str, port: int) -> dict[str, Any]:
    """Options for `streamlit.App.run`: address, look, and nothing that phones home or invites to deploy."""
    options: dict[str, Any] = {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        # Our own CSV button gives all filtered rows with formulas defused; the built-in one gives neither.
        "client.disableDataExport": True,
        "client.showErrorDetails": "none",
        "logger.hideWelcomeMessage": True,
        "theme.baseRadius": "medium",
        "theme.showWidgetBorder": True,
        "theme.chartCategoricalColors": list(CATEGORIES),
        "theme.chartSequentialColors": list(SEQUENCE),
    }
    for section, colours in (("light", _LIGHT), ("dark", _DARK)):
        options |= {f"theme.{section}.{key}": colour for key, colour in colours.items()}
    return options
