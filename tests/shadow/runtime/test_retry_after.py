"""How long an answer asks to wait."""

from __future__ import annotations

import pytest

from shadow.runtime.retry_after import retry_after_s


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        (" 7 ", 7.0),
        ("-5", 0.0),
        ("1e9", 60.0),
        ("inf", 60.0),
        ("Thu, 01 Jan 1970 00:01:50 GMT", 10.0),
        ("Thursday, 01-Jan-70 00:01:50 GMT", 10.0),
        ("Thu, 01 Jan 1970 01:01:50 +0100", 10.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 2970 00:00:00 GMT", 60.0),
        ("Thu, 01 Jan 99999 00:00:00 GMT", None),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
def test_every_form_is_read_within_reason(header: str, seconds: float | None) -> None:
    """Seconds, fractions and dates; never longer than a minute, never negative, and nonsense says nothing."""
    assert retry_after_s({"retry-after": header}, 100.0) == seconds


def test_milliseconds_are_more_exact_than_the_standard_header() -> None:
    """OpenAI and Azure send both."""
    assert retry_after_s({"retry-after-ms": "1500", "retry-after": "2"}, 100.0) == 1.5
    assert retry_after_s({"x-ms-retry-after-ms": "250"}, 100.0) == 0.25
    assert retry_after_s({"retry-after-ms": "?", "retry-after": "2"}, 100.0) == 2.0
    assert retry_after_s({}, 100.0) is None
