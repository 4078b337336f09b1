"""A judgement as JSON, with a schema name that only changes when the meaning of a key does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from pydantic import TypeAdapter

from shadowroute.analysis.as_json import plain
from shadowroute.analysis.json_schema import schema_of
from shadowroute.analysis.selection import Segment
from shadowroute.analysis.verdict.results import Judgement

SCHEMA: Final = "shadowroute/judgement/1"
_JUDGEMENT: Final = TypeAdapter(Judgement)


def judgement_json(judgement: Judgement) -> dict[str, Any]:
    """The judgement as JSON values; the `kind` of a measure is estimate, range or undefined."""
    return {"schema": SCHEMA, **plain(judgement)}


def judgement_from_json(document: Mapping[str, Any]) -> Judgement:
    """The judgement that `judgement_json` wrote, or that a packet holds.

    Raises:
        ValueError: the value is not a judgement.
    """
    findings = [
        {**finding, "segment": asdict(Segment.parse(finding["segment"]))} for finding in document.get("segments", ())
    ]
    return _JUDGEMENT.validate_python({**document, "segments": findings})


def judgement_schema() -> dict[str, Any]:
    """The JSON schema of `judgement_json`, as published in docs/reference/judgement.schema.json."""
    return schema_of(Judgement, name=SCHEMA)
