from __future__ import annotations

import logging
import time

import pytest

from shadow.errors import ShadowError
from shadow.runtime.containment import Containment, describe


def test_an_error_of_ours_is_counted_by_place_and_does_not_go_on() -> None:
    """The host goes on, and the count tells where something went wrong."""
    containment = Containment()
    for _ in range(3):
        with containment.guard("close"):
            raise ValueError("broken")
    assert containment.counts == {"close": 3}
    assert containment.guard("close") is containment.guard("close"), "a guard costs a live request no object"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_the_host_goes_on(error: type[BaseException]) -> None:
    """Ctrl-C and exit belong to the host."""
    containment = Containment()
    with pytest.raises(error), containment.guard("close"):
        raise error
    assert containment.counts == {}


def test_tests_can_let_errors_through() -> None:
    """With on_error="raise" a bug of ours cannot hide behind the guard."""
    with pytest.raises(ValueError, match="broken"), Containment("raise").guard("close"):
        raise ValueError("broken")


def test_a_place_logs_once_in_a_while_and_never_quotes_a_message(caplog: pytest.LogCaptureFixture) -> None:
    """A message of foreign code may quote a prompt, and a flood of logs is an outage of its own."""
    containment = Containment()
    with caplog.at_level(logging.WARNING, "shadowroute"):
        for _ in range(5):
            with containment.guard("extract"):
                raise KeyError("my secret prompt")
    assert len(caplog.records) == 1
    assert "KeyError raised at test_containment.py:" in caplog.text
    assert "secret" not in caplog.text


def test_each_place_logs_every_twenty_seconds(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first error on, however young the machine's clock is; one place does not silence another."""
    containment = Containment()
    for now_s, where in ((0.0, "close"), (19.9, "close"), (19.9, "open"), (20.0, "close"), (39.9, "close")):
        monkeypatch.setattr(time, "monotonic", lambda now_s=now_s: now_s)
        with containment.guard(where):
            raise ShadowError(f"broken at {now_s}")
    monkeypatch.undo()
    assert [record.getMessage() for record in caplog.records] == [
        f"shadowroute: internal error contained, your request is unaffected ({where}): broken at {now_s}"
        for now_s, where in ((0.0, "close"), (19.9, "open"), (20.0, "close"))
    ]
    assert containment.counts == {"close": 4, "open": 1}


def test_a_function_of_the_service_that_failed_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """The reader of the log can correct it; its error is counted, also where tests let ours through."""
    containment = Containment("raise")
    containment.note("accept_if of cheap", ShadowError("no score"))
    assert [record.getMessage() for record in caplog.records] == [
        "shadowroute: accept_if of cheap failed, your request is unaffected; correct that function: no score"
    ]
    assert containment.counts == {"accept_if of cheap": 1}


def test_an_error_is_described_by_the_line_that_raised_it() -> None:
    """Not by the line of ours that called, which is always the same."""

    def called() -> None:
        raise ValueError("secret")

    with pytest.raises(ValueError, match="secret") as raised:
        called()
    line = called.__code__.co_firstlineno + 1
    assert describe(raised.value) == f"ValueError raised at test_containment.py:{line}"


def test_our_own_sentences_are_logged_whole(caplog: pytest.LogCaptureFixture) -> None:
    """They say what to do, and quote nothing."""
    with caplog.at_level(logging.WARNING, "shadowroute"), Containment().guard("wrap"):
        raise ShadowError("wrap() must get a client")
    assert "wrap() must get a client" in caplog.text


def test_an_error_without_traceback_is_described_by_its_class() -> None:
    """Errors that were never raised have no line."""
    assert describe(ValueError("secret")) == "ValueError"
