"""The statements about live's chance, on rows whose answer is worked out by hand."""

from __future__ import annotations

from typing import Any

from shadowroute.collector.rollup import Rollup
from shadowroute.collector.store import Store
from tests.analysis.test_sql import ANY_ROW, DAYS, POLICY, run
from tests.support.decision_rows import both, insert

THUMBS = {"name": "thumbs", "source": "user"}
SMALL = {"model": "small", "steps_id": "small"}
CASCADE = {"escalation_model": "big", "steps_id": "small-big"}


def request(number: int, propensity: float | None, shadow: dict[str, Any], **live: Any) -> list[dict[str, Any]]:
    """A live decision with its propensity, and the shadow's."""
    found, other = both({"request_id": f"r{number}", **live}, {"propensity": None, **shadow})
    return [{**found, "propensity": propensity}, other]


ROWS = [
    *request(1, 0.25, {}),  # both big: weight 4
    *request(2, 0.25, {"sample_rate": 0.5}),  # the same, seen for two
    *request(3, 0.75, SMALL),  # differ
    *request(4, 1.0, SMALL),  # differ, and live had no choice
    *request(5, 0.5, SMALL | CASCADE, **SMALL),  # the shadow would escalate, live would not
    *request(6, 0.5, SMALL | CASCADE, **(SMALL | CASCADE)),  # both would: weight 2
    *request(7, None, SMALL, **SMALL),  # unknown
    *request(8, 0.5, SMALL, contamination=["fallback"]),
    *request(9, 0.5, {"status": "error", "model": ""}),
    *request(10, 0.5, SMALL, task="chat", **SMALL),
    *request(11, 0.5, SMALL, **SMALL),  # nobody rated it
]


def test_off_policy_exploration(store: Store) -> None:
    """Eleven live plans: one without a propensity, one certain."""
    insert(store.client(), "decisions", ROWS)
    Rollup(store).run_once()
    assert run(store, "off_policy_exploration", **DAYS) == [(11, 1, 9)]
    assert run(store, "off_policy_exploration", project="nobody", **DAYS) == [(0, 0, 0)]


def test_off_policy_cells(store: Store) -> None:
    """Weights by hand: 4 of one and 8 of two, 2 of the cascade, 0 where plans differ or nothing is known."""
    insert(store.client(), "decisions", ROWS)
    signals = [{"target": f"r{number}", "value": 0.5 if number == 2 else 1.0} for number in range(1, 11)]
    insert(store.client(), "signals", [*signals, {"target": "r1", "name": "judge", "value": 0.0}])
    rows = run(store, "off_policy_cells", **POLICY, **DAYS, **ANY_ROW, **THUMBS)
    chat, code = ("chat", "low"), ("code", "low")
    assert rows == [
        (1, *chat, "small", "small", 1, 0, 1.0, 0.0, 1.0, 2.0, 4.0, 2.0, 2.0),
        (1, *code, "big", "big", 2, 0, 3.0, 0.0, 2.0, 12.0, 80.0, 8.0, 4.0),
        (1, *code, "big", "small", 2, 0, 2.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0),
        (1, *code, "small", "small", 1, 1, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0),
        (1, *code, "small", "small > big", 1, 0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0),
        (1, *code, "small > big", "small > big", 1, 0, 1.0, 0.0, 1.0, 2.0, 4.0, 2.0, 2.0),
    ]
    only_chat = {"segment_keys": ["task"], "segment_values": ["other"]}
    assert len(run(store, "off_policy_cells", **POLICY, **DAYS, **only_chat, **THUMBS)) == 6
    assert run(store, "off_policy_cells", **POLICY, **DAYS, **ANY_ROW, name="judge", source="llm") == []
