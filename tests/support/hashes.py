"""Every hash that is recorded beside traffic or a plan, for the documents of this repository."""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast
from unittest.mock import patch

from shadow.config import load_catalogue, load_policy
from shadow.config.policy_document import PolicyDocument
from shadow.config.policy_version import policy_version
from shadow.config.source import read_source
from shadow.config.validation import validated
from shadow.domain.policy import Decision, Step
from shadow.errors import ConfigError
from shadow.prices import catalogue
from shadowroute.analysis.plan import load_plan
from shadowroute.app.demo.plans import write_plans
from shadowroute.app.demo.traffic import Traffic
from shadowroute.app.starting_set.litellm_config import read_litellm
from tests.support import judged_fortnight, plans
from tests.support.groups import ROOT

GOLDEN: Final = ROOT / "tests" / "golden"
CATALOGUES: Final = ("models.yaml", "prices.yaml", "../models.yaml")
"""Where the models of a policy file are, from its folder."""
STEPS: Final = {
    "one model": [Step(kind="primary", model="gpt-5")],
    "fallback": [Step(kind="primary", model="gpt-5"), Step(kind="fallback", model="gpt-4.1")],
    "cascade": [
        Step(kind="primary", model="gpt-5-mini", accept_if=("not_refusal", "length(at least 10)")),
        Step(kind="escalation", model="gpt-5"),
    ],
    "retries": [
        Step(kind="primary", model="gpt-5-mini", accept_if=("not_refusal",), retry_same=2, tells_why=True),
        Step(kind="escalation", model="gpt-5", accept_if=("not_refusal",), retry_same=1),
    ],
    "draft": [
        Step(kind="primary", model="gpt-5-mini"),
        Step(kind="escalation", model="gpt-5", verifies=True, retry_same=1),
    ],
}


def hashes(folder: Path) -> dict[str, str]:
    """All of them, by kind and document.

    Args:
        folder: empty; for files that are made here.
    """
    return dict(sorted([*_documents(), *_policies(), *_plans(folder), *_steps(), *_others()]))


def policy_files() -> list[Path]:
    """Every policy file of the examples and the demo."""
    files = [*(ROOT / "examples").rglob("*.yaml"), *(ROOT / "app" / "demo").rglob("*.yaml")]
    return [
        file for file in files if re.search("^policy:", file.read_text(), re.MULTILINE) and "plans" not in file.parts
    ]


def document_files() -> list[Path]:
    """Policy files that together hold every key, most of them with its default."""
    return [file for file in sorted(GOLDEN.glob("every_key_*.yaml")) if "plan" not in file.stem]


def policy_document(file: Path) -> PolicyDocument:
    """The checked document of a policy file."""
    problems: list[ConfigError] = []
    document = validated(read_source(file), PolicyDocument, "policy", problems)
    assert document is not None, problems
    return document


def plan_files(folder: Path) -> dict[str, Path]:
    """Every plan of the examples, documentation, demo and tests, as a file."""
    texts = {
        "README.md": _block(ROOT / "README.md"),
        "docs/verdict.md": _block(ROOT / "docs" / "verdict.md"),
        "tests/support/plans.py": plans.PLAN,
        "tests/support/judged_fortnight.py": judged_fortnight.PLAN,
    }
    found = {}
    for name, text in texts.items():
        found[name] = folder / f"{name.replace('/', '-')}.yaml"
        found[name].write_text(text)
    days = SimpleNamespace(first_day=dt.date(2026, 11, 9), last_day=dt.date(2026, 11, 22))
    found |= {f"demo {name}": file for name, file in write_plans(folder / "demo", cast("Traffic", days)).items()}
    files = [*(ROOT / "examples" / "routing" / "plans").glob("*.yaml"), *GOLDEN.glob("*_plan.yaml")]
    return found | {str(file.relative_to(ROOT)): file for file in files}


def _documents() -> Iterator[tuple[str, str]]:
    """Policies that point at files and functions which do not exist: what the file alone adds to their versions."""
    for file in document_files():
        yield f"document {file.relative_to(ROOT)}", policy_version(policy_document(file), {})


def _policies() -> Iterator[tuple[str, str]]:
    sys.path.insert(0, str(ROOT / "examples" / "policies"))  # `call:` names a module there
    try:
        for file in policy_files():
            models = next(path for name in CATALOGUES if (path := file.parent / name).exists())
            yield f"policy {file.relative_to(ROOT)}", load_policy(file, load_catalogue(models)).version
    finally:
        sys.path.pop(0)


def _plans(folder: Path) -> Iterator[tuple[str, str]]:
    for name, file in plan_files(folder).items():
        yield f"plan {name}", load_plan(file).hash


def _steps() -> Iterator[tuple[str, str]]:
    for name, steps in STEPS.items():
        yield f"steps {name}", Decision(policy="p", version="1", steps=tuple(steps)).steps_id


def _others() -> Iterator[tuple[str, str]]:
    yield "litellm config", read_litellm(ROOT / "examples" / "litellm_proxy" / "config.yaml").version
    with patch.object(catalogue, "registry_version", lambda: "genai-prices-0"):
        for file in sorted((ROOT / "examples" / "backtest").rglob("prices.yaml")):
            yield f"price book {file.relative_to(ROOT)}", load_catalogue(file).book_id


def _block(page: Path) -> str:
    """The first YAML of a page that is a plan."""
    blocks: list[Any] = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    return next(str(block) for block in blocks if re.search("^plan:", block, re.MULTILINE))
