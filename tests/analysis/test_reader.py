"""A remembering reader asks each question once."""

from __future__ import annotations

from shadowroute.analysis.queries import Queries
from shadowroute.analysis.queries.pairs import pairs
from shadowroute.analysis.selection import PolicyRef, Segment, Window
from shadowroute.collector.store import Store
from tests.support.decision_rows import DAY, insert

WINDOW = Window(DAY, DAY)
CHEAP = PolicyRef("cheap", "2")
CODE = Segment("task", "code")
ROW = {"segment_key": "task", "segment_value": "code"}


def test_a_remembering_reader_keeps_its_answers(store: Store) -> None:
    """Rows that arrive in between are in the answers of another reader, not in its own."""
    insert(store.client(), "pair_daily", [ROW])
    plain = Queries(store.client(), "p")
    remembering = plain.remembering()
    assert pairs(remembering, WINDOW, CHEAP, CODE).n == 10
    insert(store.client(), "pair_daily", [ROW | {"bucket": 2, "n": 5}])
    assert pairs(remembering, WINDOW, CHEAP, CODE).n == 10
    assert pairs(remembering.remembering(), WINDOW, CHEAP, CODE).n == 10
    assert pairs(plain, WINDOW, CHEAP, CODE).n == 15
    assert pairs(plain.remembering(), WINDOW, CHEAP, CODE).n == 15


def test_another_question_is_asked(store: Store) -> None:
    """Parameters tell questions apart."""
    insert(store.client(), "pair_daily", [ROW, ROW | {"policy": "other", "n": 3}])
    q = Queries(store.client(), "p").remembering()
    assert pairs(q, WINDOW, CHEAP, CODE).n == 10
    assert pairs(q, WINDOW, PolicyRef("other", "2"), CODE).n == 3
