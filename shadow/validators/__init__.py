"""What a cascade may ask of an answer before it is content with it (`accept_if`), one kind per file."""

from shadow.validators.base import AnyValidator, Case, ShadowBench, SlowValidator, Validator
from shadow.validators.calls import Calls, SlowCalls
from shadow.validators.citations import Cites
from shadow.validators.command import Command
from shadow.validators.confidence import Confidence
from shadow.validators.hedging import NotHedging
from shadow.validators.json_schema import JsonSchema
from shadow.validators.judge import Judge
from shadow.validators.length import Length
from shadow.validators.patterns import Matches, NotMatches
from shadow.validators.phrases import NotContaining
from shadow.validators.refusal import NotRefusal
from shadow.validators.required_fields import RequiredFields
from shadow.validators.score import ScoreAtLeast
from shadow.validators.tools import ToolCalls

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
    "ShadowBench",
    "SlowCalls",
    "SlowValidator",
    "ToolCalls",
    "Validator",
]
