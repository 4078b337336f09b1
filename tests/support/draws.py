"""How many samples a simulation draws, and how far its share of misses may lie from nominal.

`SHADOWROUTE_DRAWS` is 100 unless set, which shows an interval that is far too narrow in seconds; `make sim` sets 2000,
which shows one that is a little too narrow or too wide, and prints every figure as a table. Seeds are fixed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable

DRAWS = int(os.environ.get("SHADOWROUTE_DRAWS", "100"))

CONTROL_DRAWS = max(DRAWS, 400)
"""For controls that miss two to three times as often as they may: 100 draws cannot tell that from 5 %."""

Figure = Callable[[str], None]
"""Puts one line into the table of figures that `make sim` prints; the fixture `figure` gives it."""


def slack(nominal: float = 0.05, draws: int = DRAWS) -> float:
    """Three binomial standard errors of a share of misses."""
    return 3 * math.sqrt(nominal * (1 - nominal) / draws)
