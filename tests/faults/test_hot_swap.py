"""F14: policies, models and shadows change under load, and some of the changes are wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from shadow.router import ShadowRouter
from shadow.telemetry import keys
from tests.support.fake_openai import FakeOpenAI, fake_openai
from tests.support.faulty_shadows import FULL, ask
from tests.support.otlp_sink import OtlpSink, otlp_sink
from tests.support.routing_folder import write_folder

CALLERS = 4
CALLS = 500 if FULL else 15
SETTINGS = """\
live: policies/live.yaml
shadows: [policies/shadow.yaml]
export: {{to: "{collector}"}}
"""
MODELS = """\
models:
  big: {{provider: fake, base_url: "{provider}", tier: {big}}}
  small: {{provider: fake, base_url: "{provider}", tier: {small}}}
"""
VERSIONS = {"a": ("big", "large", "small", "small"), "b": ("small", "medium", "big", "medium")}
"""By version: model and tier that live takes, model and tier that the shadow would take."""
BAD: Final[list[dict[str, Any]]] = [
    {"live": "policy: live\nchoos: {use: big}\n"},
    {"models": "models:\n  big: {price_usd_per_million: {input: -1, output: 1}}\n"},
    {"live": "policy: live\nchoose: {use: big}\nfallback: [small, small]\n"},
]


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


@pytest.fixture
def collector() -> Iterator[OtlpSink]:
    with otlp_sink() as running:
        yield running


def test_f14_every_request_sees_one_version_of_everything(
    tmp_path: Path, server: FakeOpenAI, collector: OtlpSink
) -> None:
    """Each row's live model, its tier, the shadow's model and its tier belong together; nobody's call fails."""

    def write(version: str) -> None:
        live, live_tier, shadow, shadow_tier = VERSIONS[version]
        tiers = {live: live_tier, shadow: shadow_tier}
        write_folder(
            tmp_path,
            models=MODELS.format(provider=server.base_url, **tiers),
            shadow=SETTINGS.format(collector=collector.url),
            live=f"policy: live\nchoose: {{use: {live}}}\n",
        )
        (tmp_path / "policies/shadow.yaml").write_text(f"policy: shadow\nchoose: {{use: {shadow}}}\n")

    write("a")
    wrong: list[BaseException] = []
    with ShadowRouter(tmp_path / "shadow.yaml") as router:

        def call(caller: int) -> None:
            try:
                for number in range(CALLS):
                    answer, _ = ask(router, 1000 * caller + number)
                    assert answer.text == f"echo question {1000 * caller + number}"
            except BaseException as error:
                wrong.append(error)

        callers = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
        for each in callers:
            each.start()
        taken = refused = 0
        while any(each.is_alive() for each in callers) or taken < 4:
            write_folder(tmp_path, **({"models": None} | BAD[refused % len(BAD)]))
            assert not router.reload()
            refused += 1
            write("ba"[taken % 2])
            assert router.reload()
            taken += 1
        for each in callers:
            each.join()
        assert wrong == []
        assert router.flush(120)
        assert (router.stats.reloads, router.stats.reloads_refused) == (taken, refused)
        assert router.stats.dropped == 0
    live, shadow = collector.by_role("live"), collector.by_role("shadow")
    assert len(live) == len(shadow) == CALLERS * CALLS
    seen = {
        (row[keys.LIVE_MODEL], row[keys.LIVE_TIER], row[keys.DECISION_MODEL], row[keys.DECISION_TIER]) for row in shadow
    }
    assert seen <= set(VERSIONS.values())
    assert all(row[keys.RESPONSE_MODEL] == row[keys.DECISION_MODEL] for row in live)
