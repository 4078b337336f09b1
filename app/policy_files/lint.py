"""Checks of a policy file or a whole routing folder, and of rules that can never decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shadow.config.check import check
from shadow.config.policy_document import PolicyDocument, RangeDocument, WhenDocument
from shadow.config.source import Source, read_source
from shadow.config.validation import validated
from shadow.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Linted:
    """Findings: problems end a deployment, warnings do not; one line each, with file and line."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)


def lint(path: Path) -> Linted:
    """Check a file, or a folder's shadow.yaml, models.yaml, policies/*.yaml and plans/*.yaml.

    Raises:
        ConfigError: there is nothing to check.
    """
    files = _files_of(path) if path.is_dir() else [path]
    if not files:
        raise ConfigError("folder must hold shadow.yaml, models.yaml, policies/ or plans/, got none", file=path)
    found = Linted()
    for file in files:
        _lint_file(file, found)
    return Linted(*(list(dict.fromkeys(lines)) for lines in (found.problems, found.warnings, found.summaries)))


def _files_of(folder: Path) -> list[Path]:
    named = [folder / name for name in ("shadow.yaml", "router.yaml", "models.yaml") if (folder / name).is_file()]
    return named + [file for part in ("policies", "plans") for file in sorted((folder / part).glob("*.yaml"))]


def _lint_file(file: Path, found: Linted) -> None:
    if _is_plan(file):
        _lint_plan(file, found)
        return
    checked = check(file)
    found.problems.extend(checked.problems)
    if checked.summary:
        found.summaries.append(f"{file}: {checked.summary}")
    if not checked.problems:
        found.warnings.extend(_unreachable(file))


def _is_plan(file: Path) -> bool:
    try:
        keys = read_source(file).value
    except ConfigError:
        return False
    return isinstance(keys, dict) and "plan" in keys


def _lint_plan(file: Path, found: Linted) -> None:
    from shadowroute.analysis.plan import load_plan  # noqa: PLC0415 - a policy alone is checked without the analysis

    try:
        plan = load_plan(file)
    except ConfigError as error:
        found.problems.append(str(error))
    else:
        found.summaries.append(f"{file}: plan {plan.name} {plan.hash} for {plan.document.policy}")


def _unreachable(file: Path) -> Iterator[str]:
    """Rules that can never decide, because an earlier one applies wherever they would."""
    source = read_source(file)
    if not isinstance(source.value, dict) or "policy" not in source.value:
        return
    document = validated(source, PolicyDocument, "policy", [])
    rules = (document.choose.rules or []) if document is not None else []
    for place, rule in enumerate(rules):
        for earlier, other in enumerate(rules[:place]):
            if rule.when is not None and other.when is not None and _covers(other.when, rule.when):
                yield _warning(source, place, earlier)
                break


def _warning(source: Source, place: int, earlier: int) -> str:
    text = (
        f"rule {place + 1} can never decide: rule {earlier + 1} applies wherever it would; put it first, or remove it"
    )
    return str(source.error(text, ("choose", "rules", place)))


def _covers(wide: WhenDocument, narrow: WhenDocument) -> bool:
    """Whether every request that fits `narrow` fits `wide`."""
    return all(
        _condition_covers(getattr(wide, name), getattr(narrow, name))
        for name in WhenDocument.model_fields
        if getattr(wide, name) is not None
    )


def _condition_covers(wide: Any, narrow: Any) -> bool:
    if narrow is None:
        return False
    if isinstance(wide, RangeDocument):
        return (wide.at_least or 0) <= (narrow.at_least or 0) and (
            wide.at_most is None or (narrow.at_most is not None and narrow.at_most <= wide.at_most)
        )
    if isinstance(wide, dict):
        return all(key in narrow and set(narrow[key]) <= set(values) for key, values in wide.items())
    if isinstance(wide, list):
        return set(narrow) <= set(wide)
    return bool(wide == narrow)
