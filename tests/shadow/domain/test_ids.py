from __future__ import annotations

import subprocess
import sys
import uuid

from shadow.domain.ids import uuid7

FORK = """
import os
from shadow.domain.ids import uuid7

read, write = os.pipe()
if os.fork() == 0:
    os.write(write, uuid7(0).encode())
    os._exit(0)
os.wait()
print(os.read(read, 36).decode(), uuid7(0))
"""


def test_request_ids_are_uuids_of_version_7_in_time_order() -> None:
    """RFC 9562: version, variant, and the milliseconds in front."""
    early, late = uuid.UUID(uuid7(1_700_000_000_000_000_000)), uuid.UUID(uuid7(1_700_000_000_001_000_000))
    assert {(made.version, made.variant) for made in (early, late)} == {(7, uuid.RFC_4122)}
    assert early.int >> 80 == 1_700_000_000_000
    assert early < late


def test_request_ids_of_one_millisecond_differ() -> None:
    """74 bits of each are random."""
    assert len({uuid7(0) for _ in range(100_000)}) == 100_000


def test_a_forked_child_makes_ids_of_its_own() -> None:
    """Servers fork after their application was imported: the generator's state must not be shared."""
    ran = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=True)
    child, parent = ran.stdout.split()
    assert child != parent
