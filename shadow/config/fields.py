"""Kinds of values in the YAML files, each with its rule."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

PERCENT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
SEGMENT: Final = re.compile(r"task|user_tier|complexity|input_band|label:[A-Za-z0-9_.-]{1,64}")


class Document(BaseModel):
    """A mapping in a file. Unknown keys are errors, and no value is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"matches must be a regular expression, got {value!r}; {error.msg}") from None
    return value


def _address(value: str) -> str:
    if not value.startswith(("http://", "https://")) or not value.partition("://")[2].strip("/"):
        raise ValueError(f"an address must start with http:// or https:// and name a host, got {value!r}")
    return value.rstrip("/")


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", value):
        raise ValueError(f"a name must be of lower-case letters, digits and dashes, at most 64, got {value!r}")
    return value


def _share(value: Any) -> Any:
    """`5%` as 0.05. Without the sign, 5 or 0.05 would be ambiguous."""
    if isinstance(value, str) and (match := PERCENT.fullmatch(value)) and 0 < float(match[1]) <= 100:
        return float(match[1]) / 100
    raise ValueError(f"a share must be a percentage above 0% and at most 100%, got {value!r}; for example 5%")


def _segment(value: str) -> str:
    if not SEGMENT.fullmatch(value):
        raise ValueError(
            f"a segment must be task, user_tier, complexity, input_band or label:NAME, got {value!r}"
            + (f"; write label:{value}" if value.isidentifier() else "")
        )
    return value


Isolation = Literal["thread", "process"]
"""Place of a shadow policy."""
Text = Annotated[str, Field(min_length=1, max_length=200)]
Texts = Annotated[list[Text], BeforeValidator(_as_list), Field(min_length=1, max_length=1000)]
Pattern = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_pattern)]
Address = Annotated[str, AfterValidator(_address)]
Name = Annotated[str, AfterValidator(_name)]
LabelSegment = Annotated[str, Field(pattern=r"^label:[A-Za-z0-9_.-]{1,64}$")]
Segment = Annotated[str, AfterValidator(_segment)]
Share = Annotated[float, BeforeValidator(_share)]
Positive = Annotated[float, Field(gt=0)]
PositiveCount = Annotated[int, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


def exactly_one(document: Document, what: str, keys: tuple[str, ...]) -> None:
    """Check that one of the keys is given.

    Raises:
        ValueError: none or several are given.
    """
    given = [key for key in keys if getattr(document, key) is not None]
    if len(given) != 1:
        got = " and ".join(given) or "none"
        raise ValueError(f"{what} must have exactly one of {', '.join(keys)}, got {got}")
