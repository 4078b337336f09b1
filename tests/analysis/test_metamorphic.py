"""What must not change a figure: order, batches, deliveries, names, units, other projects. And what must.

Every test changes the rows of one project in one way and asks for everything again: packet with judgement, report and
off-policy estimates, as JSON values. Counts and texts are compared exactly, numbers to 1e-9.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from shadowroute.analysis.format import days
from shadowroute.collector.rollup import Rollup
from shadowroute.collector.store import Store
from tests.support.stores import fresh_store
from tests.support.trees import assert_same, changed, differences, with_words
from tests.support.trees import unordered as sorted_by_name
from tests.support.whole_chain import (
    BIG,
    BOOK,
    MID,
    SMALL,
    TIERS,
    Chain,
    Row,
    chain,
    figures,
    insert_answers,
    insert_decisions,
    insert_signals,
    store_rows,
)

CLOCK: Final = ("made_at", "data_through", "as_of", "project")
"""When it was made and where: never the same."""

HASHES: Final = ("traffic", "executions", "prices", "plan_hash", "hash")
"""Of the inputs: other names or prices are other inputs."""

NAMES: Final = {BIG: "yak", MID: "hen", SMALL: "ant"}
"""In another alphabetical order, so that no order of names can hide behind the old one."""

FACTOR: Final = 4.0
"""A whole number of the bins, 64 per doubling, that quantiles of money are read from."""

SHIFT: Final = dt.timedelta(weeks=-5)


class Chains:
    """Projects of one store, each made from the rows of the first by one change."""

    def __init__(self, store: Store) -> None:
        self.client = store.client()
        self.rows = chain()
        self._made: dict[str, tuple[Chain, str]] = {}
        self._figures: dict[str, Any] = {}
        self._add("base", self.rows)
        Rollup(store).run_once()
        self.alone = self.of("base")
        self._figures.clear()
        self._in_pieces(store)
        self._add("twice", self.rows)
        self._again("twice")
        self._add("names", _renamed_requests(_renamed_models(self.rows)), book="renamed")
        self._add("prices", _dearer(self.rows), book="dearer")
        self._add("weeks", _shifted(self.rows), book="shifted")
        self._add("extra", _with_another_shadow(self.rows))
        self._add("weighted", _weighted(self.rows))
        self._add("doubled", _doubled(self.rows))
        self._add("one token", _one_token_more(self.rows))
        Rollup(store).run_once()

    def of(self, project: str) -> Any:
        """Every figure of a project, read once."""
        if project not in self._figures:
            rows, book = self._made[project]
            self._figures[project] = figures(self.client, rows, project, book=book)
        return self._figures[project]

    def _add(self, project: str, rows: Chain, *, book: str = BOOK) -> None:
        store_rows(self.client, rows, project, book=book)
        self._made[project] = (rows, book)

    def _in_pieces(self, store: Store) -> None:
        """Another order; signals and answers before their decisions, decisions in two inserts, the worker between."""
        rows = _permuted(self.rows)
        self._made["pieces"] = (rows, BOOK)
        insert_answers(self.client, rows.executions[::2], "pieces")
        insert_signals(self.client, rows.signals[1::3], "pieces")
        insert_decisions(self.client, rows.decisions[::2], "pieces")
        Rollup(store).run_once()
        insert_decisions(self.client, rows.decisions[1::2], "pieces")
        insert_signals(self.client, [*rows.signals[::3], *rows.signals[2::3]], "pieces")
        insert_answers(self.client, rows.executions[1::2], "pieces")

    def _again(self, project: str) -> None:
        """Every row a second time, in batches that cut differently."""
        for insert, rows, size in (
            (insert_decisions, self.rows.decisions, 701),
            (insert_signals, self.rows.signals, 97),
            (insert_answers, self.rows.executions, 31),
        ):
            for start in range(0, len(rows), size):
                insert(self.client, rows[start : start + size], project)


@pytest.fixture(scope="module")
def chains(engine_folder: Path) -> Iterator[Chains]:
    """A store with a project per change."""
    with fresh_store(engine_folder) as store:
        yield Chains(store)


def test_the_base_knows_what_is_asked(chains: Chains) -> None:
    """Figures that are all unknown would agree with anything."""
    packet = chains.of("base")["packet"]
    evidence = packet["evidence"]
    known = {
        "divergence": evidence["report"]["overall"]["divergence"]["model"],
        "cost": packet["judgement"]["headline"]["cost_change"],
        "saving": packet["judgement"]["headline"]["saving_usd_per_month"],
        "quality": packet["judgement"]["headline"]["quality_change"],
        "executed": evidence["executed"]["diverging_quality_change"],
        "latency": evidence["latency"]["p95_delta_s"],
        "off-policy": chains.of("base")["off_policy"]["value_change"],
        "frontier": evidence["frontier"]["aiq"],
        "savings": evidence["savings"]["share"],
    }
    assert [name for name, each in known.items() if each["kind"] == "undefined"] == []


@pytest.mark.parametrize("project", ["pieces", "twice"])
def test_the_way_of_delivery_changes_nothing(chains: Chains, project: str) -> None:
    """Order, batches, several runs of the worker, everything delivered twice; not even a hash of the inputs."""
    assert_same(chains.of("base"), chains.of(project), but=CLOCK)


def test_other_projects_change_nothing(chains: Chains) -> None:
    """Before and after other projects came into the store."""
    assert_same(chains.alone, chains.of("base"), but=CLOCK)


def test_names_are_only_names(chains: Chains) -> None:
    """Other names of models, other ids of requests, answers and traces; clusters and their buckets stay.

    The same figures under the new names; lists that names order are compared by name.
    """
    renamed = with_words(chains.of("base"), {**NAMES, BOOK: "renamed"})
    assert_same(sorted_by_name(renamed), sorted_by_name(chains.of("names")), but=(*CLOCK, *HASHES))


def test_a_currency_changes_no_share_and_no_verdict(chains: Chains) -> None:
    """All prices four times as high: every amount is four times what it was, everything else what it was."""
    dearer = with_words(_times(chains.of("base"), FACTOR), {BOOK: "dearer"})
    assert_same(_without_money(dearer), _without_money(chains.of("prices")), but=(*CLOCK, *HASHES))


def test_weeks_later_is_the_same(chains: Chains) -> None:
    """Rows, prices, plan and clock moved by whole weeks."""
    base = chains.of("base")
    ends = [dt.date.fromisoformat(base["packet"]["window"][end]) for end in ("first", "last")]
    words = {BOOK: "shifted", days(*ends): days(*(end + SHIFT for end in ends))}
    expected = changed(with_words(base, words), _day_shifted)
    assert_same(expected, chains.of("weeks"), but=(*CLOCK, *HASHES))


def test_another_shadow_changes_nothing_for_the_others(chains: Chains) -> None:
    """One more policy is measured; nobody else's figures move."""
    found = chains.of("extra")
    report = found["packet"]["report"]
    assert [each["policy"]["name"] for each in report["policies"]].count("extra") == 1
    report["policies"] = [each for each in report["policies"] if each["policy"]["name"] != "extra"]
    assert_same(chains.of("base"), found, but=(*CLOCK, *HASHES))


def test_a_weight_of_two_is_two_requests(chains: Chains) -> None:
    """Shadows that see one of two equal requests, at half the rate, give the point estimates of both."""
    but = (
        "distance",
        "design_effect",
        "ess",
        "reaching_at_least",
    )  # of intervals and counts, which are honestly wider and smaller
    assert_same(_points(chains.of("doubled")), _points(chains.of("weighted")), but=but)


def test_one_token_is_seen(chains: Chains) -> None:
    """The counter-example: one more token in one of 600 answers changes costs and the hash, and no quality."""
    base, found = chains.of("base"), chains.of("one token")
    paths = list(differences(base["packet"], found["packet"], but=CLOCK))
    assert any(".inputs.traffic" in path for path in paths)
    assert any(".ledger." in path for path in paths)
    assert any(".cost." in path for path in paths)
    assert not any(".quality." in path or ".divergence." in path for path in paths)


def _permuted(rows: Chain) -> Chain:
    dice = random.Random(3)
    shuffled: dict[str, Any] = {
        name: dice.sample(list(getattr(rows, name)), len(getattr(rows, name)))
        for name in ("decisions", "signals", "executions", "prices")
    }
    return replace(rows, **shuffled)


def _renamed_models(rows: Chain) -> Chain:
    parts = (rows.decisions, rows.executions, rows.prices)
    decisions, executions, prices = (with_words(list(part), NAMES) for part in parts)
    return replace(rows, decisions=decisions, executions=executions, prices=prices)


def _dearer(rows: Chain) -> Chain:
    return replace(
        rows,
        executions=[{**row, "cost_usd": row["cost_usd"] * FACTOR} for row in rows.executions],
        prices=[
            {name: value * FACTOR if name.endswith("_mtok") else value for name, value in row.items()}
            for row in rows.prices
        ],
        costs={name: usd * FACTOR for name, usd in rows.costs.items()},
    )


def _mapped_requests(rows: Chain, name: Callable[[str], str], response: Callable[[str], str]) -> Chain:
    """The rows with other ids of requests and responses."""

    def target(text: str) -> str:
        kind, _, value = text.partition(":")
        return f"response:{response(value)}" if kind == "response" and value else name(text)

    return replace(
        rows,
        decisions=[
            {
                **row,
                "request_id": name(row["request_id"]),
                "response_id": response(row["response_id"]) if row["response_id"] else "",
                "trace_id": hashlib.md5(name(row["trace_id"]).encode(), usedforsecurity=False).hexdigest(),
            }
            for row in rows.decisions
        ],
        signals=[{**row, "target": target(row["target"])} for row in rows.signals],
        executions=[{**row, "request_id": name(row["request_id"])} for row in rows.executions],
    )


def _renamed_requests(rows: Chain) -> Chain:
    def hashed(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    return _mapped_requests(rows, hashed, hashed)


def _shifted(rows: Chain) -> Chain:
    def moved(part: Any) -> list[Row]:
        return [
            {name: value + SHIFT if isinstance(value, dt.date) else value for name, value in row.items()}
            for row in part
        ]

    return replace(
        rows,
        decisions=moved(rows.decisions),
        signals=moved(rows.signals),
        executions=moved(rows.executions),
        prices=moved(rows.prices),
        first=rows.first + SHIFT,
        now=rows.now + SHIFT,
    )


def _with_another_shadow(rows: Chain) -> Chain:
    """A shadow that saves nothing anywhere, on the requests that other shadows saw."""
    plan = {"policy": "extra", "policy_version": "v1", "model": BIG, "tier": TIERS[BIG], "steps_id": BIG}
    control = [row for row in rows.decisions if row.get("role") == "shadow" and "policy" not in row]
    return replace(rows, decisions=[*rows.decisions, *({**row, **plan} for row in control)])


def _is_chosen(request_id: str) -> bool:
    return int(request_id[1:]) % 2 == 0


def _weighted(rows: Chain) -> Chain:
    """The same requests as in `_doubled`; of every pair the shadows saw one, sampled at half the rate."""
    doubled = _doubled(rows)
    return replace(
        doubled,
        decisions=[
            {**row, "sample_rate": row["sample_rate"] / 2}
            if row.get("role") == "shadow" and _is_chosen(row["request_id"])
            else row
            for row in doubled.decisions
            if row.get("role") != "shadow" or not row["request_id"].endswith("+")
        ],
        executions=[row for row in doubled.executions if not row["request_id"].endswith("+")],
    )


def _doubled(rows: Chain) -> Chain:
    """Every second request twice, with all that belongs to it; answers of one draw, of which only scores are known."""
    copy = _mapped_requests(rows, lambda text: f"{text}+", lambda text: f"{text}+")
    chosen = {row["request_id"] for row in rows.decisions if _is_chosen(row["request_id"])}
    answers = {f"response:{row['response_id']}" for row in rows.decisions if row["request_id"] in chosen}
    ran = [
        {**row, "output_tokens": None, "cost_usd": None, "latency_s": None}
        for row in (*rows.executions, *copy.executions)
        if row["policy"]
    ]
    return replace(
        rows,
        decisions=[*rows.decisions, *(row for row in copy.decisions if row["request_id"][:-1] in chosen)],
        signals=[*rows.signals, *(row for row in copy.signals if row["target"][:-1] in chosen | answers)],
        executions=[row for row in ran if not row["request_id"].endswith("+") or row["request_id"][:-1] in chosen],
    )


def _one_token_more(rows: Chain) -> Chain:
    number = next(number for number, row in enumerate(rows.decisions) if row["attempts"] and row["task"] == "code")
    request_id = rows.decisions[number]["request_id"]
    return replace(
        rows,
        decisions=[_longer(row) if row["request_id"] == request_id else row for row in rows.decisions],
    )


def _longer(row: Row) -> Row:
    *before, answer = row["attempts"]
    longer = (*answer[:7], answer[7] + 1, answer[8])
    return {**row, "output_tokens": row["output_tokens"] + 1, "attempts": [*before, longer]}


def _times(document: Any, factor: float, *, is_money: bool = False) -> Any:
    """The document with every amount of money multiplied: what has the unit usd, and fields that are named so."""
    if isinstance(document, Mapping):
        unit = str(document.get("unit", ""))
        inside = (is_money and "unit" not in document) or unit.startswith("usd")
        return {
            key: [[usd * factor, quality] for usd, quality in value]
            if key == "hull"
            else _times(value, factor, is_money=(inside and key not in _NO_MONEY) or "usd" in key)
            for key, value in document.items()
        }
    if isinstance(document, list):
        return [_times(item, factor, is_money=is_money) for item in document]
    return document * factor if is_money and isinstance(document, float) else document


_NO_MONEY: Final = ("level", "clusters", "effective_clusters", "n")


def _without_money(document: Any) -> Any:
    """Texts without amounts."""
    return changed(document, lambda value: re.sub(r"\$[\d.,]*\d[kM]?", "$", value) if isinstance(value, str) else value)


def _day_shifted(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return re.sub(r"\b\d{4}-\d{2}-\d{2}\b", lambda found: str(dt.date.fromisoformat(found[0]) + SHIFT), value)


def _points(document: Any) -> Any:
    """Point estimates, bounds of ranges and amounts alone: no counts, no intervals."""
    if isinstance(document, Mapping):
        if document.get("kind") in {"estimate", "range"}:
            return {name: document[name] for name in ("kind", "value", "low", "high") if name in document}
        return {
            key: _points(value)
            for key, value in document.items()
            if isinstance(value, float | Mapping | list) and "interval" not in key
        }
    return [_points(item) for item in document] if isinstance(document, list) else document
