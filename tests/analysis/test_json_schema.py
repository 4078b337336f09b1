"""The schema says what the JSON says."""

from __future__ import annotations

from dataclasses import dataclass

import jsonschema
import pytest

from shadowroute.analysis.as_json import plain
from shadowroute.analysis.json_schema import schema_of
from shadowroute.analysis.results import Estimate, Interval, Measured, Range, Undefined
from shadowroute.analysis.selection import Cross, Segment, Slice, Window
from tests.support.decision_rows import DAY

NAME = "shadowroute/test/1"


@dataclass(frozen=True)
class Document:
    """Something with everything that documents hold.

    Attributes:
        measured: a figure.
        where: which requests.
    """

    measured: Measured
    where: Slice
    window: Window
    shares: tuple[float, ...]


ESTIMATE = Estimate(
    value=0.1,
    interval=Interval(0.0, 0.2),
    n=10,
    clusters=5,
    effective_clusters=4.5,
    unit="share",
    method="wilson",
)
RANGE = Range(low=0.0, high=1.0, n=10, unit="share", why="nobody saw it", interval=Interval(0.0, 1.0))


@pytest.mark.parametrize("measured", [ESTIMATE, RANGE, Undefined(reason="no requests")])
@pytest.mark.parametrize("where", [Segment("task", "code"), Cross((Segment("task", "code"), Segment()))])
def test_documents_fit_their_schema(measured: Measured, where: Slice) -> None:
    """Every kind of measure and slice."""
    schema = schema_of(Document, name=NAME)
    jsonschema.Draft202012Validator.check_schema(schema)
    document = {"schema": NAME, **plain(Document(measured, where, Window(DAY, DAY), (0.5,)))}
    jsonschema.validate(document, schema)
    for broken in ({"schema": "other"}, {"window": "today"}, {"where": 3}, {"measured": {"kind": "estimate"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document | broken, schema)


def test_a_kind_must_be_said() -> None:
    """Without it, a reader could take bounds for an interval."""
    schema = schema_of(Document, name=NAME)
    document = {"schema": NAME, **plain(Document(ESTIMATE, Segment(), Window(DAY, DAY), ()))}
    del document["measured"]["kind"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)
