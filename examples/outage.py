"""Five minutes of a router in a few seconds: its fastest model becomes slow, and later fails and comes back.

`simulate` runs a `weighted` policy on the router's state with a virtual clock; the answers are made up, the rest is
what runs in production. `python examples/outage.py FILE.png` draws it, as in docs/state.md (needs the platform).
"""

from __future__ import annotations

import heapq
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shadow import Request
from shadow.config import load_catalogue, load_policy
from shadow.state.router_state import State
from shadow.state.settings import StateSettings
from shadow.testing import ManualClock

MODELS = """
models:
  swift:  {provider: a, latency_s: 0.8, quality: 0.8, price_usd_per_million: {input: 1, output: 4}}
  steady: {provider: b, latency_s: 1.2, quality: 0.8, price_usd_per_million: {input: 1, output: 4}}
  spare:  {provider: c, latency_s: 2.0, quality: 0.8, price_usd_per_million: {input: 1, output: 4}}
"""
POLICY = """
policy: weighted
choose: {weighted: {preset: speed-first}}
fallback: [spare]
"""
SECONDS = 300
REQUESTS_PER_S = 10
SLOW_S = range(60, 120)
"""`swift` takes 3 seconds instead of 0.8."""
DOWN_S = range(180, 240)
"""`swift` answers 503, fast."""
SETTINGS = StateSettings(forget_s=60.0)
"""A model without a call for a minute is tried again; the default is five."""


@dataclass(frozen=True)
class Moment:
    """One second: requests by the model that they were sent to, errors of the provider, and what the state showed."""

    at_s: int
    sent: Counter[str]
    errors: int
    latency_s: float | None
    admitted: float


class Traffic:
    """Requests that overlap, as those of a service do: each ends when its answer would have come."""

    def __init__(self, folder: Path) -> None:
        (folder / "models.yaml").write_text(MODELS)
        (folder / "policy.yaml").write_text(POLICY)
        catalogue = load_catalogue(folder / "models.yaml")
        self.clock = ManualClock()
        self.state = State(catalogue, SETTINGS, clock=self.clock)
        self._policy = load_policy(folder / "policy.yaml", catalogue)
        self._under_way: list[tuple[float, int, str, str, float]] = []

    def advance(self, to_s: float) -> int:
        """Let answers arrive until then; how many of them were errors."""
        errors = 0
        while self._under_way and self._under_way[0][0] <= to_s:
            ends_s, _, model, error_type, latency_s = heapq.heappop(self._under_way)
            self.clock.advance(ends_s - self.clock.perf_counter())
            self.state.attempt(model, error_type=error_type, latency_s=latency_s)
            errors += bool(error_type)
        self.clock.advance(to_s - self.clock.perf_counter())
        return errors

    def send(self, number: int) -> str:
        """Decide on one request and send it to the first model that is admitted."""
        now_s = self.clock.perf_counter()
        request = Request(request_id=f"request-{number}", time_us=self.clock.time_ns() // 1000, input_tokens=500)
        decision = self._policy.decide(request, self.state.snapshot(request))
        model = next((step.model for step in decision.steps if self.state.admits(step.model, request)), "")
        if model:
            error_type, latency_s = answer(model, now_s)
            heapq.heappush(self._under_way, (now_s + latency_s, number, model, error_type, latency_s))
        return model


def answer(model: str, at_s: float) -> tuple[str, float]:
    """What a provider does with a request: its error and how long it takes."""
    if model == "swift" and int(at_s) in DOWN_S:
        return "503", 0.05
    if model == "swift" and int(at_s) in SLOW_S:
        return "", 3.0
    return "", {"swift": 0.8, "steady": 1.2, "spare": 2.0}[model]


def simulate() -> list[Moment]:
    """What happened in each second."""
    moments = []
    with tempfile.TemporaryDirectory() as folder:
        traffic = Traffic(Path(folder))
    for second in range(SECONDS):
        sent: Counter[str] = Counter()
        errors = 0
        for part in range(REQUESTS_PER_S):
            errors += traffic.advance(second + part / REQUESTS_PER_S)
            sent[traffic.send(second * REQUESTS_PER_S + part)] += 1
        seen = traffic.state.snapshot(Request(request_id="", time_us=0)).of("swift")
        moments.append(Moment(second, sent, errors, seen.latency_s, seen.admitted))
    return moments


def chart(moments: list[Moment]) -> Any:
    """Who got the requests, and above it the average latency of `swift` and how much of its traffic was let through."""
    import altair as alt  # noqa: PLC0415 - only the picture needs it

    sent = [
        {"second": each.at_s, "model": model, "requests": each.sent[model]}
        for each in moments
        for model in ("swift", "steady", "spare")
    ]
    seen = [{"second": each.at_s, "latency_s": each.latency_s, "admitted": each.admitted} for each in moments]
    x = alt.X("second:Q", title="seconds", scale=alt.Scale(domain=[0, SECONDS], nice=False))
    average = (
        alt.Chart(alt.Data(values=seen), height=90, width=640)
        .mark_line(interpolate="step-after", color="#1f6feb")
        .encode(x=x, y=alt.Y("latency_s:Q", title="latency, s"))
    )
    admitted = (
        alt.Chart(alt.Data(values=seen), height=60, width=640)
        .mark_area(interpolate="step-after", color="#8250df", opacity=0.6)
        .encode(x=x, y=alt.Y("admitted:Q", title="admitted", axis=alt.Axis(format="%", values=[0, 0.5, 1])))
    )
    requests = (
        alt.Chart(alt.Data(values=sent), height=140, width=640)
        .mark_area(interpolate="step-after")
        .encode(
            x=x,
            y=alt.Y("requests:Q", title="requests per second", stack="zero"),
            color=alt.Color(
                "model:N", sort=["swift", "steady", "spare"], scale=alt.Scale(range=["#1f6feb", "#2da44e", "#bf8700"])
            ),
        )
    )
    title = (
        f"swift takes 3 s from {SLOW_S.start} to {SLOW_S.stop}, and answers 503 from {DOWN_S.start} to {DOWN_S.stop}"
    )
    return alt.vconcat(average, admitted, requests, title=title).resolve_scale(color="independent")


if __name__ == "__main__":
    import vl_convert

    Path(sys.argv[1]).write_bytes(vl_convert.vegalite_to_png(chart(simulate()).to_dict(), scale=1))
