"""The JSON schemas in the documentation, as the types give them.

Run as a script with `--write` after a type of a packet changed; a test compares both.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from shadowroute.analysis.json_schema import schema_of
from shadowroute.analysis.packet.content import SCHEMA, Packet
from shadowroute.analysis.verdict.judgement_json import judgement_schema

REFERENCE = Path(__file__).resolve().parents[2] / "docs/reference"


def schemas() -> dict[Path, dict[str, Any]]:
    """File to what must stand in it."""
    return {
        REFERENCE / "packet.schema.json": schema_of(Packet, name=SCHEMA),
        REFERENCE / "judgement.schema.json": judgement_schema(),
    }


def main() -> int:
    """Write the files, or say which are not as they should be."""
    stale = [path for path, schema in schemas().items() if not path.exists() or json.loads(path.read_text()) != schema]
    if "--write" in sys.argv:
        for path in stale:
            path.write_text(json.dumps(schemas()[path], indent=2) + "\n")
        return 0
    for path in stale:
        print(f"{path.name}: must be as the types give it; run this script with --write")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
