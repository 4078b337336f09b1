"""The shapes of the three YAML files: what keys there are, and what may stand under them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shadow.config.routing import (
    DEFAULT_EXPORT_URL,
    DEFAULT_PROJECT,
    DEFAULT_SEGMENTS,
    DEFAULT_SERVICE,
    Decides,
    Limits,
    Origin,
)

SEGMENT = re.compile(r"task|user_tier|complexity|input_band|label:[A-Za-z0-9_.-]{1,64}")
DEFAULT_LIMITS = Limits()


class Document(BaseModel):
    """A mapping in a file. Unknown keys are errors, and no value is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_choice(value: Any) -> Any:
    return {"use": value} if isinstance(value, str) else value


def _as_empty(value: Any) -> Any:
    return {} if value is None else value


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


def _segment(value: str) -> str:
    if not SEGMENT.fullmatch(value):
        raise ValueError(
            f"a segment must be task, user_tier, complexity, input_band or label:NAME, got {value!r}"
            + (f"; write label:{value}" if value.isidentifier() else "")
        )
    return value


Text = Annotated[str, Field(min_length=1, max_length=200)]
Texts = Annotated[list[Text], BeforeValidator(_as_list), Field(min_length=1, max_length=1000)]
Pattern = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_pattern)]
Address = Annotated[str, AfterValidator(_address)]
Name = Annotated[str, AfterValidator(_name)]
Segment = Annotated[str, AfterValidator(_segment)]
RequestField = Literal["user", "session", "task", "user_tier", "prompt_version", "request_id", "input_tokens"]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


def _exactly_one(document: Document, what: str, keys: tuple[str, ...]) -> None:
    given = [key for key in keys if getattr(document, key) is not None]
    if len(given) != 1:
        got = " and ".join(given) or "none"
        raise ValueError(f"{what} must have exactly one of {', '.join(keys)}, got {got}")


class RangeDocument(Document):
    """Limits of a number, both included."""

    at_least: NotNegative | None = None
    at_most: NotNegative | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        low, high = self.at_least, self.at_most
        if low is None and high is None:
            raise ValueError("a range must have at_least, at_most or both, got none")
        if low is not None and high is not None and low > high:
            raise ValueError(f"at_least must not be above at_most, got {low:g} and {high:g}")
        return self


class WhenDocument(Document):
    """Conditions of a rule; all must hold."""

    task: Texts | None = None
    user_tier: Texts | None = None
    input_tokens: RangeDocument | None = None
    complexity: RangeDocument | None = None
    labels: dict[Text, Texts] | None = None
    matches: Pattern | None = None
    has_tools: bool | None = None
    wants_json: bool | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if all(getattr(self, key) is None for key in WhenDocument.model_fields):
            raise ValueError("when must have at least one condition, got none; write otherwise instead")
        return self


class ValidatorDocument(Document):
    """One validator of a cascade."""

    json_schema: Text | None = None
    matches: Pattern | None = None
    call: Text | None = None
    score_at_least: Annotated[float, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, "a validator", tuple(ValidatorDocument.model_fields))
        return self


class CascadeDocument(Document):
    """Cheap first, then what its answer must pass, then the stronger model."""

    first: Text = Field(alias="try")
    accept_if: Annotated[list[ValidatorDocument], Field(min_length=1, max_length=20)]
    then: Text = Field(alias="else")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if self.first == self.then:
            raise ValueError(f"try and else must be different models, got {self.first} twice")
        return self


class ChoiceDocument(Document):
    """What a rule chooses."""

    use: Text | None = None
    cascade: CascadeDocument | None = None
    why: Annotated[str, Field(max_length=400)] = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, "a choice", ("use", "cascade"))
        return self


class RuleDocument(Document):
    """A rule with conditions, or the last one, which has none."""

    when: WhenDocument | None = None
    otherwise: Annotated[ChoiceDocument, BeforeValidator(_as_choice)] | None = None
    use: Text | None = None
    cascade: CascadeDocument | None = None
    why: Annotated[str, Field(max_length=400)] = ""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        _exactly_one(self, "a rule", ("when", "otherwise"))
        _exactly_one(self, "a rule", ("use", "cascade") if self.otherwise is None else ("otherwise", "use", "cascade"))
        return self

    @property
    def choice(self) -> RuleDocument | ChoiceDocument:
        """Where `use` or `cascade` stands."""
        return self.otherwise or self


class ChooseDocument(Document):
    """The mechanism of a policy."""

    use: Text | None = None
    rules: Annotated[list[RuleDocument], Field(min_length=1, max_length=50)] | None = None
    cascade: CascadeDocument | None = None
    call: Text | None = None
    version: Text | None = None

    @model_validator(mode="after")
    def _one_mechanism(self) -> Self:
        _exactly_one(self, "choose", ("use", "rules", "cascade", "call"))
        if (self.call is None) != (self.version is None):
            raise ValueError(
                "call must have a version beside it, and nothing else has one; "
                "change it whenever the function could decide differently"
            )
        for place, rule in enumerate(self.rules or ()):
            if (rule.otherwise is not None) != (place == len(self.rules or ()) - 1):
                raise ValueError("rules must end with one otherwise; put it last, and only there")
        return self


class PolicyDocument(Document):
    """A policy file."""

    policy: Name
    why: str = ""
    choose: ChooseDocument
    fallback: list[Text] = []


class PriceDocument(Document):
    """USD per million tokens. Cache prices that are absent equal the input price."""

    input: NotNegative
    cached_input: NotNegative | None = None
    cache_write: NotNegative | None = None
    output: NotNegative


class ModelDocument(Document):
    """One model of models.yaml."""

    provider: str = ""
    tier: Literal["small", "medium", "large"] | None = None
    aliases: list[Text] = []
    base_url: Address | None = None
    api_key_env: str = ""
    latency_s: Positive | None = None
    price_usd_per_million: PriceDocument | None = None


class ModelsDocument(Document):
    """models.yaml."""

    prices: Literal["genai-prices"] = "genai-prices"
    models: Annotated[dict[Text, Annotated[ModelDocument, BeforeValidator(_as_empty)]], Field(min_length=1)]


class LiveDocument(Document):
    """A live router that somebody else executes."""

    name: Name
    version: str = ""
    decides: Decides = "unknown"


class ExportDocument(Document):
    """Where spans go."""

    to: Address = DEFAULT_EXPORT_URL
    token_env: str = ""
    content: Literal["none"] = "none"


class LimitsDocument(Document):
    """What shadow work may use."""

    budget_s: Positive = DEFAULT_LIMITS.budget_s
    strikes: Annotated[int, Field(gt=0)] = DEFAULT_LIMITS.strikes
    max_pending: Annotated[int, Field(gt=0)] = DEFAULT_LIMITS.max_pending
    outcome_timeout_s: Positive = DEFAULT_LIMITS.outcome_timeout_s
    queue_spans: Annotated[int, Field(gt=0)] = DEFAULT_LIMITS.queue_spans
    sample_rate: Annotated[float, Field(gt=0, le=1)] = DEFAULT_LIMITS.sample_rate


class RoutingDocument(Document):
    """shadow.yaml."""

    service: Text = DEFAULT_SERVICE
    project: Text = DEFAULT_PROJECT
    origin: Origin = "production"
    live: Text | LiveDocument
    shadows: list[Text]
    from_request: dict[RequestField, Text] = {}
    labels: list[Text] = []
    segments: Annotated[list[Segment], Field(max_length=8)] = list(DEFAULT_SEGMENTS)
    export: ExportDocument = ExportDocument()
    limits: LimitsDocument = LimitsDocument()
