"""Whether a model's name is that of one exact version, which its maker cannot change under the same name."""

from __future__ import annotations

import re
from typing import Final

_VERSION: Final = re.compile(
    r"""(?x)
    [-@._]20\d{2}-?[01]\d-?[0-3]\d(?=$|[-:@._v])              # a day: gpt-4o-2024-08-06, claude-opus-4@20250514
    | -(?:2[2-9](?:0[1-9]|1[0-2])|(?:0[1-9]|1[0-2])[0-3]\d)(?=$|[-:@])  # mistral-large-2411, gpt-4-0613
    | -0\d{2}$                                                # gemini-2.0-flash-001
    | -v\d+:\d+$                                              # amazon.nova-pro-v1:0
    | @sha256:[0-9a-f]{8,}$                                   # an image of one's own
    """
)
_MOVING: Final = re.compile(r"[-:@]latest$")


def is_pinned(model: str) -> bool:
    """Whether the name carries a day, a release number or a digest; `-latest` never is."""
    return bool(_VERSION.search(model)) and not _MOVING.search(model)
