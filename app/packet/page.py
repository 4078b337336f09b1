"""A packet as one self-contained HTML page and as Markdown, with the same sections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from typing import Any, Final

import jinja2
import vl_convert
from markupsafe import Markup

from shadowroute.analysis.caveats import about_judges
from shadowroute.analysis.format import counted, headline, interval, note, percent
from shadowroute.analysis.packet.content import Packet
from shadowroute.analysis.results import Measured
from shadowroute.app.caveats import own
from shadowroute.app.charts import Chart
from shadowroute.app.packet.measure_sections import (
    frontier_section,
    judges_section,
    measure_sections,
    off_policy_section,
    others_section,
    worksheet_section,
)
from shadowroute.app.packet.money_sections import concentration_section, money_sections
from shadowroute.app.packet.section import Section
from shadowroute.app.packet.verdict_sections import numbers, verdict_sections
from shadowroute.app.text_report import NOT_JUDGED

CHART_WIDTH: Final = 760
"""Pixels of a chart; the page scales it down on a phone."""
LABEL_ROOM: Final = 40
"""Pixels left of the labels: a browser's font may be wider than the one that the chart was laid out with."""


def sections(packet: Packet) -> Iterator[Section]:
    """All parts in reading order."""
    if packet.judgement is not None:
        yield from verdict_sections(packet.judgement)
    yield from money_sections(packet.evidence)
    yield from measure_sections(packet.evidence)
    yield worksheet_section(packet.worksheet)
    yield others_section(packet.report)
    known = packet.evidence
    yield frontier_section(known.frontier, known.random_control, known.savings)
    yield off_policy_section(known.off_policy)
    if known.judges:
        yield judges_section(known.judges)
    yield concentration_section(known.concentration)
    yield _caveats(packet)
    yield _inputs(packet)


def html(packet: Packet) -> str:
    """The page; all texts from traffic are escaped, and the page may load and run nothing."""
    parts = [asdict(section) | {"svg": _svg(section.chart)} for section in sections(packet)]
    return _template().render(
        title=f"{_name(packet)}: {_verdict(packet) or NOT_JUDGED}",
        verdict=_verdict(packet),
        name=_name(packet),
        scope=_scope(packet),
        sentence=_sentence(packet),
        numbers=list(_numbers(packet)),
        sections=parts,
    )


def markdown(packet: Packet) -> str:
    """The same as Markdown, without charts."""
    lines = [f"# {_verdict(packet) or NOT_JUDGED}: {_name(packet)}", "", _scope(packet), "", _sentence(packet), ""]
    lines += [f"- {label}: **{value}** {detail}" for label, value, detail in _numbers(packet)]
    for section in sections(packet):
        lines += ["", f"## {section.title}", ""]
        for paragraph in section.text:
            lines += [paragraph, ""]
        if section.header:
            lines += [_row(section.header), _row(["---"] * len(section.header)), *(_row(row) for row in section.rows)]
    return "\n".join(lines) + "\n"


def _name(packet: Packet) -> str:
    return str(packet.policy)


def _verdict(packet: Packet) -> str:
    return "" if packet.judgement is None else str(packet.judgement.verdict)


def _sentence(packet: Packet) -> str:
    return f"{NOT_JUDGED}: no plan was given." if packet.judgement is None else packet.judgement.sentence


def _scope(packet: Packet) -> str:
    through = packet.inputs.data_through
    live = ", ".join(str(policy) for policy in packet.inputs.live) or "none"
    return (
        f"{packet.project} · {packet.window.first} to {packet.window.last} (UTC)"
        f" · {counted(packet.report.requests, 'request')} · live {live} · prices {packet.inputs.book or 'not pinned'}"
        f" · data through {f'{through:%Y-%m-%d %H:%M} UTC' if through else 'unknown'}"
    )


def _numbers(packet: Packet) -> Iterator[tuple[str, str, str]]:
    """The three numbers of the first screen."""
    judgement, overall = packet.judgement, packet.evidence.report.overall
    if judgement is None:
        yield _number("Cost", overall.cost.relative, "percent", signed=True)
        yield _number("Quality, shadow minus live", packet.evidence.executed.quality_change, "points", signed=True)
        yield _number("Decides differently", overall.divergence.model, "percent", signed=False)
        return
    for shown in numbers(judgement.headline):
        label, value, detail = _number(shown.label, shown.measured, shown.scale, signed=shown.signed)
        yield label, value, f"{detail} {shown.beside}".strip()


def _number(label: str, measured: Measured, scale: Any, *, signed: bool) -> tuple[str, str, str]:
    bounds = interval(measured, scale, signed=signed)
    return label, headline(measured, scale, signed=signed), bounds or note(measured)


def _caveats(packet: Packet) -> Section:
    known = packet.report.known_clusters_share
    about = [*packet.report.caveats, *own(packet.evidence.report), *about_judges(packet.evidence.judges)]
    return Section(
        title="Limits of these figures",
        text=(() if known is None else (f"{percent(known)} of requests carry a user or session id.",)),
        header=("what", "next step"),
        rows=tuple((caveat.text, caveat.next_step) for caveat in about),
    )


def _inputs(packet: Packet) -> Section:
    inputs = packet.inputs
    return Section(
        title="Inputs",
        text=("The same inputs give the same figures.",),
        header=("input", "name", "hash"),
        rows=(
            ("policy", packet.policy.name, inputs.policy_version),
            *(("live", live.name, live.version) for live in inputs.live),
            ("plan", inputs.plan or "none", inputs.plan_hash),
            ("prices", inputs.book or "not pinned", inputs.prices),
            ("traffic", str(packet.window), inputs.traffic),
            ("executed answers", "", inputs.executions or "none"),
            ("made by", f"shadowroute-platform {inputs.made_by}", f"{packet.made_at:%Y-%m-%d %H:%M:%S} UTC"),
        ),
    )


def _svg(chart: Chart | None) -> Markup:
    """The chart as inline SVG. Text in it is escaped by the renderer."""
    if chart is None:
        return Markup("")
    sized = chart.properties(width=CHART_WIDTH, padding={"left": LABEL_ROOM, "right": 20, "top": 5, "bottom": 5})
    return Markup(vl_convert.vegalite_to_svg(sized.to_dict()))  # noqa: S704


def _row(cells: Any) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


@cache
def _template() -> jinja2.Template:
    loader = jinja2.PackageLoader("shadowroute.app.packet", ".")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("page.html.j2")
