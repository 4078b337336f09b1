"""Every SELECT on a handful of rows whose answer is worked out by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shadowroute.analysis import sql_files
from shadowroute.analysis.queries import Queries
from shadowroute.collector.store import Store
from tests.support.decision_rows import insert

pytestmark = pytest.mark.dates

D16, D17 = dt.date(2026, 11, 16), dt.date(2026, 11, 17)
POLICY = {"policy": "cheap", "version": "2"}
SHADOW = {"role": "shadow", **POLICY}
DAYS = {"first": D16, "last": D17}
ALL = {"segment_key": "all", "segment_value": "", "every_value": False}
EVERY_TASK = {"segment_key": "task", "segment_value": "", "every_value": True}
ANY_ROW: dict[str, list[str]] = {"segment_keys": [], "segment_values": []}
CODE_OF_A = {"segment_keys": ["task", "label:team"], "segment_values": ["code", "a"]}
NO_FILTER = {"differs": "", "served_model": "", "status": "", "contaminated": "", "flagged": ""}


def run(store: Store, file: str, /, **params: Any) -> list[tuple[Any, ...]]:
    """Rows of a statement, read as the pages read: by a client that cannot write."""
    wanted = sql_files.statement(file).params
    assert params.keys() | {"project"} >= wanted.keys()
    bound = {"project": "p", **params}
    text = sql_files.statement(file).text
    return [tuple(row) for row in store.reader().query(text, {key: bound[key] for key in wanted}).result_rows]


@pytest.fixture
def rollups(store: Store) -> Store:
    """Rollup rows of project p: 20 decisions of `cheap` in two buckets, and their costs and signals."""
    client = store.client()
    insert(
        client,
        "pair_daily",
        [
            {
                "w_div_model": 10.0,
                "w_div_tier": 10.0,
                "w_div_steps": 10.0,
                "w_cascade": 10.0,
                "w_esc_known": 4.0,
                "w_esc": 1.0,
            },
            {"day": D17, "shadow_model": "big", "n": 6, "w": 6.0, "w_div_steps": 2.0},
            {"bucket": 2, "contaminated": 1, "n": 3, "w": 3.0, "w_div_model": 3.0},
            {"bucket": 2, "shadow_model": "", "n": 1, "w": 1.0, "w_failed": 1.0},
            {"segment_key": "task", "segment_value": "code", "n": 7, "w": 7.0, "w_div_model": 7.0},
            {"segment_key": "task", "segment_value": "chat", "n": 13, "w": 13.0, "bucket": 2},
            {"role": "live", "policy": "main", "policy_version": "1", "shadow_model": "big", "n": 20, "w": 20.0},
            {"project": "q", "n": 99, "w": 99.0},
        ],
    )
    insert(
        client,
        "count_daily",
        [
            {"n": 13, "w": 13.0},
            {"day": D17, "shadow_model": "big", "n": 6, "w": 6.0},
            {"shadow_model": "", "status": "error", "error_type": "ValueError"},
            {"role": "live", "policy": "main", "policy_version": "1", "shadow_model": "big", "n": 20, "w": 20.0},
            {"project": "q", "n": 99, "w": 99.0},
        ],
    )
    insert(
        client,
        "cost_daily",
        [
            {"uncached_tokens": 6e5, "cache_read_tokens": 4e5, "output_tokens": 1e5},
            {
                "side": "shadow",
                "model": "small",
                "cache_kept": 0,
                "uncached_tokens": 6e5,
                "cache_read_tokens": 4e5,
                "output_tokens": 1e5,
            },
            {"side": "shadow", "kind": "escalation_unknown", "uncached_tokens": 6e5, "cache_read_tokens": 4e5},
            {"day": D17, "bucket": 2, "uncached_tokens": 1e6},
            {"day": D17, "bucket": 2, "side": "shadow", "model": "mystery", "cache_kept": 0, "uncached_tokens": 1e6},
            {"contaminated": 1, "uncached_tokens": 9e9, "model": "mystery"},
        ],
    )
    insert(
        client,
        "price_books",
        [
            {},
            {"effective_from": D17, "input_usd_per_mtok": 20.0},
            {"model": "small", "input_usd_per_mtok": 1.0, "cache_read_usd_per_mtok": 0.5, "output_usd_per_mtok": 4.0},
        ],
    )
    insert(
        client,
        "signal_daily",
        [
            {"n": 3, "w": 3.0, "sum_value": 3.0},
            {"bin": 0, "sum_value": 0.0},
            {"bucket": 2, "day": D17, "shadow_model": "big", "n": 2, "w": 2.0, "sum_value": 2.0},
            {"contaminated": 1, "n": 50, "w": 50.0},
            {"name": "judge", "source": "llm", "bin": 9, "sum_value": 0.45},
            {"policy": "bold", "n": 9, "w": 9.0},
        ],
    )
    return store


def test_policies(rollups: Store) -> None:
    """One row per policy with its decisions and failures, live first."""
    assert run(rollups, "policies", **DAYS) == [
        (1, "main", "1", 20, 20.0, 0.0, [D16]),
        (0, "cheap", "2", 20, 20.0, 1.0, [D16, D17]),
    ]


def test_segments(rollups: Store) -> None:
    """Values of declared keys, the largest first; `all` is not a segment."""
    assert run(rollups, "segments", **POLICY, **DAYS) == [("task", "chat", 13, 13.0), ("task", "code", 7, 7.0)]


def test_days(rollups: Store) -> None:
    """The first and last rolled-up day; 0 days of a project that has none."""
    assert run(rollups, "days") == [(D16, D17, 2)]
    assert run(rollups, "days", project="nobody")[0][2] == 0


def test_pair_sums(rollups: Store) -> None:
    """Sums per bucket; failed decisions are in `failed` and nothing else; contaminated ones count, but not as clean."""
    assert run(rollups, "pair_sums", **SHADOW, **DAYS, **ALL) == [
        ("", 1, 16, 16.0, 0.0, 16.0, 16.0, 10.0, 10.0, 12.0, 16.0, 10.0, 4.0, 1.0, 7.0),
        ("", 2, 3, 4.0, 1.0, 3.0, 3.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    ]


def test_pair_sums_by_value(rollups: Store) -> None:
    """With `every_value` one query gives all values of a key."""
    rows = run(rollups, "pair_sums", **SHADOW, **DAYS, **EVERY_TASK)
    assert [(row[0], row[1], row[2]) for row in rows] == [("chat", 2, 13), ("code", 1, 7)]


def test_pair_sums_of_live(rollups: Store) -> None:
    """The live role needs no policy name."""
    rows = run(rollups, "pair_sums", role="live", policy="", version="", **DAYS, **ALL)
    assert [(row[1], row[2]) for row in rows] == [(1, 20)]


def test_pair_sums_rows(four_requests: Store) -> None:
    """The same from the decisions: r1 diverges and may escalate, r2 and r3 agree, r3 is not clean, r4 failed."""
    assert run(four_requests, "pair_sums_rows", **SHADOW, **DAYS, **ANY_ROW) == [
        ("", 1, 2, 2.0, 0.0, 2.0, 2.0, 1.0, 1.0, 1.0, 2.0, 1.0, 0.0, 0.0, 1.0),
        ("", 2, 1, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        ("", 3, 0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    ]
    both_segments = run(four_requests, "pair_sums_rows", **SHADOW, **DAYS, **CODE_OF_A)
    assert [(row[1], row[2]) for row in both_segments] == [(1, 1), (2, 1)]


def test_matrix(rollups: Store) -> None:
    """Pairs of planned models with their clean part; failed decisions have no pair."""
    assert run(rollups, "matrix", **POLICY, **DAYS, **ALL) == [
        ("", "big", "small", 13, 13.0, 10.0),
        ("", "big", "big", 6, 6.0, 6.0),
    ]


def test_matrix_rows(four_requests: Store) -> None:
    """The same from the decisions."""
    rows = run(four_requests, "matrix_rows", **POLICY, **DAYS, **ANY_ROW)
    assert sorted(rows) == [
        ("", "big", "big", 1, 1.0, 1.0),
        ("", "big", "small", 1, 1.0, 1.0),
        ("", "small", "small", 1, 1.0, 0.0),
    ]


def test_levels(store: Store) -> None:
    """Only pairs of models that lack a tier or an id of the plan on one side; failed decisions have neither."""
    insert(
        store.client(),
        "count_daily",
        [
            {"n": 3, "shadow_model": "tiny", "no_tier_n": 2},
            {"n": 3, "shadow_model": "tiny", "no_tier_n": 1, "day": D17},
            {"n": 5, "shadow_model": "big", "no_steps_n": 1, "no_live_tier_n": 4},
            {"n": 7, "status": "error", "shadow_model": "", "no_tier_n": 7, "no_steps_n": 7},
            {"n": 9},
            {"role": "live", "policy": "main", "no_tier_n": 7},
        ],
    )
    assert run(store, "levels", **DAYS) == [
        ("cheap", "2", "big", "big", 0, 4, 1),
        ("cheap", "2", "big", "tiny", 3, 0, 0),
    ]


def test_prices(rollups: Store) -> None:
    """Of band 0, the latest that is in force on the day; one price of them ranks a model."""
    assert run(rollups, "prices", book="b", on=D16) == [("big", 10.0, 40.0), ("small", 1.0, 4.0)]
    assert run(rollups, "prices", book="b", on=D17)[0][0] == "big"
    queries = Queries(rollups.client(), "p")
    assert queries.blended_prices("b", D16) == {"big": 17.5, "small": 1.75}
    assert queries.blended_prices("b", D17) == {"big": 25.0, "small": 1.75}
    assert run(rollups, "prices", book="b", on=dt.date(2025, 12, 31)) == []


def test_unpriced(rollups: Store) -> None:
    """Models without a price in force on the day; contaminated lines are in no cost, so they need none."""
    assert run(rollups, "unpriced", book="b", **DAYS) == [("mystery", 1)]
    assert {row[0] for row in run(rollups, "unpriced", book="nobody's", **DAYS)} == {"big", "small", "mystery"}


def test_signal_rows(four_requests: Store) -> None:
    """The same from the decisions, whichever name the signal used."""
    assert run(four_requests, "signal_rows", **POLICY, **DAYS, **ANY_ROW, name="thumbs", source="user") == [
        ("", "big", "big", 1, 0, 1, 1.0, 0.0),
        ("", "big", "small", 1, 20, 1, 1.0, 1.0),
    ]


def test_signal_rows_average_over_scorers(four_requests: Store) -> None:
    """A request's value is the mean over its scorers, each with its newest word."""
    insert(
        four_requests.client(),
        "signals",
        [
            {"scorer": "second", "value": 0.0, "version": 1},
            {"scorer": "third", "value": 0.0, "version": 2},
            {"scorer": "third", "value": 0.5, "version": 3},
        ],
    )
    rows = run(four_requests, "signal_rows", **POLICY, **DAYS, **CODE_OF_A, name="thumbs", source="user")
    assert rows == [("", "big", "small", 1, 10, 1, 1.0, 0.5)]


def test_cluster_kinds(hours: Store) -> None:
    """Live requests by the unit they are clustered by, the most frequent first."""
    assert run(hours, "cluster_kinds", **DAYS) == [("user", 4), ("session", 1)]


@pytest.fixture
def hours(store: Store) -> Store:
    """Counts of project p: five live requests in four hours, two of them unreported, and three of `cheap`."""
    at_8 = {"day": D17, "hour": dt.datetime(2026, 11, 17, 8, tzinfo=dt.UTC)}
    at_9 = {"day": D17, "hour": dt.datetime(2026, 11, 17, 9, tzinfo=dt.UTC)}
    after = {"day": D17, "hour": dt.datetime(2026, 11, 17, 20, tzinfo=dt.UTC)}
    cheap = {"role": "shadow", "policy": "cheap", "policy_version": "2"}
    insert(
        store.client(),
        "count_hourly",
        [
            {"n": 2, "w": 2.0},
            {"outcome_status": "unreported", **at_8},
            {"cluster_kind": "session", **at_9},
            {"outcome_status": "unreported", **after},
            {**cheap, "w": 2.0},
            {**cheap, "outcome_status": "unreported", **at_9},
            {**cheap, "cluster_kind": "session", **at_9, "w": 1.5},
            {"project": "q", "n": 99},
            {"day": dt.date(2026, 11, 20), "n": 99},
        ],
    )
    return store


def test_cluster_sizes(four_requests: Store) -> None:
    """Two requests of one user and one of each other: (2 + 1 + 1)^2 / (4 + 1 + 1)."""
    assert run(four_requests, "cluster_sizes", **SHADOW, **DAYS, **ANY_ROW)[0][0] == pytest.approx(16 / 6)
    assert run(four_requests, "cluster_sizes", **SHADOW, **DAYS, **CODE_OF_A)[0][0] == pytest.approx(2)
    nobody = {"segment_keys": ["task"], "segment_values": ["poetry"]}
    assert run(four_requests, "cluster_sizes", **SHADOW, **DAYS, **nobody) == [(0.0,)]


def test_clusters(store: Store) -> None:
    """A user keeps its signs on every day: (3 + 1 + 1)^2 / (9 + 1 + 1)."""
    signs = ("w_sign_1", "w_sign_2", "w_sign_3", "w_sign_4")
    code, chat = ({"segment_key": "task", "segment_value": value, "n": 4, "w": 4.0} for value in ("code", "chat"))
    insert(
        store.client(),
        "pair_daily",
        [
            # Bucket 1 holds a user of 3 requests, two of them on the 16th, and one of 1; bucket 2 a user of 1.
            {"n": 2, "w": 2.0} | dict(zip(signs, (2.0, 2.0, 2.0, 2.0), strict=True)),
            {"day": D17, "n": 2, "w": 2.0} | dict(zip(signs, (0.0, 2.0, 0.0, 2.0), strict=True)),
            {"bucket": 2, "n": 1, "w": 1.0} | dict(zip(signs, (1.0, -1.0, 1.0, -1.0), strict=True)),
            code | dict(zip(signs, (2.0, 4.0, -2.0, 2.0), strict=True)),
            chat | {"bucket": 7},
        ],
    )
    # Signed sums of bucket 1 are 2, 4, 2, 4: squares (4 + 16 + 4 + 16) / 4 = 10 = 9 + 1; of bucket 2 they are 1.
    assert run(store, "clusters", **SHADOW, **DAYS, **ALL) == [("", pytest.approx(25 / 11))]
    # By chance 7 for the 9 + 1 of two users of 3 and 1; without signs (a day older than they are) only buckets count.
    assert run(store, "clusters", **SHADOW, **DAYS, **EVERY_TASK) == [
        ("chat", pytest.approx(1.0)),
        ("code", pytest.approx(16 / 7)),
    ]
    assert run(store, "clusters", **{**SHADOW, "policy": "nobody"}, **DAYS, **ALL) == []


def test_completeness(store: Store) -> None:
    """All live policies of an hour together, and each shadow; other projects, days and segments do not count."""
    at_11 = {"hour": dt.datetime(2026, 11, 16, 11, tzinfo=dt.UTC)}
    cheap = {"role": "shadow", "policy": "cheap", "policy_version": "2"}
    insert(
        store.client(),
        "meant_hourly",
        [
            {"stated_n": 2, "stated_w": 2.0},
            {"policy": "other-live", "stated_n": 1, "stated_w": 1.0, "unstated_n": 3, "unstated_w": 3.0},
            {**cheap, "meant_n": 3, "stated_n": 2, "stated_w": 4.0},
            {**cheap, **at_11, "unstated_n": 1, "unstated_w": 2.0},
            {"segment_key": "task", "segment_value": "code", "stated_n": 99},
            {"project": "q", "stated_n": 99},
            {"day": dt.date(2026, 11, 20), "stated_n": 99},
        ],
    )
    found = [(*row[:3], row[3].hour, *row[4:]) for row in run(store, "completeness", **DAYS)]
    assert found == [
        (1, "", "", 10, 0, 3, 3.0, 3, 3.0),
        (0, "cheap", "2", 10, 3, 2, 4.0, 0, 0.0),
        (0, "cheap", "2", 11, 0, 0, 0.0, 1, 2.0),
    ]


def test_rolled_up_to(four_requests: Store) -> None:
    """The start of the newest run; the epoch if there was none."""
    newest = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(hours=1)
    insert(four_requests.client(), "rollup_runs", [{"started_at": newest}, {}])
    assert run(four_requests, "rolled_up_to")[0][0].replace(tzinfo=dt.UTC) == newest
    four_requests.client().command("TRUNCATE TABLE rollup_runs")
    assert run(four_requests, "rolled_up_to")[0][0].year == 1970


def test_waiting(four_requests: Store) -> None:
    """Live requests that arrived after the run began, each once; no shadows, late outcomes or other projects."""
    assert run(four_requests, "waiting")[0][0] == 0
    late = {"request_id": "late", "ingested_at": dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)}
    rows = [
        late,
        late,
        {**late, "role": "shadow"},
        {**late, "request_id": "old", "revision": 1},
        {**late, "project": "q"},
    ]
    insert(four_requests.client(), "decisions", rows)
    assert run(four_requests, "waiting")[0][0] == 1
    assert run(four_requests, "waiting", project="nobody")[0][0] == 0


def test_planned_models(store: Store) -> None:
    """Of every plan of one version of one shadow, fallbacks too; a sender without steps names two at least."""
    cheap = {"role": "shadow", "policy": "cheap", "policy_version": "2", "model": "small"}
    rows: list[dict[str, Any]] = [
        {**cheap, "steps": '[{"kind":"primary","model":"small"},{"kind":"fallback","model":"spare"}]'},
        {**cheap, "request_id": "b", "steps": "", "escalation_model": "huge"},
        {**cheap, "request_id": "c", "status": "error", "model": "", "steps": "no JSON"},
        {**cheap, "policy_version": "1", "model": "older"},
        {**cheap, "project": "q", "model": "theirs"},
        {"model": "big"},
    ]
    insert(store.client(), "decisions", rows)
    assert run(store, "planned_models", **SHADOW, **DAYS) == [("huge",), ("small",), ("spare",)]


def test_freshness(four_requests: Store) -> None:
    """Times of the newest decision, the newest arrival and the last run; n is 0 for an unknown project."""
    arrived, rolled_up = (dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(hours=n) for n in (1, 2))
    insert(four_requests.client(), "decisions", [{"ingested_at": arrived}])
    insert(four_requests.client(), "rollup_runs", [{"started_at": rolled_up}])
    ((n, *times),) = run(four_requests, "freshness")
    assert n >= 9
    at_17 = dt.datetime(2026, 11, 17, 9, 30, tzinfo=dt.UTC)
    assert [each.replace(tzinfo=dt.UTC) for each in times] == [at_17, arrived, rolled_up]
    assert run(four_requests, "freshness", project="nobody")[0][0] == 0


def test_executed_count(store: Store) -> None:
    """Records of one project, whatever they are about."""
    names = ["project", "sample", "request_id", "model"]
    store.client().insert("executions", [["p", "s", "r1", "m"], ["p", "t", "r1", "m"], ["q", "s", "r1", "m"]], names)
    assert run(store, "executed_count") == [(2,)]
    assert run(store, "executed_count", project="nobody") == [(0,)]


def test_requests(four_requests: Store) -> None:
    """Newest first, a page at a time, with the live policy's reason beside the shadow's."""
    first = {"before_ts": "2299-01-01 00:00:00.000000", "before_id": "", "page": 3}
    page = run(four_requests, "requests", **DAYS, **SHADOW, **ANY_ROW, **NO_FILTER, **first)
    assert [row[1] for row in page] == ["r4", "r3", "r2"]
    rest = {"before_ts": "2026-11-16 10:00:00.000000", "before_id": "r2", "page": 3}
    assert run(four_requests, "requests", **DAYS, **SHADOW, **ANY_ROW, **NO_FILTER, **rest) == [
        (
            dt.datetime(2026, 11, 16, 10),  # noqa: DTZ001  # the driver gives UTC columns without a zone
            "r1",
            "main",
            "ok",
            "big",
            "big",
            "complete",
            [],
            "code",
            "free",
            "low",
            1000,
            100,
            0.5,
            "default",
            "ok",
            "small",
            "default",
        )
    ]


@pytest.mark.parametrize(
    ("changed", "ids"),
    [
        ({"differs": "yes"}, ["r1"]),
        ({"differs": "no"}, ["r3", "r2"]),
        ({"status": "error"}, ["r4"]),
        ({"contaminated": "yes"}, ["r3"]),
        ({"contaminated": "no", "status": "ok"}, ["r2", "r1"]),
        ({"served_model": "small"}, []),
        ({"flagged": "yes"}, ["r3", "r2"]),
        ({"flagged": "yes", "differs": "yes"}, []),
    ],
)
def test_request_filters(four_requests: Store, changed: dict[str, str], ids: list[str]) -> None:
    """Each filter keeps what it says, and the count agrees with the page. The flag of r1 was withdrawn."""
    flag = {"name": "needs_review", "source": "code", "value": None}
    flags = [{**flag, "target": target} for target in ("r1", "r2", "r3")]
    withdrawn = {**flag, "target": "r1", "version": 2, "is_deleted": 1}
    insert(four_requests.client(), "signals", [*flags, withdrawn, {**flag, "target": "r1", "project": "q"}])
    where = {**DAYS, **SHADOW, **ANY_ROW, **NO_FILTER, **changed}
    first = {"before_ts": "2299-01-01 00:00:00.000000", "before_id": "", "page": 50}
    assert [row[1] for row in run(four_requests, "requests", **where, **first)] == ids
    assert run(four_requests, "request_count", **where) == [(len(ids),)]


def test_request_count(four_requests: Store) -> None:
    """Without a shadow the live rows are counted, once each."""
    live = {"role": "live", "policy": "", "version": ""}
    assert run(four_requests, "request_count", **DAYS, **live, **ANY_ROW, **NO_FILTER) == [(4,)]


def test_request_decisions(four_requests: Store) -> None:
    """The live decision first, then each shadow's, with attempts column by column."""
    rows = run(four_requests, "request_decisions", request_id="r3")
    assert [row[:3] for row in rows] == [("live", "main", "1"), ("shadow", "cheap", "2")]
    assert rows[0][-9] == ["primary", "fallback"]
    assert rows[0][-7] == ["small", "big"]
    assert rows[0][-6] == ["503", ""]


def test_request_signals(four_requests: Store) -> None:
    """The newest word of each scorer; a withdrawn one is gone."""
    insert(
        four_requests.client(),
        "signals",
        [
            {"value": None, "label": "late", "version": 2, "ts": dt.datetime(2026, 11, 16, 13, tzinfo=dt.UTC)},
            {"name": "judge", "source": "llm", "is_deleted": 1},
        ],
    )
    rows = run(four_requests, "request_signals", targets=["r1", "response:none"])
    assert [row[1:] for row in rows] == [("thumbs", "user", "", None, "late", "")]


def test_review_flags(store: Store) -> None:
    """Requests by the newest reason that they were flagged for; withdrawn flags, other days and names do not count."""
    at = dt.datetime(2026, 11, 16, 12, tzinfo=dt.UTC)
    flag = {"name": "needs_review", "source": "code", "value": None, "ts": at}
    last, row = "last_step_refused", "refused_in_a_row"
    insert(
        store.client(),
        "signals",
        [
            {**flag, "target": "r1", "label": row, "version": 1},
            {**flag, "target": "r1", "label": last, "version": 2},
            {**flag, "target": "r2", "label": last},
            {**flag, "target": "r3", "label": row},
            {**flag, "target": "r4", "label": row, "is_deleted": 1},
            {**flag, "target": "r5", "label": row, "ts": at + dt.timedelta(days=9)},
            {"target": "r6", "label": row},
        ],
    )
    assert run(store, "review_flags", **DAYS) == [(last, 2), (row, 1)]
    assert run(store, "review_flags", project="q", **DAYS) == []


def test_orphan_signals(store: Store) -> None:
    """By project, what names no request, response or span of it; one that another project has taken is none."""
    insert(store.client(), "decisions", [{"request_id": "r1", "response_id": "c1"}])
    named = ("r1", "response:c1", "span:" + "t" * 32 + "s" * 16, "r9", "response:c9")
    signals = [{"target": target} for target in named]
    unnamed = [{"project": "default", "target": target} for target in ("r1", "response:c1", "other")]
    insert(store.client(), "signals", [*signals, *unnamed])
    since = {"since": "2000-01-01 00:00:00"}
    assert run(store, "orphan_signals", **since) == [("default", 1, "other"), ("p", 2, "r9")]
    assert run(store, "orphan_signals", since="2100-01-01 00:00:00") == []


def test_failures(rollups: Store) -> None:
    """Shadow decisions without a plan, by reason."""
    assert run(rollups, "failures", **DAYS) == [("cheap", "2", "error", "ValueError", 1)]


def test_outcomes(hours: Store) -> None:
    """Live requests by how they ended."""
    assert run(hours, "outcomes", **DAYS) == [("complete", 3), ("unreported", 2)]


def test_projects(four_requests: Store) -> None:
    """Every project that has decisions, the largest first."""
    assert [row[0] for row in run(four_requests, "projects")] == ["p", "q"]


def test_unusable_spans(store: Store) -> None:
    """A span of a decision without a request id or a policy is counted, of its own project only."""
    good = {"llm_router.role": "live", "llm_router.request.id": "r1", "llm_router.policy.name": "main"}
    spans = [good, good | {"llm_router.policy.name": ""}, {"llm_router.role": "shadow"}, {"llm_router.role": "outcome"}]
    now = dt.datetime(2026, 11, 16, tzinfo=dt.UTC)
    rows = [[now, f"route {number}", {"llm_router.project": "p"}, span] for number, span in enumerate(spans)]
    names = ["Timestamp", "SpanName", "ResourceAttributes", "SpanAttributes"]
    store.client().insert("otel_traces", rows, column_names=names)
    assert run(store, "unusable_spans")[0][0] == 2
    assert run(store, "unusable_spans", project="default")[0][0] == 0


def test_reload_errors(store: Store) -> None:
    """What the newest request of a service says; one that reads its files again is no longer listed."""
    live, now = {"llm_router.role": "live"}, dt.datetime.now(dt.UTC)
    broken = live | {"llm_router.reload.error": "live.yaml:3: no model"}
    spans = [
        (now - dt.timedelta(minutes=2), "corrected", broken),
        (now - dt.timedelta(minutes=1), "corrected", live),
        (now - dt.timedelta(minutes=2), "broken", live),
        (now - dt.timedelta(minutes=1), "broken", broken),
        (now - dt.timedelta(days=3), "gone", broken),
    ]
    rows = [[time, name, {"llm_router.project": "p"}, attributes] for time, name, attributes in spans]
    names = ["Timestamp", "ServiceName", "ResourceAttributes", "SpanAttributes"]
    store.client().insert("otel_traces", rows, column_names=names)
    assert run(store, "reload_errors") == [("broken", "live.yaml:3: no model")]
    assert run(store, "reload_errors", project="q") == []


def test_id_keys(store: Store) -> None:
    """The newest live span of each service that names a user or session tells; demos and other projects do not."""
    live = {"llm_router.role": "live", "llm_router.session.key": "0011223344556677"}
    at = dt.datetime(2026, 11, 16, tzinfo=dt.UTC)
    spans = [
        (at, "fixed", "public", live),
        (at + dt.timedelta(hours=1), "fixed", "secret", live),
        (at, "open", "public", live | {"llm_router.origin": "production"}),
        (at, "other-language", "", live),
        (at, "demo", "public", live | {"llm_router.origin": "demo"}),
        (at, "anonymous", "public", {"llm_router.role": "live"}),
        (at - dt.timedelta(days=30), "gone", "public", live),
    ]
    rows = [
        [time, name, {"llm_router.project": "p"} | ({"llm_router.id_key": kind} if kind else {}), attributes]
        for time, name, kind, attributes in spans
    ]
    names = ["Timestamp", "ServiceName", "ResourceAttributes", "SpanAttributes"]
    store.client().insert("otel_traces", rows, column_names=names)
    assert run(store, "id_keys", **DAYS) == [("fixed", "secret"), ("open", "public"), ("other-language", "")]
    assert run(store, "id_keys", project="default", **DAYS) == []
