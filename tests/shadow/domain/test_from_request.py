"""`from_request`: segments and ids out of the host's own arguments."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from shadow.domain.from_request import facts_of


class Hostile:
    """Fails when it is looked at."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def test_paths_lead_through_mappings_and_objects() -> None:
    """A dotted path may cross both."""
    arguments = {"metadata": {"session_id": "s-1", "who": SimpleNamespace(plan="pro")}, "user": 7}
    paths = {"session": "metadata.session_id", "user_tier": "metadata.who.plan", "user": "user"}
    assert facts_of({}, arguments, paths) == {"session": "s-1", "user_tier": "pro", "user": 7}


def test_a_path_that_breaks_off_gives_nothing() -> None:
    """Absent, None and hostile objects count as absent; nothing is raised into the host."""
    paths = {"session": "metadata.session_id", "task": "metadata.task.name", "user": "hostile.id"}
    assert facts_of({}, {"metadata": {"task": None}, "hostile": Hostile()}, paths) == {}
    assert facts_of({}, {"a": 1}, {}) == {}
    assert facts_of({}, {"a": 1}, {"team": "a"}) == {}


def test_what_the_caller_says_wins() -> None:
    """None and an empty text say nothing; 0 is a value."""
    said = {"session": "own", "task": "", "request_id": None, "input_tokens": 0}
    paths = {"session": "s", "task": "t", "input_tokens": "n"}
    facts = facts_of(said, {"s": "theirs", "t": "chat", "n": 9}, paths)
    assert facts == {"session": "own", "task": "chat", "input_tokens": 0}


def test_labels_are_read_one_by_one_and_those_of_the_caller_win() -> None:
    """`label:NAME` leads to one label; `labels` of the caller may hold more of them."""
    paths = {"label:team": "metadata.team", "label:channel": "metadata.channel", "label:absent": "metadata.absent"}
    arguments = {"metadata": {"team": "theirs", "channel": "web"}}
    facts = facts_of({"labels": {"team": "own", "region": "eu"}}, arguments, paths)
    assert facts == {"labels": {"team": "own", "channel": "web", "region": "eu"}}
    assert facts_of({"labels": {"region": "eu"}}, {}, {}) == {"labels": {"region": "eu"}}
