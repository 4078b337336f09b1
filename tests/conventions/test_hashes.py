"""What is hashed today has the same hash for ever: versions of policies, plans, steps and price books are recorded."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.hashes import GOLDEN, hashes


def test_every_document_has_the_hash_that_it_always_had(tmp_path: Path) -> None:
    """tests/golden/hashes.json only grows: its lines for files that nobody edited must never change.

    A recorded plan would read "changed", and the traffic of a policy would fall apart into two versions.
    """
    assert hashes(tmp_path) == json.loads((GOLDEN / "hashes.json").read_text())
