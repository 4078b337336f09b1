"""Doctor: what it finds, and how loudly."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from shadowroute.app.cli.doctor import seconds
from shadowroute.app.doctor import Check, examine, refused_text
from shadowroute.collector.serve import CollectorServer, rollup_now
from shadowroute.collector.store import Store
from tests.support.decision_rows import both, insert
from tests.support.page_week import LARGE, SMALL, fill


def found(checks: list[Check], name: str) -> list[Check]:
    return [check for check in checks if check.name == name]


def test_nothing_arrived_and_nobody_listens(store: Store) -> None:
    """An empty store without a receiver is a failure that says what to start."""
    (check,) = found(examine(store, ""), "traffic")
    assert (check.level, check.text) == ("FAIL", "0 requests, and no receiver runs on this store")
    assert "shadowroute up" in check.fix


def test_nothing_arrived_but_something_was_refused(store: Store) -> None:
    """The receiver's last refusal is the likeliest reason."""
    with CollectorServer(store, otlp_port=0, clickhouse_port=0, rollup=False) as server:
        import httpx  # noqa: PLC0415

        httpx.post(f"{server.otlp_url}/v1/traces", content=b"x", headers={"content-type": "application/grpc"})
        (check,) = found(examine(store, ""), "traffic")
        httpx.post(f"{server.otlp_url}/v1/metrics", content=b"", headers={"content-type": "application/x-protobuf"})
        (after,) = found(examine(store, ""), "traffic")
    assert check.level == "FAIL"
    assert "Last refused: 415 " in check.text
    assert check.text.endswith(", once.")
    assert "Last refused: 404 metrics sent to /v1/metrics; " in after.text


def test_waiting_ends_with_the_first_request(store: Store) -> None:
    """`--wait` returns as soon as something is stored, not at the end of the time."""
    insert(store.client(), "decisions", both({"ingested_at": dt.datetime.now(dt.UTC)}, {}))
    started = time.monotonic()
    checks = examine(store, "", wait_s=60)
    assert time.monotonic() - started < 30
    assert found(checks, "traffic")[0].level == "ok"
    assert found(checks, "rollup")[0].level == "warn"


def test_a_healthy_fortnight(filled: Store) -> None:
    """Everything that can be checked is, and says ok; a shadow that fails is a warning."""
    checks = examine(filled, "")
    assert [check.text for check in found(checks, "prices")] == ["0 models without a price in book book-pages"]
    assert found(checks, "ids")[0].text == "user or session id on 100.0 % of requests"
    assert {check.level for check in found(checks, "shadows")} == {"ok"}
    (failed,) = found(checks, "failed")
    assert failed.level == "warn"
    assert "(error: TimeoutError)" in failed.text


@pytest.mark.parametrize(("minutes", "level"), [(1, "ok"), (5, "warn")])
def test_requests_that_wait_are_counted(store: Store, minutes: int, level: str) -> None:
    """Some always do for a minute; figures that stand still are a warning."""
    now = dt.datetime.now(dt.UTC)
    insert(store.client(), "decisions", both({"ts": now, "ingested_at": now}, {}))
    insert(store.client(), "rollup_runs", [{"started_at": now - dt.timedelta(minutes=minutes)}])
    (check,) = found(examine(store, ""), "fresh")
    assert check.level == level
    assert check.text.endswith(" UTC; 1 newer request waits")


def test_a_model_without_a_price_is_a_failure(store: Store) -> None:
    """A cost figure that is missing breaks the product's promise; the fix names the file and the key."""
    fill(store, requests=200, priced=(LARGE, SMALL))
    (check,) = found(examine(store, ""), "prices")
    assert check.level == "FAIL"
    assert check.text.startswith('no price for "llama-70b" (')
    assert "price_usd_per_million" in check.fix


def test_ids_that_can_be_guessed_are_a_warning(store: Store) -> None:
    """Without SHADOW_ID_KEY a guessed id can be confirmed; the service that must set it is named."""
    now = dt.datetime.now(dt.UTC)
    insert(store.client(), "decisions", both({"ts": now, "ingested_at": now}, {}))
    rollup_now(store)
    attributes = {"llm_router.role": "live", "llm_router.user.key": "0011223344556677"}
    names = ["Timestamp", "ServiceName", "ResourceAttributes", "SpanAttributes"]
    for seconds_ago, kind, warned in ((60, "public", True), (0, "secret", False)):
        resource = {"llm_router.project": "p", "llm_router.id_key": kind}
        row = [now - dt.timedelta(seconds=seconds_ago), "support-api", resource, attributes]
        store.client().insert("otel_traces", [row], column_names=names)
        checks = found(examine(store, "p"), "id key")
        assert [check.level for check in checks] == (["warn"] if warned else [])
        assert all(check.text.startswith("support-api: ") and "SHADOW_ID_KEY" in check.fix for check in checks)


def test_requests_that_need_a_person_are_a_warning(store: Store) -> None:
    """With their number by reason, and where to look at them."""
    now = dt.datetime.now(dt.UTC)
    insert(store.client(), "decisions", both({"ts": now, "ingested_at": now}, {}))
    rollup_now(store)
    assert found(examine(store, "p"), "review") == []
    flag = {"name": "needs_review", "source": "code", "value": None, "ts": now, "label": "last_step_refused"}
    insert(store.client(), "signals", [{**flag, "target": target} for target in ("r1", "r2")])
    (check,) = found(examine(store, "p"), "review")
    assert (check.level, check.text) == ("warn", "routers flagged requests for a person: 2 last step refused")
    assert "cascade.md" in check.fix


def test_a_service_with_an_old_configuration_is_a_warning(store: Store) -> None:
    """Its files were changed to something it cannot read, and only its log says so otherwise."""
    now = dt.datetime.now(dt.UTC)
    insert(store.client(), "decisions", both({"ts": now, "ingested_at": now}, {}))
    rollup_now(store)
    assert found(examine(store, "p"), "reload") == []
    attributes = {"llm_router.role": "live", "llm_router.reload.error": 'live.yaml:3: no model "gpt-6"'}
    names = ["Timestamp", "ServiceName", "ResourceAttributes", "SpanAttributes"]
    store.client().insert("otel_traces", [[now, "api", {"llm_router.project": "p"}, attributes]], column_names=names)
    (check,) = found(examine(store, "p"), "reload")
    assert (check.level, check.text) == (
        "warn", 'api still uses its old configuration: live.yaml:3: no model "gpt-6"'
    )  # fmt: skip


def test_requests_without_ids_are_a_warning(store: Store) -> None:
    """Repeat users that cannot be recognised make every interval too narrow."""
    now = dt.datetime.now(dt.UTC)
    anonymous = {"cluster_kind": "request", "outcome_status": "unreported", "ingested_at": now}
    insert(store.client(), "decisions", both(anonymous, {}))
    rollup_now(store)
    checks = examine(store, "")
    assert found(checks, "ids")[0].level == "warn"
    assert "0.0 % of requests" in found(checks, "ids")[0].text
    assert found(checks, "outcomes")[0].text.startswith("100.0 % of requests never reported an outcome")


def test_a_refusal_is_one_line() -> None:
    """Status, reason and how often."""
    assert refused_text({"status": 415, "reason": "application/grpc", "count": 12}) == "415 application/grpc, 12 times"


@pytest.mark.parametrize(("text", "duration"), [("0s", 0), ("60s", 60), ("5m", 300), ("1.5", 1.5)])
def test_durations(text: str, duration: float) -> None:
    """Seconds and minutes, as people write them."""
    assert seconds(text) == duration


@pytest.mark.parametrize("text", ["", "soon", "-1s", "2d", "nan", "9999m"])
def test_other_durations_are_refused(text: str) -> None:
    """The message says what may be written."""
    with pytest.raises(Exception, match="--wait must be a time of at most a day like 60s or 5m"):
        seconds(text)


def test_signals_whose_request_never_arrived_are_a_warning(store: Store) -> None:
    """Of every project: one that was sent without its service's project is in another than the one looked at."""
    insert(store.client(), "decisions", both({"project": "shop"}, {}))
    lost = {"project": "default", "target": "response:chatcmpl-9"}
    insert(store.client(), "signals", [lost, {**lost, "project": "shop", "target": "r1"}])
    rollup_now(store)
    (check,) = found(examine(store, "shop"), "signals")
    assert check.level == "warn"
    assert check.text.startswith("project default: 1 signal names what has not arrived, as 'response:chatcmpl-9'; ")
