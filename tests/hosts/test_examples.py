"""What the documentation shows for each host runs against the real library, current and older."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hosts.environments import RELEASES, Release, python_of
from tests.support.examples import HOST_EXAMPLES, copy_examples, run_example
from tests.support.fake_openai import fake_openai
from tests.support.otlp_sink import otlp_sink

pytestmark = pytest.mark.litellm
STREAMED = {"openai_client", "litellm_router"}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_every_example_of_a_host_prints_the_answer_and_records_every_request(release: Release, tmp_path: Path) -> None:
    """With that release of `openai` and `litellm`: whole outcomes with their tokens, and a row per shadow."""
    python = python_of(release)
    for name in HOST_EXAMPLES:
        with fake_openai() as openai, otlp_sink() as sink:
            folder = copy_examples(tmp_path / name, sink.url)
            is_quiet = name != "litellm_router"
            printed = run_example(python, folder, name, openai.base_url, is_quiet=is_quiet).splitlines()
        requests = 2 if name in STREAMED else 1
        assert [line for line in printed if line.startswith("echo ")] == printed, name
        assert len(printed) == requests, name
        live = sink.by_role("live")
        assert len(live) == requests, name
        assert {row["llm_router.outcome.status"] for row in live} == {"complete"}, name
        assert {row["gen_ai.usage.input_tokens"] for row in live} == {10}, name
        shadows = sink.by_role("shadow")
        assert len(shadows) == 2 * requests, name
        assert {row["llm_router.decision.status"] for row in shadows} == {"ok"}, name
