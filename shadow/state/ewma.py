"""Exponentially weighted moving averages of the observations of one model."""

from __future__ import annotations


class Ewma:
    """A moving average: the newest value has the weight `alpha`, all earlier ones the rest.

    Attributes:
        alpha: weight of the newest value.
        value: the average; None = nothing observed yet.
        count: values so far.
    """

    __slots__ = ("alpha", "count", "value")

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha
        self.value: float | None = None
        self.count = 0

    def add(self, value: float) -> None:
        """Take one observation."""
        self.value = value if self.value is None else self.value + self.alpha * (value - self.value)
        self.count += 1


class Averages:
    """The averages of one model at its provider, forgotten together after a time without observations.

    Otherwise a model that is avoided for its slowness would get no requests, and its average would never change.

    Args:
        alpha: weight of the newest value.
        forget_s: seconds without an attempt after which the averages are forgotten.
    """

    __slots__ = ("_alpha", "_forget_s", "_seen_at", "error_rate", "latency_s", "quality", "ttft_s")

    def __init__(self, alpha: float, forget_s: float) -> None:
        self._alpha = alpha
        self._forget_s = forget_s
        self._clear()

    def adopt(self, alpha: float, forget_s: float) -> None:
        """Use other settings; the averages are kept."""
        self._alpha, self._forget_s = alpha, forget_s
        for average in (self.latency_s, self.ttft_s, self.error_rate, self.quality):
            average.alpha = alpha

    def _clear(self) -> None:
        self._seen_at: float | None = None
        self.latency_s = Ewma(self._alpha)
        self.ttft_s = Ewma(self._alpha)
        self.error_rate = Ewma(self._alpha)
        self.quality = Ewma(self._alpha)

    def answered(self, now_s: float, latency_s: float, ttft_s: float | None) -> None:
        """Count an answer. Only answers have a latency: a fast refusal does not make a model fast."""
        self._seen_at = now_s
        self.error_rate.add(0.0)
        self.latency_s.add(latency_s)
        if ttft_s is not None:
            self.ttft_s.add(ttft_s)

    def failed(self, now_s: float) -> None:
        """Count a failure of the provider."""
        self._seen_at = now_s
        self.error_rate.add(1.0)

    def judged(self, now_s: float, quality: float) -> None:
        """Count the quality of an answer, in [0, 1], from a validator or a signal."""
        self._seen_at = now_s
        self.quality.add(quality)

    def forget(self, now_s: float) -> None:
        """Forget everything after too long a time without observations."""
        if self._seen_at is not None and now_s >= self._seen_at + self._forget_s:
            self._clear()

    @property
    def forgotten_at_s(self) -> float:
        """When everything is forgotten without further observations."""
        return float("inf") if self._seen_at is None else self._seen_at + self._forget_s
