"""The part of `shadowroute report` that judges one policy by a plan and writes its evidence packet."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from shadowroute.app.cli.choosing import chosen_policies, chosen_study
from shadowroute.app.cli.registering import checked_plan, registered

if TYPE_CHECKING:
    from shadowroute.analysis.packet.content import Packet
    from shadowroute.analysis.selection import PolicyRef
    from shadowroute.analysis.study import Study


@dataclass(frozen=True, kw_only=True)
class PacketRequest:
    """The options of the command line.

    Attributes:
        plan: judges; it gives policy, days and prices. None measures one policy without judging.
        folder: of the packet; None writes none. page: file of its page alone.
    """

    store: str
    project: str
    policy: str
    plan: Path | None
    first: date | None
    last: date | None
    folder: Path | None
    page: Path | None
    as_md: bool
    as_json: bool


def write_packet(wanted: PacketRequest) -> None:
    """Make the packet, write the requested files, and print the rest.

    Raises:
        ConfigError: the plan is wrong, or the folder holds something else.
    """
    from shadowroute.analysis.as_json import to_json
    from shadowroute.analysis.packet.content import SCHEMA
    from shadowroute.analysis.packet.manifest import key_from_environment
    from shadowroute.app.cli.writing import check_writable
    from shadowroute.app.packet import files, page

    key = key_from_environment()
    # An unwritable file is reported before a plan is recorded and figures are computed.
    if wanted.folder:
        files.check_room(wanted.folder)
    if wanted.page:
        check_writable(wanted.page, "--html")
    packet = _made(wanted)
    if wanted.folder:
        for file in files.write(packet, wanted.folder, key=key):
            print(f"wrote {file}", file=sys.stderr)
    if wanted.page:
        wanted.page.write_text(page.html(packet), encoding="utf-8")
    if wanted.as_json:
        print(json.dumps(to_json(packet, SCHEMA), indent=2))
    elif wanted.as_md:
        print(page.markdown(packet), end="")
    else:
        print(_text(packet))


def _made(wanted: PacketRequest) -> Packet:
    from shadowroute.analysis.packet.content import packet
    from shadowroute.collector.store import open_store

    now = datetime.now(UTC)
    if wanted.plan and (wanted.first or wanted.last):
        raise typer.BadParameter("--from and --to exclude --plan: the plan names the days")
    file = checked_plan(wanted.plan, policy=wanted.policy) if wanted.plan else None
    with open_store(wanted.store, create=False) as opened:
        study = chosen_study(opened, wanted.project, wanted.first, wanted.last)
        plan = registered(file, opened, study.project.project) if file else None
        policy = _policy(study, plan.plan.document.policy if plan else wanted.policy)
        return packet(study.project, policy, study.window, book=study.book, now=now, plan=plan)


def _policy(study: Study, name: str) -> PolicyRef:
    """The newest version of the policy; a plan judges even a policy that has not decided yet."""
    from shadowroute.analysis.selection import PolicyRef

    if not name:
        raise typer.BadParameter("a packet is about one policy: give --policy NAME, or --plan FILE")
    versions = [row for row in study.shadows if row.policy.name == name]
    if not versions:
        chosen_policies(study, name)
    newest = max(versions, key=lambda row: (row.last, row.first, row.n), default=None)
    return PolicyRef(name, "") if newest is None else newest.policy


def _text(packet: Packet) -> str:
    """The verdict, and the measures of the policy as `report` prints them."""
    from dataclasses import replace

    from shadowroute.app.text_report import report_text

    measured = replace(packet.report, policies=(packet.evidence.report,))
    judgement = packet.judgement
    return report_text(measured, judged="" if judgement is None else f"{judgement.verdict}  {judgement.sentence}")
