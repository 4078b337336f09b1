"""Checks a routing folder without the platform: `python -m shadow check routing/shadow.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shadow.config.loading import read_routing
from shadow.config.models_file import read_catalogue
from shadow.config.policy_file import read_policy
from shadow.config.routing import Routing
from shadow.config.source import read_source
from shadow.domain.policy import LiveSpec
from shadow.errors import ConfigError
from shadow.policies.composed import Composed
from shadow.prices.catalogue import MODELS_FILE, Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The result of a check.

    Attributes:
        problems: one line each, `file:line: rule; next step`; empty if there is none.
        summary: one line about the content of the files; empty if they could not be read.
    """

    problems: tuple[str, ...]
    summary: str


def check(path: Path) -> Checked:
    """Check a shadow.yaml with all files that it names, a models.yaml, or one policy file.

    A model without a price is a problem, too, because its cost is unknown.
    """
    try:
        keys = read_source(path).value
    except ConfigError as error:
        return Checked(problems=(str(error),), summary="")
    if isinstance(keys, dict) and "policy" in keys:
        return _check_policy(path)
    if isinstance(keys, dict) and "models" in keys:
        return _check_models(path)
    return _check_routing(path)


def _check_routing(path: Path) -> Checked:
    problems: list[ConfigError] = []
    routing = read_routing(path, problems)
    if routing is None:
        return _checked(problems, "")
    policies = [policy for policy in (routing.live, *routing.shadows) if isinstance(policy, Composed)]
    models = [model for policy in policies for model in policy.models]
    problems += _unpriced(routing.catalogue, models, path.parent / MODELS_FILE)
    return _checked(problems, _summary(routing))


def _check_policy(path: Path) -> Checked:
    problems: list[ConfigError] = []
    models_file = models_file_of(path)
    catalogue = Catalogue() if models_file is None else read_catalogue(models_file, problems)
    policy = None if catalogue is None else read_policy(path, catalogue, problems)
    if policy is None or catalogue is None:
        return _checked(problems, "")
    problems += _unpriced(catalogue, policy.models, models_file or path)
    return _checked(problems, f"policy {policy.name} {policy.version} over {', '.join(policy.models) or 'any model'}")


def _check_models(path: Path) -> Checked:
    problems: list[ConfigError] = []
    catalogue = read_catalogue(path, problems)
    if catalogue is None:
        return _checked(problems, "")
    problems += _unpriced(catalogue, (), path)
    return _checked(problems, f"{len(catalogue.models)} models, price book {catalogue.book_id}")


def models_file_of(policy: Path) -> Path | None:
    """models.yaml beside the policy, or in the folder above it, as in a routing folder."""
    folders = (policy.parent, policy.parent.parent)
    return next((folder / MODELS_FILE for folder in folders if (folder / MODELS_FILE).is_file()), None)


def _unpriced(catalogue: Catalogue, used: tuple[str, ...] | list[str], models_file: Path) -> list[ConfigError]:
    listed = _lines_of_models(models_file)
    return [
        ConfigError(
            f'"{name}" has no price in book {catalogue.book_id}: its requests are counted, never priced as 0; '
            "add price_usd_per_million",
            file=models_file,
            line=listed.get(name),
        )
        for name in catalogue.unpriced((*catalogue.models, *used))
    ]


def _lines_of_models(models_file: Path) -> dict[str, int]:
    try:
        source = read_source(models_file)
    except ConfigError:
        return {}
    return {str(place[1]): line for place, line in source.lines.items() if len(place) == 2 and place[0] == "models"}


def _summary(routing: Routing) -> str:
    live = routing.live
    who = f"{live.name} {live.version or '(unversioned)'}"
    doing = "observed" if isinstance(live, LiveSpec) else "executed"
    shadows = ", ".join(f"{shadow.name} {shadow.version}" for shadow in routing.shadows) or "none"
    return (
        f"service {routing.service}, project {routing.project}; live {who}, {doing}; shadows {shadows}; "
        f"spans to {routing.export.to}"
    )


def _checked(problems: list[ConfigError], summary: str) -> Checked:
    return Checked(problems=tuple(dict.fromkeys(str(problem) for problem in problems)), summary=summary)
