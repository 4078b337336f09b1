"""The documentation names what the code has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from shadow import keys
from tests.support.groups import ROOT

DOCS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")])
FOREIGN_KEYS: Final = {"gen_ai.evaluation.result"}


def attribute_keys() -> set[str]:
    values = {value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str)}
    return {value for value in values if value.startswith(("llm_router.", "gen_ai.", "error."))}


def test_every_attribute_key_is_documented() -> None:
    """A key that the SDK writes stands in the span contract."""
    text = (ROOT / "docs/reference/spans.md").read_text()
    assert sorted(key for key in attribute_keys() if f"`{key}`" not in text) == []


def test_the_span_contract_names_no_key_that_the_code_does_not_know() -> None:
    """A key in the contract is a constant in the code."""
    text = (ROOT / "docs/reference/spans.md").read_text()
    named = set(re.findall(r"`((?:llm_router|gen_ai)\.[a-z_.]+[a-z])`", text))
    assert sorted(named - attribute_keys() - FOREIGN_KEYS) == []


def test_relative_links_lead_somewhere() -> None:
    """A link or picture in the documentation exists."""
    broken = []
    for page in DOCS:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_every_environment_variable_is_documented() -> None:
    """A variable that the code reads stands in the configuration reference."""
    pattern = re.compile(r"[\"'](SHADOW_[A-Z_]+|SHADOWROUTE_[A-Z_]+)[\"']")
    used: set[str] = set()
    for folder in ("shadow", "collector", "analysis", "app"):
        for path in (ROOT / folder).rglob("*.py"):
            used |= set(pattern.findall(path.read_text()))
    text = (ROOT / "docs/reference/configuration.md").read_text()
    assert sorted(name for name in used if f"`{name}`" not in text) == []


def test_no_module_is_a_hub() -> None:
    """A module stays below 400 lines, and none is called utils."""
    sources = [path for folder in ("shadow", "collector", "analysis", "app") for path in (ROOT / folder).rglob("*.py")]
    assert [str(path.relative_to(ROOT)) for path in sources if path.stem in {"utils", "helpers", "common"}] == []
    assert [_name(path) for path in sources if len(path.read_text().splitlines()) > 400] == []


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))
