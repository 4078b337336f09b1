"""`shadowroute report`: the four measures of every shadow policy, as text, JSON or CSV."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shadowroute.app.cli.exits import NothingStoredError
from shadowroute.app.cli.options import DEFAULT_STORE, JsonOption, ProjectOption, StoreOption, day

if TYPE_CHECKING:
    from shadowroute.analysis.queries import Queries
    from shadowroute.analysis.report import ProjectReport
    from shadowroute.analysis.rows import SignalRow
    from shadowroute.analysis.selection import PolicyRef, Window
    from shadowroute.collector.store import Store


def report(
    *,
    project: ProjectOption = "",
    policy: Annotated[str, typer.Option(help="Only this shadow policy.")] = "",
    first: Annotated[
        str, typer.Option("--from", help="First UTC day, YYYY-MM-DD; default: the first with requests.")
    ] = "",
    last: Annotated[str, typer.Option("--to", help="Last UTC day, YYYY-MM-DD; default: the last with requests.")] = "",
    by: Annotated[
        list[str] | None, typer.Option(help="Segment key to break down by: task, user_tier, ... May be repeated.")
    ] = None,
    signal: Annotated[str, typer.Option(help="Quality signal; default: the one most requests have.")] = "",
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
    """Print what every shadow policy would have done: divergence, cost, escalation, quality; with a plan, judge it."""
    if sum((as_json, as_csv, as_md)) > 1:
        raise typer.BadParameter("--json, --csv and --md exclude each other")
    is_packet = bool(plan or packet or html or as_md)
    if is_packet and (as_csv or by or signal):
        raise typer.BadParameter(
            "--csv, --by and --signal have no meaning in a packet; its plan names segments and signals"
        )
    first_day, last_day = day(first), day(last)
    from shadowroute.analysis.as_json import to_json
    from shadowroute.analysis.queries import Queries
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
        queries = Queries(opened.reader(), chosen_project(opened, project))
        window = chosen_window(queries, first_day, last_day)
        made = _report(queries, window, policy=policy, by=by or [], signal=signal)
    if as_json:
        print(json.dumps(to_json(made), indent=2))
    elif as_csv:
        print(csv_text(CSV_HEADER, csv_rows(made)), end="")
    else:
        print(report_text(made))


def chosen_project(store: Store, asked: str) -> str:
    """The project to report on: the one asked for, or the only one of the store.

    Raises:
        NothingStoredError: the store holds no decision.
        typer.BadParameter: it does not hold this project, or holds several and none was asked for.
    """
    from shadowroute.analysis.queries import projects

    known = projects(store.reader())
    if not known:
        raise NothingStoredError(f"{store.dsn} holds no decisions yet; send some, or run shadowroute demo")
    names = ", ".join(known)
    if asked and asked not in known:
        raise typer.BadParameter(f"--project must be one that the store holds ({names}), got {asked!r}")
    if not asked and len(known) > 1:
        raise typer.BadParameter(f"--project must be given, because the store holds several: {names}")
    return asked or known[0]


def chosen_window(queries: Queries, first: date | None, last: date | None) -> Window:
    """The days asked for; an open end is the first or last day that has figures.

    Raises:
        NothingStoredError: there are no figures yet.
        typer.BadParameter: the days are in the wrong order.
    """
    from shadowroute.analysis.selection import Window

    available = queries.window_available()
    if available is None:
        raise NothingStoredError(
            f"project {queries.project} has no figures yet; run shadowroute rollup, or wait for `up`"
        )
    try:
        return Window(first or available.first, last or available.last)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _report(queries: Queries, window: Window, *, policy: str, by: list[str], signal: str) -> ProjectReport:
    from shadowroute.analysis.report import project_report
    from shadowroute.collector.price_books import current_book

    return project_report(
        queries,
        window,
        book=current_book(queries.client, queries.project) or "",
        only=chosen_policies(queries, window, policy) if policy else None,
        by=chosen_keys(queries, window, by) if by else (),
        signal=chosen_signal(queries, window, signal) if signal else None,
    )


def chosen_keys(queries: Queries, window: Window, wanted: list[str]) -> list[str]:
    """The segment keys asked for.

    Raises:
        typer.BadParameter: one of them is no key of any decision in the window.
    """
    shadows = [row.policy for row in queries.policies(window) if not row.is_live]
    known = sorted({row.key for policy in shadows for row in queries.segments(window, policy)})
    for key in wanted:
        if key not in known:
            raise typer.BadParameter(
                f"--by must be a segment key of {window} ({', '.join(known) or 'none'}), got {key!r}"
            )
    return wanted


def chosen_policies(queries: Queries, window: Window, name: str) -> list[PolicyRef]:
    """Every version of the named shadow policy that decided in the window.

    Raises:
        typer.BadParameter: it did not decide there.
    """
    shadows = [row.policy for row in queries.policies(window) if not row.is_live]
    found = [policy for policy in shadows if policy.name == name]
    if not found:
        names = ", ".join(dict.fromkeys(policy.name for policy in shadows)) or "none"
        raise typer.BadParameter(f"--policy must have decided in {window} ({names}), got {name!r}")
    return found


def chosen_signal(queries: Queries, window: Window, name: str) -> SignalRow:
    """The named signal, from the source that most requests have it from.

    Raises:
        typer.BadParameter: no decision of the window has it.
    """
    seen = queries.signals_seen(window)
    for row in seen:
        if row.name == name:
            return row
    names = ", ".join(dict.fromkeys(row.name for row in seen)) or "none"
    raise typer.BadParameter(f"--signal must have been seen in {window} ({names}), got {name!r}")
