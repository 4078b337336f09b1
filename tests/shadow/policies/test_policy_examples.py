"""Every example of a mechanism is a file that loads and decides, and every mechanism has a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shadow.config import load_catalogue, load_policy
from shadow.config.check import check
from shadow.domain.policy import Decision
from shadow.domain.snapshot import Snapshot
from shadow.errors import PolicyError
from tests.support.groups import ROOT
from tests.support.models import request

FOLDER = ROOT / "examples" / "policies"
PAGES = ROOT / "docs" / "reference" / "policies"
FILES = sorted(file.name for file in FOLDER.glob("*.yaml") if file.name != "models.yaml")
CHOICES = {
    "all-large": "gpt-5",
    "rules": "gpt-5-mini",
    "weighted": "llama-70b",
    "one-cent": "gpt-5",
    "local-if-it-can": "gpt-5-mini",
    "by-hand": "gpt-5",
}
"""What the examples decide on a thousand tokens with a tool."""


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.mark.parametrize("name", FILES)
def test_an_example_loads_and_decides(name: str) -> None:
    """It is also what `python -m shadow check` calls right."""
    assert check(FOLDER / name).problems == ()
    policy = load_policy(FOLDER / name, load_catalogue(FOLDER / "models.yaml"))
    if policy.name == "remote":  # nobody listens there
        with pytest.raises(PolicyError, match="is not reachable"):
            policy.decide(request(), Snapshot())
        return
    decision = policy.decide(request(has_tools=True, user_tier="free", task="chat"), Snapshot())
    assert isinstance(decision, Decision)
    assert decision.reason or policy.name == "by-hand"
    assert decision.model == CHOICES.get(policy.name, decision.model)


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_a_page_shows_what_its_example_is_about(page: Path) -> None:
    """The linked example exists and uses the mechanism of the page."""
    for link in re.findall(r"examples/policies/([a-z_]+\.yaml)\)", page.read_text()):
        key = {"static": "use"}.get(page.stem, page.stem)
        assert f"{key}:" in (FOLDER / link).read_text()


def test_the_index_links_every_page() -> None:
    """A mechanism that nobody finds does not exist."""
    index = (ROOT / "docs" / "reference" / "policies.md").read_text()
    assert [page.name for page in PAGES.glob("*.md") if f"(policies/{page.name})" not in index] == []
