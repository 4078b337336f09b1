"""`shadowroute report`: the four measures of every shadow policy, as text, JSON or CSV."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from shadowroute.app.cli.choosing import chosen_keys, chosen_policies, chosen_signal, chosen_study
from shadowroute.app.cli.options import (
    DEFAULT_STORE,
    FromOption,
    JsonOption,
    ProjectOption,
    StoreOption,
    ToOption,
    day,
)


def report(
    *,
    project: ProjectOption = "",
    policy: Annotated[str, typer.Option(help="Only this shadow policy.")] = "",
    first: FromOption = "",
    last: ToOption = "",
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Segment keys to split by: task, user_tier, complexity, input_band, label:NAME. Repeatable, or a,b."
        ),
    ] = None,
    signal: Annotated[str, typer.Option(help="Quality signal; default: the most frequent one.")] = "",
    plan: Annotated[
        Path | None, typer.Option(help="Plan file that judges its policy; it gives policy, days and prices.")
    ] = None,
    packet: Annotated[
        Path | None, typer.Option(help="Write the evidence packet (JSON, HTML, worksheet, manifest) to this folder.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the page of the packet to this file.")] = None,
    as_md: Annotated[bool, typer.Option("--md", help="Print the page of the packet as Markdown.")] = False,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one row per policy, segment and measure.")] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Print the measures of every shadow policy: divergence, cost, escalation, quality; with a plan, judge it."""
    if sum((as_json, as_csv, as_md)) > 1:
        raise typer.BadParameter("--json, --csv and --md exclude each other")
    is_packet = bool(plan or packet or html or as_md)
    if is_packet and (as_csv or by or signal):
        raise typer.BadParameter(
            "--csv, --by and --signal have no meaning in a packet; its plan names segments and signals"
        )
    first_day, last_day = day(first), day(last)
    from dataclasses import replace

    from shadowroute.analysis.as_json import to_json
    from shadowroute.analysis.report import SCHEMA, project_report
    from shadowroute.app.cli.report_packet import PacketRequest, write_packet
    from shadowroute.app.tables import csv_text
    from shadowroute.app.text_report import CSV_HEADER, csv_rows, report_text
    from shadowroute.collector.store import open_store

    if is_packet:
        wanted = PacketRequest(
            store=store, project=project, policy=policy, plan=plan, first=first_day, last=last_day, folder=packet,
            page=html, as_md=as_md, as_json=as_json,
        )  # fmt: skip
        write_packet(wanted)
        return
    with open_store(store, create=False) as opened:
        study = chosen_study(opened, project, first_day, last_day)
        only = chosen_policies(study, policy) if policy else None
        asked = replace(study, policies=only, signal=chosen_signal(study, signal) if signal else None)
        made = project_report(asked, by=chosen_keys(study, by or []))
    if as_json:
        print(json.dumps(to_json(made, SCHEMA), indent=2))
    elif as_csv:
        print(csv_text(CSV_HEADER, csv_rows(made)), end="")
    else:
        print(report_text(made))
