"""How many samples a simulation draws, and how far its share of misses may lie from nominal.

`SHADOWROUTE_DRAWS` is 400 unless set; `make sim` sets 2000 and prints every figure as a table.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable

DRAWS = int(os.environ.get("SHADOWROUTE_DRAWS", "400"))

Figure = Callable[[str], None]
"""Puts one line into the table of figures that `make sim` prints; the fixture `figure` gives it."""


def slack(nominal: float = 0.05, draws: int = DRAWS) -> float:
    """Three binomial standard errors of a share of misses."""
    return 3 * math.sqrt(nominal * (1 - nominal) / draws)
