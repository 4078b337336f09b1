"""Prompts of sessions in the caches of models.

A provider that never reported a cache read or write counts as one without a cache. With a cache, the prompt of the
last call is warm until its time to live ends; each call renews it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shadow.domain.outcome import Usage
from shadow.domain.request import NOTHING

MODELS_PER_SESSION: Final = 8


class WarmPrompts:
    """Sessions with their warm models. Reading takes no lock; writers hold their owner's.

    Args:
        ttl_s: seconds that a provider keeps a prompt after its last use.
        sessions: limit of remembered sessions; the least recent one is forgotten first.
    """

    __slots__ = ("_caching", "_sessions", "_size", "_ttl_s")

    def __init__(self, ttl_s: float, sessions: int) -> None:
        self._ttl_s = ttl_s
        self._size = sessions
        self._sessions: dict[str, dict[str, tuple[int, float]]] = {}
        self._caching: set[str] = set()

    def adopt(self, ttl_s: float, sessions: int) -> None:
        """Use other settings; warm prompts keep their time."""
        self._ttl_s, self._size = ttl_s, sessions

    def __len__(self) -> int:
        return len(self._sessions)

    def of(self, session_key: str, now_s: float, prompt_tokens: int) -> Mapping[str, int]:
        """Warm tokens by model; empty if no model is warm.

        Args:
            session_key: of the session; an empty one has no warm model.
            now_s: the time.
            prompt_tokens: of the current request, as the upper limit; 0 = unknown.
        """
        held = self._sessions.get(session_key)
        if held is None:
            return NOTHING
        most = prompt_tokens or float("inf")
        return {model: int(min(tokens, most)) for model, (tokens, until) in held.items() if now_s < until}

    def served(self, session_key: str, now_s: float, model: str, usage: Usage) -> None:
        """Note that a model answered a request of the session."""
        written = usage.cache_write_tokens
        if usage.cache_read_tokens or written:
            self._caching.add(model)
        if model in self._caching and usage.input_tokens is not None:
            self.hold(session_key, now_s, model, usage.cache_read_tokens + written if written else usage.input_tokens)

    def hold(self, session_key: str, now_s: float, model: str, tokens: int) -> None:
        """Note that a model has so many tokens of the session's prompt in its cache."""
        if not session_key:
            return
        held = {name: entry for name, entry in self._sessions.pop(session_key, {}).items() if now_s < entry[1]}
        held.pop(model, None)
        if len(held) >= MODELS_PER_SESSION:
            held.pop(next(iter(held)))
        self._sessions[session_key] = held | {model: (tokens, now_s + self._ttl_s)}
        while len(self._sessions) > self._size:
            self._sessions.pop(next(iter(self._sessions)), None)
