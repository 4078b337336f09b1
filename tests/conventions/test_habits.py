"""What a project promises to those who join it: hooks that run, forms that open, one version, a rule for commits."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from shadow.gateway.command import DEFAULT_PORT
from shadowroute.app.up import UpOptions
from tests.checks.commit_message import problems
from tests.support.groups import ROOT

BIN: Final = Path(sys.executable).parent
FORMS: Final = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
HOOK_KEYS: Final = frozenset(
    {"id", "name", "entry", "language", "types", "types_or", "files", "pass_filenames", "require_serial", "stages"}
)
ELEMENTS: Final = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


def hooks() -> list[dict[str, Any]]:
    document = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    return [hook for repository in document["repos"] for hook in repository["hooks"]]


def test_every_hook_runs_what_is_locked() -> None:
    """No hook downloads a version of its own; each names a command of the environment, and files that exist."""
    document = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert {repository["repo"] for repository in document["repos"]} == {"local"}
    assert len(hooks()) > 8
    for hook in hooks():
        command, *arguments = hook["entry"].split()
        assert hook["language"] == "system", hook["id"]
        assert command.startswith(".venv/bin/"), hook["id"]
        assert (BIN / Path(command).name).exists(), hook["id"]
        assert [each for each in arguments if "/" in each and not (ROOT / each).exists()] == [], hook["id"]


def test_the_hooks_are_understood() -> None:
    """By pre-commit itself; but a misspelt key of a hook it passes over without a word."""
    command = [str(BIN / "pre-commit"), "validate-config", str(ROOT / ".pre-commit-config.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [hook["id"] for hook in hooks() if not hook.keys() <= HOOK_KEYS] == []


def test_the_hook_of_messages_is_installed_with_the_others() -> None:
    """`make hooks` alone must be enough."""
    document = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert set(document["default_install_hook_types"]) == {"pre-commit", "commit-msg"}
    assert [hook["id"] for hook in hooks() if hook.get("stages") == ["commit-msg"]] == ["commit-message"]


BODY = "\n\nBecause a reader of the log asks why."


@pytest.mark.parametrize(
    ("message", "about"),
    [
        ("Say why" + BODY, []),
        ("x" * 72 + BODY, []),
        ("x" * 73 + BODY, ["72 characters"]),
        ("Say why." + BODY, ["full stop"]),
        ("Say why", ["body"]),
        ("Say why\n\n# On branch main\n#\tmodified: a.py\n", ["body"]),
        ("Say why\nat once\n\nmore", ["second line"]),
        ("# Please enter the commit message\n", ["subject"]),
        ("Say why\n\n# ------------------------ >8 ------------------------\ndiff --git a b\n", ["body"]),
        ("fixup! Say why", []),
        ("Merge branch 'x'", []),
    ],
)
def test_a_commit_says_what_in_a_line_and_why_below(message: str, about: list[str]) -> None:
    """At most 72 characters, an empty line, a reason. What git writes by itself passes."""
    found = problems(message)
    assert len(found) == len(about)
    assert all(part in problem for part, problem in zip(about, found, strict=True))


def test_the_hook_stops_a_commit(tmp_path: Path) -> None:
    """As git calls it: the file of the message, and an exit status."""
    file = tmp_path / "COMMIT_EDITMSG"
    file.write_text("Nothing said\n")
    command = [sys.executable, str(ROOT / "tests" / "checks" / "commit_message.py"), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("commit message: ")) == (1, 1)


@pytest.mark.parametrize("form", FORMS, ids=[form.stem for form in FORMS])
def test_a_form_opens(form: Path) -> None:
    """GitHub shows no form whose description is wrong; it says nothing, either."""
    document = yaml.safe_load(form.read_text())
    if form.stem == "config":
        assert document["contact_links"]
        return
    assert document.keys() == {"name", "description", "title", "labels", "body"}
    elements = document["body"]
    asked = [element for element in elements if element["type"] != "markdown"]
    assert {element["type"] for element in elements} <= ELEMENTS
    assert len({element["id"] for element in asked}) == len(asked)
    assert len({element["attributes"]["label"] for element in asked}) == len(asked)
    assert any(element.get("validations", {}).get("required") for element in asked)
    for element in elements:
        attributes = element["attributes"]
        assert attributes.get("value" if element["type"] == "markdown" else "label")
        if element["type"] == "dropdown":
            assert all(isinstance(option, str) for option in attributes["options"])
            assert len(set(attributes["options"])) == len(attributes["options"]) > 1
        if element["type"] == "checkboxes":
            assert all(option["label"] for option in attributes["options"])


def test_the_kinds_of_issues_are_there() -> None:
    """A bug, a wrong figure, a question; and a way in private for what is dangerous."""
    assert {form.stem for form in FORMS} == {"bug", "config", "question_or_feature", "wrong_figure"}
    assert (ROOT / ".github" / "pull_request_template.md").exists()


def test_both_distributions_have_one_version() -> None:
    """And each names that one of the other: else an index installs two halves that do not fit."""
    platform = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    sdk = tomllib.loads((ROOT / "shadow" / "pyproject.toml").read_text())["project"]
    (needed,) = [each for each in platform["dependencies"] if each.startswith("shadowroute[")]
    (offered,) = sdk["optional-dependencies"]["platform"]
    assert needed.endswith(f"]=={sdk['version']}")
    assert offered == f"shadowroute-platform=={platform['version']}"
    assert sdk["version"] == platform["version"]


def test_security_names_the_version_and_the_doors() -> None:
    """The supported minor release, and every port that a command listens on."""
    text = (ROOT / "SECURITY.md").read_text()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"newest minor release ({'.'.join(version.split('.')[:2])})" in text
    named = {int(port) for port in re.findall(r"^\| (\d{4,5}) \|", text, re.MULTILINE)}
    up = UpOptions(store="")
    assert named == {up.ui_port, up.otlp_port, up.clickhouse_port, DEFAULT_PORT}
