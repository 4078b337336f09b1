"""A judgement as JSON, with a schema name that only changes when the meaning of a key does."""

from __future__ import annotations

from typing import Any, Final

from analysis.as_json import plain
from analysis.json_schema import schema_of
from analysis.verdict.results import Judgement

SCHEMA: Final = "shadowroute/judgement/1"


def judgement_json(judgement: Judgement) -> dict[str, Any]:
    """The judgement as JSON values; a measure says by `kind` whether it is an estimate, a range or undefined."""
    return {"schema": SCHEMA, **plain(judgement)}


def judgement_schema() -> dict[str, Any]:
    """The JSON schema of `judgement_json`, as published in docs/reference/judgement.schema.json."""
    return schema_of(Judgement, name=SCHEMA)
