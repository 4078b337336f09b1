"""Elements of pages and packets: a quantity in large, and a part with its question, words, table and chart."""

from __future__ import annotations

from dataclasses import dataclass

from shadowroute.analysis.format import Scale
from shadowroute.analysis.results import Measured
from shadowroute.app.charts import Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured quantity as it is shown large.

    Attributes:
        meaning: definition and comparison; the hover text of a page.
        signed: whether it is a change.
        beside: text beside its interval: its basis, or the noise floor.
    """

    label: str
    measured: Measured
    meaning: str
    scale: Scale = "percent"
    signed: bool = False
    beside: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part.

    Attributes:
        text: paragraphs above the table.
        header: of the table; empty for none.
        rows: its cells, as many per row as the header has.
        chart: above the table; None for none.
        chart_says: the chart in words, for readers who cannot see it.
        is_folded: whether it is closed at first: for specialists.
    """

    title: str
    text: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    chart: Chart | None = None
    chart_says: str = ""
    is_folded: bool = False
