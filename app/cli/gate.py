"""`shadowroute gate`: the verdict of a plan on a policy's rollout. The exit code is the answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from shadowroute.app.cli.choosing import chosen_project
from shadowroute.app.cli.options import DEFAULT_STORE, JsonOption, ProjectOption, StoreOption
from shadowroute.app.cli.registering import checked_plan, registered
from shadowroute.app.cli.writing import check_writable

if TYPE_CHECKING:
    from shadowroute.analysis.verdict.results import Judgement

SHIPPED: Final = 0
REJECTED: Final = 1
NEEDS_MORE: Final = 2
PERSON: Final = 3

_PANEL: Final = "Output"


def gate(
    *,
    plan: Annotated[Path | None, typer.Option(help="Plan file with the conditions.")] = None,
    packet: Annotated[
        Path | None,
        typer.Option(help="Folder of an evidence packet: check it and print its verdict, without a store."),
    ] = None,
    policy: Annotated[str, typer.Option(help="Expected policy of the plan; another one is an error.")] = "",
    project: ProjectOption = "",
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    comment: Annotated[
        str,
        typer.Option(
            help="Write the judgement as Markdown for a pull request to this file; - is stdout.",
            rich_help_panel=_PANEL,
        ),
    ] = "",
    public_url: Annotated[
        str,
        typer.Option(
            envvar="SHADOWROUTE_PUBLIC_URL",
            help="Address of the review app, for links in the comment.",
            rich_help_panel=_PANEL,
        ),
    ] = "",
) -> int:
    """Print the verdict on a plan, condition by condition. Exit 0 SHIP, 1 REJECT, 2 NEED_MORE, 3 a person decides."""
    if as_json and comment == "-":
        raise typer.BadParameter("--json and --comment - both write to stdout; give one of them a file")
    if comment not in {"", "-"}:
        check_writable(Path(comment), "--comment")  # before the plan is recorded
    if packet is not None and plan is not None:
        raise typer.BadParameter("--plan judges the store and --packet prints a stored judgement; leave one out")
    if packet is not None:
        judgement = from_packet(packet, policy=policy)
    elif plan is not None:
        judgement = judged(plan, store=store, project=project, policy=policy)
    else:
        raise typer.BadParameter("the gate needs --plan FILE, or --packet DIR for a stored judgement")
    from shadowroute.analysis.verdict.judgement_json import judgement_json
    from shadowroute.app.gate_text import gate_comment, gate_text

    file = str(plan or packet)
    code, reason = answer(judgement)
    if comment:
        text = gate_comment(judgement, file=file, code=code, reason=reason, public_url=public_url)
        written(comment, text)
    if as_json:
        print(json.dumps(judgement_json(judgement) | {"exit_code": code, "exit_reason": reason}, indent=2))
    elif comment != "-":
        print(gate_text(judgement, file=file, code=code, reason=reason))
    return code


def from_packet(folder: Path, *, policy: str) -> Judgement:
    """The judgement of an unchanged packet.

    Raises:
        ConfigError: the packet was changed, is not signed with our key, or judges nothing.
    """
    from shadow.errors import ConfigError
    from shadowroute.analysis.packet.manifest import key_from_environment
    from shadowroute.app.packet import files

    checked = files.check(folder, key=key_from_environment())
    print(f"{folder}: {checked.integrity}", file=sys.stderr)
    judgement = checked.judgement
    if judgement is None:
        raise ConfigError("packet must hold a judgement; write it with report --plan FILE --packet DIR", file=folder)
    if policy and policy != judgement.policy.name:
        raise typer.BadParameter(f"--policy must be the packet's, {judgement.policy.name}, got {policy!r}")
    return judgement


def judged(file: Path, *, store: str, project: str, policy: str) -> Judgement:
    """The judgement by a plan file, which is recorded in the store first."""
    from shadowroute.analysis.queries import Queries
    from shadowroute.analysis.verdict.judge import judge
    from shadowroute.collector.store import open_store

    plan = checked_plan(file, policy=policy)
    with open_store(store, create=False) as opened:
        queries = Queries(opened.reader(), chosen_project(opened, project))
        return judge(queries, registered(plan, opened, queries.project))


def answer(judgement: Judgement) -> tuple[int, str]:
    """The exit code of a judgement, with the reason if the verdict alone does not give it."""
    from shadowroute.analysis.verdict.results import Verdict

    match judgement.verdict:
        case Verdict.SHIP if judgement.plan.signatures == 0:
            return SHIPPED, "the plan asks for no signature"
        case Verdict.SHIP:
            return PERSON, "SHIP, not signed"
        case Verdict.REJECT:
            return REJECTED, ""
        case Verdict.HOLD:
            return PERSON, "HOLD"
        case Verdict.NEED_MORE:
            return NEEDS_MORE, ""


def written(where: str, text: str) -> None:
    """Write to a file, or to stdout for `-`."""
    if where == "-":
        sys.stdout.write(text)
    else:
        Path(where).write_text(text, encoding="utf-8")
