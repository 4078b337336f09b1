"""A probability sample of the week, answered again by the shadows: evidence that decisions alone cannot give.

A team would run a few hundred prompts on the other model and score both answers. Here the answers are known, so the
draw costs nothing; everything else is as it would be, the import into the store included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from shadowroute.analysis.backtest.truth import Walk
from shadowroute.analysis.prices import PriceTable
from shadowroute.app.demo.traffic import Traffic, Turn
from shadowroute.collector.executions import Execution

SIGNAL: Final = "resolved"
SCORER: Final = "simulated-checker"
SAMPLED: Final[Mapping[str, float]] = {"cheap-first": 0.12, "bold": 0.06}
"""Shadow to the chance that one of its differing requests is run. Answers of `new-idea` were never run."""

_RUN_AFTER: Final = timedelta(hours=1)


@dataclass
class AnswerSample:
    """The sample of one shadow: each request that needs an answer of it has the same chance.

    Attributes:
        policy: name of the shadow. version: of its document.
        chance: (0, 1].
    """

    policy: str
    version: str
    chance: float
    traffic: Traffic
    prices: PriceTable
    rows: list[Execution] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng([self.traffic.seed, len(self.policy)])
        self._run_at = datetime.fromtimestamp(self.traffic.end_us / 1e6, UTC) + _RUN_AFTER

    def offer(self, turn: Turn, live: Walk, shadow: Walk) -> None:
        """Draw or skip the request. If both plans are the same, there is nothing to run."""
        if shadow.decision.model == live.decision.model and not shadow.decision.escalation_model:
            return
        if self._random.random() < self.chance:
            self.rows.append(self._execution(turn, live, shadow))

    def _execution(self, turn: Turn, live: Walk, shadow: Walk) -> Execution:
        first = shadow.attempts[0].usage
        return Execution(
            sample="demo-week",
            request_id=turn.request_id,
            policy=self.policy,
            policy_version=self.version,
            model=shadow.served.model,
            inclusion_probability=self.chance,
            stratum="",
            status="ok",
            escalated=shadow.escalated if shadow.decision.escalation_model else None,
            input_tokens=first.input_tokens,
            output_tokens=first.output_tokens,
            cost_usd=shadow.usd(self.prices, self.traffic.first_day),
            latency_s=None if shadow.escalated else shadow.served.latency_s,
            signal=SIGNAL,
            score=shadow.served.score,
            live_score=live.served.score,
            scorer=SCORER,
            executed_at=self._run_at,
        )


def drawn(samples: Mapping[str, AnswerSample]) -> Iterator[Execution]:
    """All rows of all samples."""
    for sample in samples.values():
        yield from sample.rows
