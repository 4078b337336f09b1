"""Validators of answers in cascades (`accept_if`), one kind per file."""

from shadow.policies.validators.calls import Calls, SlowCalls
from shadow.policies.validators.citations import Cites
from shadow.policies.validators.command import Command
from shadow.policies.validators.confidence import Confidence
from shadow.policies.validators.hedging import NotHedging
from shadow.policies.validators.json_schema import JsonSchema
from shadow.policies.validators.judge import Judge
from shadow.policies.validators.length import Length
from shadow.policies.validators.patterns import Matches, NotMatches
from shadow.policies.validators.phrases import NotContaining
from shadow.policies.validators.protocol import AnyValidator, Case, ShadowValidatorContext, SlowValidator, Validator
from shadow.policies.validators.refusal import NotRefusal
from shadow.policies.validators.required_fields import RequiredFields
from shadow.policies.validators.score import ScoreAtLeast
from shadow.policies.validators.tools import ToolCalls

__all__ = [
    "AnyValidator",
    "Calls",
    "Case",
    "Cites",
    "Command",
    "Confidence",
    "JsonSchema",
    "Judge",
    "Length",
    "Matches",
    "NotContaining",
    "NotHedging",
    "NotMatches",
    "NotRefusal",
    "RequiredFields",
    "ScoreAtLeast",
    "ShadowValidatorContext",
    "SlowCalls",
    "SlowValidator",
    "ToolCalls",
    "Validator",
]
