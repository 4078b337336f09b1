"""The version of a policy: a hash of its document and of everything outside of the file that it depends on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shadow.config.canonical import FirstKeys, canonical_form
from shadow.config.policy_document import PolicyDocument
from shadow.domain.ids import canonical_id

CHARACTERS: Final = 12

FIRST_KEYS: Final[FirstKeys] = {
    "ArmDocument": ("why",),
    "BudgetDocument": ("prefer", "if_none_fits", "output_tokens"),
    "CallDocument": ("slow",),
    "CapabilityDocument": ("strict",),
    "CascadeDocument": ("retry_same", "tell_why", "mode"),
    "ChoiceDocument": ("why",),
    "CitesDocument": ("at_least", "form"),
    "CommandDocument": ("timeout_s", "part", "file", "in_shadows"),
    "HttpDocument": ("timeout_s", "token_env"),
    "JsonSchemaDocument": ("fenced",),
    "JudgeDocument": ("at_least", "timeout_s"),
    "LengthDocument": ("unit",),
    "NotContainingDocument": ("whole_words",),
    "NotHedgingDocument": ("at_most",),
    "PolicyDocument": ("why", "fallback"),
    "RequiredFieldsDocument": ("fenced",),
    "RuleDocument": ("why",),
    "StageDocument": ("retry_same", "tell_why"),
    "ToolCallsDocument": ("required", "schemas"),
    "WeightedDocument": ("overrides", "output_tokens"),
    "WeightsDocument": ("latency", "cost", "quality"),
}
"""Closed, see `canonical`. Keys without a value were never part of a version, so those with the default None are not
listed."""


def policy_version(document: PolicyDocument, artifacts: Mapping[str, str]) -> str:
    """12 hex characters. Prices are not part of it, nor where the policy runs.

    Args:
        document: of the policy file.
        artifacts: digests of the files, functions and models that the document names.
    """
    form = canonical_form(document, FIRST_KEYS, exclude={"isolation"}, exclude_none=True)
    if artifacts:
        form["artifacts"] = dict(artifacts)
    return canonical_id(form, length=CHARACTERS)
