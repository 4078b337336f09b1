"""`shadowroute policy lint|explain|diff`: policy files on their own, without a store and without traffic."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shadowroute.app.cli.options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shadow.domain.policy import Policy
    from shadow.domain.request import Request

policies = typer.Typer(
    name="policy", help="Check, explain and compare policy files; reads no store.", no_args_is_help=True
)

PolicyArgument = Annotated[Path, typer.Argument(help="Policy file.", show_default=False)]
ModelsOption = Annotated[
    Path | None, typer.Option(help="models.yaml. Default: beside the policy or one folder above, else the registry.")
]
StateOption = Annotated[
    str, typer.Option(help='JSON: observed values by model, as {"gpt-5": {"latency_s": 2.5}}. Default: no state.')
]


@policies.command()
def lint(
    path: Annotated[Path, typer.Argument(help="Policy, plan, models.yaml, shadow.yaml, or a routing folder.")],
    *,
    as_json: JsonOption = False,
) -> int:
    """Check files: every problem with file and line, and rules that can never decide. Exit 65 with problems."""
    from shadow.runtime.exits import BAD_FILE, OK
    from shadowroute.app.policy_files.lint import lint as check_files

    found = check_files(path)
    if as_json:
        print(json.dumps({"problems": found.problems, "warnings": found.warnings, "files": found.summaries}, indent=2))
    else:
        for problem in found.problems:
            print(problem, file=sys.stderr)
        for warning in found.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        for summary in found.summaries:
            print(summary)
    return BAD_FILE if found.problems else OK


@policies.command()
def explain(
    file: PolicyArgument,
    *,
    request: Annotated[str, typer.Option(help='JSON: {"task": "extract", "input_tokens": 900, "messages": [...]}.')],
    state: StateOption = "",
    models: ModelsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain the decision of a policy on one request."""
    from shadow.errors import ConfigError, PolicyError
    from shadowroute.app.policy_files.explain import as_document, explained
    from shadowroute.app.policy_files.sample import sample_request, sample_state

    policy, asked = _policy(file, models), sample_request(request)
    try:
        decision = policy.decide(asked, sample_state(state))
    except PolicyError as error:
        raise ConfigError(f"{error}; add it to --request", file=file) from None
    print(json.dumps(as_document(decision), indent=2) if as_json else explained(decision, asked))


@policies.command()
def diff(
    before: PolicyArgument,
    after: PolicyArgument,
    *,
    request: Annotated[
        list[str] | None, typer.Option(help="A sample request as JSON; may be given several times.")
    ] = None,
    queries: Annotated[Path | None, typer.Option(help="Parquet with queries, as for a backtest.")] = None,
    state: StateOption = "",
    models: ModelsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two policies: their documents, and their decisions on the given requests."""
    from shadowroute.app.policy_files.compare import decision_diff, document_diff
    from shadowroute.app.policy_files.sample import sample_state

    lines = document_diff(before, after)
    policies_asked = (_policy(before, models), _policy(after, models))
    found = decision_diff(*policies_asked, _requests(request or [], queries), sample_state(state))
    if as_json:
        moves = [{"before": one, "after": other, "n": n} for one, other, n in found.moves]
        document = {"document": lines, "n": found.n, "model": found.model, "steps": found.steps, "moves": moves}
        print(json.dumps(document, indent=2))
        return
    print("\n".join(lines) or "Both documents are equal.")
    if found.n:
        from shadowroute.analysis.format import counted

        share = f" ({found.model / found.n:.1%})" if found.n > 1 else ""
        print(
            f"\n{counted(found.n, 'request')}: another first model on {found.model:,}{share},"
            f" other steps on {found.steps:,}."
        )
        for one, other, n in found.moves:
            print(f"  {n:>8,}  {one} -> {other}")


def _policy(file: Path, models: Path | None) -> Policy:
    from shadow.config import load_catalogue, load_policy
    from shadow.config.check import models_file_of

    return load_policy(file, load_catalogue(models or models_file_of(file)))


def _requests(samples: list[str], queries: Path | None) -> Iterable[Request]:
    from shadowroute.app.policy_files.sample import sample_request

    yield from map(sample_request, samples)
    if queries is not None:
        from shadow.domain.ids import KeyedHash
        from shadowroute.collector.replay.readers.outcomes import load_queries

        hash_id = KeyedHash("diff")
        for query in load_queries(queries).rows:
            yield query.request(hash_id)
