"""The examples of the README run against a real socket, and what they record arrives."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.examples import HOST_EXAMPLES, copy_examples, run_example
from tests.support.fake_openai import fake_openai
from tests.support.groups import ROOT
from tests.support.otlp_sink import otlp_sink

TOTAL = "echo Order 17: what is the total?"
EXPECTED = {
    # name: (lines printed, routed requests)
    "decorator": ([TOTAL], 1),
    "context_manager": (["echo Why was I charged twice?"], 1),
    "openai_client": ([TOTAL, TOTAL], 2),
    "shadow_router": ([f"gpt-5-mini {TOTAL}", TOTAL], 2),
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_example_prints_the_answer_and_records_every_request(name: str, tmp_path: Path) -> None:
    """Each example ends without a warning; each of its requests arrives with one row per shadow and its usage."""
    lines, requests = EXPECTED[name]
    with fake_openai() as openai, otlp_sink() as sink:
        folder = copy_examples(tmp_path, sink.url)
        assert run_example(Path(sys.executable), folder, name, openai.base_url).splitlines() == lines

    live = sink.by_role("live")
    assert len(live) == requests
    assert {row["llm_router.outcome.status"] for row in live} == {"complete"}
    assert {row["gen_ai.usage.input_tokens"] for row in live} == {10}
    shadows = 1 if name == "shadow_router" else 2
    assert len(sink.by_role("shadow")) == requests * shadows
    assert {row["llm_router.decision.status"] for row in sink.by_role("shadow")} == {"ok"}


@pytest.mark.parametrize("name", sorted({*EXPECTED, *HOST_EXAMPLES}))
def test_the_readme_shows_the_examples_as_they_run(name: str) -> None:
    """What a reader copies is what the test above has run."""
    text = (ROOT / "examples" / f"{name}.py").read_text().strip()
    for readme in (ROOT / "README.md", ROOT / "shadow" / "README.md"):
        assert f"```python\n{text}\n```" in readme.read_text(), readme


def test_the_page_about_hooks_shows_whole_integrations_as_they_run() -> None:
    """One per host, proxies with both of their files."""
    page = (ROOT / "docs" / "hooks.md").read_text()
    files = [f"{name}.py" for name in HOST_EXAMPLES]
    for file in (*files, "litellm_proxy/config.yaml", "litellm_proxy/shadowroute_callback.py"):
        language = "yaml" if file.endswith(".yaml") else "python"
        assert f"```{language}\n{(ROOT / 'examples' / file).read_text().strip()}\n```" in page, file
