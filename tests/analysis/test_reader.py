"""A remembering reader asks each question once."""

from __future__ import annotations

from analysis.queries import Queries
from analysis.selection import Window
from collector.store import Store
from tests.support.decision_rows import DAY, insert

WINDOW = Window(DAY, DAY)


def test_a_remembering_reader_keeps_its_answers(store: Store) -> None:
    """Rows that arrive in between are in the answers of another reader, not in its own."""
    insert(store.client(), "pair_daily", [{}])
    plain = Queries(store.client(), "p")
    remembering = plain.remembering()
    before = [row.n for row in remembering.policies(WINDOW)]
    insert(store.client(), "pair_daily", [{"bucket": 2, "n": 5}])
    assert [row.n for row in remembering.policies(WINDOW)] == before
    assert [row.n for row in remembering.remembering().policies(WINDOW)] == before
    assert [row.n for row in plain.policies(WINDOW)] != before
    assert [row.n for row in plain.remembering().policies(WINDOW)] != before


def test_another_question_is_asked(store: Store) -> None:
    """Parameters tell questions apart, lists among them."""
    insert(store.client(), "pair_daily", [{}, {"policy": "other", "n": 3}])
    q = Queries(store.client(), "p").remembering()
    ns = {row.policy.name: q.pairs(WINDOW, row.policy).n for row in q.policies(WINDOW)}
    assert ns == {"cheap": 10, "other": 3}
