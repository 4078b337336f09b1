from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from shadow.config import Export, load_routing
from shadow.errors import ConfigError
from shadow.observer import Observer
from shadow.recording import content
from shadow.telemetry import keys
from shadow.testing import MemorySink
from tests.support.routing_folder import ALWAYS, write_folder
from tests.support.sdk import always, routing

MESSAGES = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "My card is 4111-1111."}]


def served(
    kind: Any, redact: Callable[[str], str] | None = None, messages: Any = MESSAGES, text: str = "Done.", calls: int = 1
) -> tuple[MemorySink, Observer]:
    """Requests through an observer with that setting."""
    sink = MemorySink()
    made = routing([always("small")], export=Export(content=kind), strikes=1)
    with Observer(made, exporter=sink, redact=redact) as observer:
        for _ in range(calls):
            with observer.request(messages=messages) as request:
                request.chose("big")
                request.served(model="big", text=text)
        assert observer.flush(60)
    return sink, observer


def content_of(sink: MemorySink) -> list[tuple[Any, Any]]:
    def read(row: Mapping[str, Any], key: str) -> Any:
        return json.loads(row[key]) if key in row else None

    return [(read(row, keys.INPUT_MESSAGES), read(row, keys.OUTPUT_MESSAGES)) for row in sink.rows("live")]


def test_full_content_is_on_route_spans_in_the_genai_form() -> None:
    """And nowhere else: shadow spans are copies of facts, not of words."""
    sink, _ = served("full")
    ((prompt, answer),) = content_of(sink)
    assert prompt == [
        {"role": "system", "parts": [{"type": "text", "content": "Be short."}]},
        {"role": "user", "parts": [{"type": "text", "content": "My card is 4111-1111."}]},
    ]
    assert answer == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Done."}], "finish_reason": "unknown"}
    ]
    others = [span for span in sink.spans if span.name != "route"]
    assert others
    assert not any("4111" in str(dict(span.attributes or {})) for span in others)


def test_redacted_content_is_what_the_hook_leaves() -> None:
    """It sees each text whole; the request path never waits for it."""
    threads: set[int] = set()

    def redact(text: str) -> str:
        threads.add(threading.get_ident())
        return text.replace("4111-1111", "CARD")

    sink, observer = served("redacted", redact)
    ((prompt, _),) = content_of(sink)
    assert prompt[1]["parts"][0]["content"] == "My card is CARD."
    assert observer.stats.content_left_out == 0
    assert threading.get_ident() not in threads


def raising(text: str) -> str:
    raise ValueError(text)


def exiting(text: str) -> str:
    raise SystemExit(text)


def no_text(text: str) -> Any:
    return text.encode()


@pytest.mark.parametrize("redact", [raising, exiting, no_text])
def test_content_is_left_out_where_the_hook_fails(
    redact: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    """Counted, and without a word of it in the log. The record itself is whole."""
    caplog.set_level(logging.DEBUG)
    sink, observer = served("redacted", redact, calls=2)
    assert content_of(sink) == [(None, None)] * 2
    assert (observer.stats.content_left_out, observer.stats.contained) == (2, {"export.redact": 2})
    assert "4111" not in caplog.text
    assert len(sink.rows("shadow")) == 2


def test_a_hook_that_hangs_loses_its_request_and_then_its_say(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The recorder goes on without content."""
    monkeypatch.setattr(content, "REDACT_BUDGET_S", 0.05)
    released = threading.Event()

    def hangs(text: str) -> str:
        released.wait(60)
        return text

    sink, observer = served("redacted", hangs, calls=5)
    released.set()
    assert content_of(sink) == [(None, None)] * 5
    assert observer.stats.content_left_out == 5
    assert caplog.text.count("content switched off, because its redaction took longer") == 1
    assert len(sink.rows("live")) == 5


@pytest.mark.parametrize("filler", ["x", "\u0001", "\\", "é"])
def test_content_is_bounded_whatever_the_prompt_is(filler: str) -> None:
    """A collector refuses a span with an attribute above 65,536 characters. The end of a conversation says most."""
    long = [{"role": "user", "content": filler * 500_000} for _ in range(4)] + [{"role": "user", "content": "the end"}]
    sink, _ = served("full", messages=long, text=filler * 500_000)
    ((prompt, answer),) = content_of(sink)
    (row,) = sink.rows("live")
    assert len(row[keys.INPUT_MESSAGES]) <= 60_000
    assert len(row[keys.OUTPUT_MESSAGES]) <= 60_000
    assert prompt[-1]["parts"][0]["content"] == "the end"
    assert answer[0]["parts"][0]["content"].endswith("[cut]")


def test_nothing_is_kept_that_was_cut_off_from_what_would_give_it_away() -> None:
    """A hook that looks for a whole number must see it whole, although the span has no room for it."""
    text = "x" * (content.KEPT_CHARACTERS - 4) + "4111-1111"
    sink, _ = served("redacted", lambda seen: seen.replace("4111-1111", "CARD"), messages=text)
    assert "411" not in str(content_of(sink))


def test_redaction_without_a_function_does_not_start(tmp_path: Path) -> None:
    """Nor a function that is not there, or one that nothing asks for."""
    with pytest.raises(ConfigError, match=r"export\.content redacted must have a function"):
        Observer(routing(export=Export(content="redacted")), exporter=MemorySink())
    shadow = "live: {name: host}\nshadows: [policies/always.yaml]\nexport: {content: %s, redact: '%s'}\n"
    folder = write_folder(tmp_path, shadow=shadow % ("redacted", "tests.support.nowhere:redact"), always=ALWAYS)
    with pytest.raises(ConfigError, match=r"shadow\.yaml:3: redact must name a module that can be imported"):
        load_routing(folder / "shadow.yaml")
    write_folder(folder, models=None, shadow=shadow % ("full", "tests.support.isolated:counts_words"))
    with pytest.raises(ConfigError, match="redact must stand beside content: redacted"):
        load_routing(folder / "shadow.yaml")
    write_folder(folder, models=None, shadow=shadow % ("redacted", "tests.support.isolated:counts_words"))
    assert load_routing(folder / "shadow.yaml").export.redact is not None


def test_by_default_there_is_no_content() -> None:
    """Not even with a hook that would be glad to see it."""
    sink, observer = served("none", lambda text: text)
    assert content_of(sink) == [(None, None)]
    assert observer.stats.content_left_out == 0
