"""The documentation names what the code has."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path
from types import ModuleType
from typing import Final

from shadow.config import gateway_document, policy_document, routing_document, validator_document
from shadow.config.fields import Document
from shadow.telemetry import keys
from shadowroute.analysis.plan import document as plan_document
from tests.support.groups import ROOT

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


def test_every_command_is_documented() -> None:
    """A command of the script stands in the CLI reference."""
    help_text = subprocess.run(
        [Path(sys.executable).with_name("shadowroute"), "--help"],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "120"},
    ).stdout
    commands = re.findall(r"^│ ([a-z]+) ", help_text.split("Commands", 1)[1], re.MULTILINE)
    text = (ROOT / "docs/reference/cli.md").read_text()
    assert commands
    assert [name for name in commands if f"`shadowroute {name}`" not in text] == []


def keys_of(*modules: ModuleType) -> set[str]:
    """Keys of every document that stands in these modules."""
    documents = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Document)
    }
    return {field.alias or name for document in documents for name, field in document.model_fields.items()}


def undocumented(keys_of_files: set[str], page: str) -> list[str]:
    text = (ROOT / "docs/reference" / page).read_text()
    return sorted(key for key in keys_of_files if not re.search(rf"\b{key}\b", text))


def test_every_configuration_key_is_documented() -> None:
    """A key that a file may have stands in the configuration reference."""
    files = keys_of(gateway_document, policy_document, routing_document, plan_document)
    assert undocumented(files, "configuration.md") == []


def test_every_key_of_a_validator_is_documented() -> None:
    """On the page of validators, with what it means."""
    assert undocumented(keys_of(validator_document), "validators.md") == []


def test_both_wheels_say_where_the_documentation_is() -> None:
    """In the same words; the help of both command lines repeats them."""
    said = [
        dict(line.split(", ", 1) for line in metadata(name).get_all("Project-URL") or [])
        for name in ("shadowroute", "shadowroute-platform")
    ]
    assert said[0] == said[1]
    assert said[0].keys() >= {"Documentation", "Issues", "Source"}
    assert all(address.startswith(said[0]["Source"]) for address in said[0].values())
    for command in (["-m", "shadow", "--help"], [str(Path(sys.executable).with_name("shadowroute")), "--help"]):
        told = subprocess.run(
            [sys.executable, *command],
            check=True,
            capture_output=True,
            text=True,
            env={"PATH": "/usr/bin:/bin", "COLUMNS": "120"},
        ).stdout
        assert f"Documentation: {said[0]['Documentation']}" in told
