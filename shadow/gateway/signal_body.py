"""POST /v1/signals: the quality of an answer, by the request id of its response or by the provider's id."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self

from pydantic import Field, ValidationError, model_validator

from shadow.config.fields import Document
from shadow.domain.signals import SignalSource
from shadow.gateway.refusals import RefusedError

Short = Annotated[str, Field(max_length=10_000)]
RESPONSE: Final = "response:"
REQUEST: Final = "request:"


class SignalBody(Document):
    """One signal, with the fields of the collector's `/v1/signals`."""

    request_id: Short = ""
    response_id: Short = ""
    name: Annotated[str, Field(min_length=1, max_length=10_000)]
    value: Annotated[float, Field(ge=0, le=1)] | None = None
    label: Short = ""
    source: SignalSource = "code"
    scorer: Short = ""
    explanation: Short = ""
    time: Short = ""
    deleted: bool = False

    @model_validator(mode="after")
    def _names_one_answer(self) -> Self:
        if bool(self.request_id) == bool(self.response_id):
            raise ValueError("exactly one of request_id and response_id must be given")
        if self.value is None and not self.label and not self.deleted:
            raise ValueError("value must be given, in [0, 1] with 1 as best, unless there is a label")
        return self


def signal_of(document: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Target, name and details of a signal, for `ShadowRouter.signal`.

    Raises:
        RefusedError: 400, a field breaks a rule.
    """
    try:
        body = SignalBody.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        text = first["msg"].removeprefix("Value error, ")
        message = f"{field}: {text}" if field else text
        raise RefusedError(400, message, code="invalid_value", param=field or None) from None
    details = body.model_dump(include={"value", "label", "source", "scorer", "explanation", "deleted"})
    if body.time:
        details["time_ns"] = _time_ns(body.time)
    target = f"{REQUEST}{body.request_id}" if body.request_id else f"{RESPONSE}{body.response_id}"
    return target, body.name, details


def _time_ns(text: str) -> int:
    """Epoch nanoseconds of an ISO 8601 text; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(
            400, "time must be ISO 8601, such as 2026-11-23T09:00:00Z", code="invalid_value", param="time"
        ) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since_epoch.days * 86_400 + since_epoch.seconds) * 10**9 + since_epoch.microseconds * 1_000
