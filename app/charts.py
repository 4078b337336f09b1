"""Charts from typed rows. Each has its axis in words, no cut labels, and nothing that depends on colour alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import altair as alt
import pandas as pd

from shadowroute.analysis.format import Scale, brief
from shadowroute.analysis.measures.divergence import Cell
from shadowroute.analysis.results import Estimate, Measured, Range
from shadowroute.analysis.signals import GRID
from shadowroute.app.theme import CATEGORIES

LIVE: Final = CATEGORIES[5]
SHADOW: Final = CATEGORIES[0]
DOWNGRADED: Final = CATEGORIES[1]

Chart = alt.Chart | alt.LayerChart | alt.FacetChart

_PERCENT: Final = 100.0
_LABEL_LIMIT: Final = 260  # px; Vega cuts labels at about 16 characters otherwise
_DAY_LABELS: Final = 14  # as many fit next to each other


@dataclass(frozen=True, slots=True)
class Mark:
    """One row of an interval chart: a name, and the measured quantity that belongs to it."""

    name: str
    measured: Measured


def intervals(marks: Sequence[Mark], *, title: str, scale: Scale, signed: bool = False) -> Chart:
    """A dot with its 95 % interval per name; a range is a bar without a dot, and an unknown is left out.

    Args:
        marks: top to bottom.
        title: of the axis, with its unit.
        scale: how numbers are written; percentages are drawn times 100.
        signed: whether the quantity is a change; then zero is marked.
    """
    rows = [row for mark in marks if (row := _interval_row(mark, scale, signed=signed)) is not None]
    frame = pd.DataFrame(rows, columns=["name", "low", "high", "value", "text"])
    order = [mark.name for mark in marks]
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=_LABEL_LIMIT, ticks=False, domain=False))
    tooltip = [alt.Tooltip("name:N", title="segment"), alt.Tooltip("text:N", title=title)]
    base = alt.Chart(frame).encode(y=y, tooltip=tooltip)
    bounds = alt.Scale(zero=signed, nice=True)
    x = alt.X("low:Q", title=title, scale=bounds, axis=alt.Axis(tickCount=8))
    layers = [
        base.mark_rule(strokeWidth=6, strokeCap="round", opacity=0.5, color=SHADOW).encode(x=x, x2="high:Q"),
        base.mark_point(size=80, filled=True, opacity=1, color=SHADOW).encode(x=alt.X("value:Q", scale=bounds)),
    ]
    if signed:
        zero = pd.DataFrame({"zero": [0.0]})
        layers.insert(0, alt.Chart(zero).mark_rule(strokeDash=[4, 3], color=LIVE).encode(x="zero:Q"))
    return alt.layer(*layers).properties(height=max(90, 34 * len(order) + 40))


def intervals_if_any(marks: Sequence[Mark], *, title: str, scale: Scale, signed: bool = False) -> Chart | None:
    """The same; None if everything is unknown, because an empty chart looks like zero."""
    if not any(is_drawn(mark.measured) for mark in marks):
        return None
    return intervals(marks, title=title, scale=scale, signed=signed)


def by_day(days: Mapping[str, Measured], *, title: str, signed: bool = False) -> Chart:
    """A share or change in percent per UTC day with its 95 % band; days without a number are gaps."""
    rows = []
    for day, measured in days.items():
        row = _interval_row(Mark(day, measured), "percent", signed=signed)
        if row is not None:
            rows.append(row)
    frame = pd.DataFrame(rows, columns=["name", "low", "high", "value", "text"])
    # A tick per day that is there: Vega would put some between two days and name both with the same day.
    ticks = list(frame["name"])[:: max(1, -(-len(frame) // _DAY_LABELS))]
    x = alt.X("utcyearmonthdate(name):T", title=None, axis=alt.Axis(format="%d %b", values=ticks))
    tooltip = [alt.Tooltip("name:N", title="day"), alt.Tooltip("text:N", title=title)]
    base = alt.Chart(frame).encode(x=x, tooltip=tooltip)
    scale_y = alt.Scale(zero=signed, nice=True)
    band = base.mark_area(opacity=0.3, color=SHADOW).encode(y=alt.Y("low:Q", title=title, scale=scale_y), y2="high:Q")
    line = base.mark_line(point=True, color=SHADOW).encode(y=alt.Y("value:Q", scale=scale_y))
    return alt.layer(band, line).properties(height=240)


def distributions(groups: Mapping[str, Sequence[float]], *, title: str) -> Chart:
    """Shares of requests by value of the signal, groups side by side, in steps of 0.05.

    Args:
        groups: name to 21 shares.
        title: of the axis.
    """
    rows = [
        {"group": name, "from": f"{step / GRID:.2f}", "share": share * _PERCENT}
        for name, shares in groups.items()
        for step, share in enumerate(shares)
    ]
    order = list(groups)
    colour = alt.Scale(domain=order, range=[DOWNGRADED, LIVE])
    chart: alt.Chart = (
        alt.Chart(pd.DataFrame(rows, columns=["group", "from", "share"]))
        .mark_bar()
        .encode(
            x=alt.X("from:O", title=title, axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("group:N", sort=order),
            y=alt.Y("share:Q", title="% of rated requests"),
            color=alt.Color("group:N", sort=order, scale=colour, legend=alt.Legend(title=None, orient="top")),
            tooltip=["group:N", alt.Tooltip("from:O", title="from"), alt.Tooltip("share:Q", format=".1f", title="%")],
        )
        .properties(height=280)
    )
    return chart


def flows(cells: Sequence[Cell]) -> dict[str, Any]:
    """An ECharts sankey of the moved requests: live's model on the left, the shadow's on the right."""
    left = list(dict.fromkeys(cell.live_model for cell in cells))
    right = list(dict.fromkeys(cell.shadow_model for cell in cells))
    colours = {model: CATEGORIES[i % len(CATEGORIES)] for i, model in enumerate(dict.fromkeys(left + right))}
    nodes = [
        {"name": f"{side} {model}", "depth": depth, "itemStyle": {"color": colours[model]}}
        for depth, (side, models) in enumerate((("live:", left), ("shadow:", right)))
        for model in models
    ]
    links = [
        {"source": f"live: {cell.live_model}", "target": f"shadow: {cell.shadow_model}", "value": round(cell.weight)}
        for cell in cells
    ]
    series = {
        "type": "sankey",
        "data": nodes,
        "links": links,
        "left": 8,
        # Room for the longest name, at 13 px; a phone is 366 px wide.
        "right": min(220, 24 + max((7 * len(f"shadow: {cell.shadow_model}") for cell in cells), default=0)),
        "top": 12,
        "bottom": 12,
        "nodeGap": 14,
        "draggable": False,
        "emphasis": {"focus": "adjacency"},
        "lineStyle": {"color": "source", "opacity": 0.35},
        "label": {"fontSize": 13, "overflow": "none"},
    }
    return {"tooltip": {"trigger": "item"}, "series": [series]}


def is_drawn(measured: Measured) -> bool:
    """Whether a chart can show it."""
    return isinstance(measured, (Estimate, Range))


def _interval_row(mark: Mark, scale: Scale, *, signed: bool) -> dict[str, Any] | None:
    factor = _PERCENT if scale in {"percent", "points"} else 1.0
    text = brief(mark.measured, scale, signed=signed)
    match mark.measured:
        case Estimate():
            bounds = mark.measured.interval
            value: float | None = mark.measured.value * factor
            low, high = bounds.low * factor, bounds.high * factor
        case Range():
            value, low, high = None, mark.measured.low * factor, mark.measured.high * factor
        case _:
            return None
    return {"name": mark.name, "low": low, "high": high, "value": value, "text": text}
