"""`shadowroute calculator`: expected cost, time and errors of a mix of routes, before any measurement."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from shadowroute.app.cli.options import JsonOption

if TYPE_CHECKING:
    from shadowroute.analysis.calculator import Expected

SCHEMA: Final = "shadowroute/calculator/1"


def calculator(
    *,
    file: Annotated[Path | None, typer.Option(help="YAML file of routes; else give --route.")] = None,
    route: Annotated[
        list[str] | None,
        typer.Option(
            help="'small: share=70%, usd=0.0004, latency_s=0.8, quality=91%, escalates=8%, to=large'; once per route."
        ),
    ] = None,
    requests: Annotated[
        float, typer.Option(min=0, help="Number of requests for the totals, for example of a month.")
    ] = 1.0,
    router_usd: Annotated[float, typer.Option(min=0, help="Cost of one routing decision, USD.")] = 0.0,
    bad_answer_usd: Annotated[
        float | None, typer.Option(min=0, help="Later cost of a bad answer, such as a retry or a support case, USD.")
    ] = None,
    baseline: Annotated[str, typer.Option(help="Route of all requests without a router.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Expected cost, latency, quality, escalation and risk over route shares. Reads no store."""
    from shadow.errors import ConfigError
    from shadowroute.analysis.as_json import to_json
    from shadowroute.analysis.calculator_file import load_mix, mix_of

    if (file is None) == (not route):
        raise typer.BadParameter("give either --file or --route")
    if file is not None:
        made = load_mix(file).expected()
    else:
        try:
            made = mix_of(
                route or [],
                requests=requests,
                router_usd=router_usd,
                bad_answer_usd=bad_answer_usd,
                baseline=baseline or None,
            ).expected()
        except (ConfigError, ValueError) as error:
            raise typer.BadParameter(str(error)) from None
    print(json.dumps(to_json(made, SCHEMA), indent=2) if as_json else _text(made))


def _text(made: Expected) -> str:
    from shadowroute.analysis.format import UNKNOWN, counted, number, percent, usd
    from shadowroute.app.tables import text_table

    def money(value: float | None) -> str:
        return UNKNOWN if value is None else usd(value)

    def share(value: float | None) -> str:
        return UNKNOWN if value is None else percent(value)

    def seconds(value: float | None) -> str:
        return UNKNOWN if value is None else number(value, "seconds")

    header = ("route", "share", "usd a request", "latency", "good answers", "escalates", "break-even")
    routes = [
        (
            each.name,
            percent(each.share),
            usd(each.usd),
            seconds(each.latency_s),
            share(each.quality),
            percent(each.escalates),
            "" if each.break_even is None else percent(each.break_even),
        )
        for each in made.routes
    ]
    request = f"{usd(made.usd)}, {seconds(made.latency_s)}, {share(made.quality)} good answers"
    lines = [text_table(header, routes), f"A request: {request}, {percent(made.escalation)} pay twice."]
    bad = f"{UNKNOWN} bad answers" if made.bad_answers is None else counted(made.bad_answers, "bad answer")
    lines.append(
        f"{counted(made.requests, 'request')}: {usd(made.total_usd)}; {bad}"
        + ("." if made.risk_usd is None else f", {money(made.risk_usd)} of that.")
    )
    if made.baseline_usd is not None:
        lines.append(
            f"Without a router: {usd(made.baseline_usd)}; the mix saves {share(made.saves)}"
            + (
                "."
                if made.quality_change is None
                else f" and changes quality by {number(made.quality_change, 'points', signed=True)}."
            )
        )
    return "\n".join(lines)
