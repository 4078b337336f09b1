"""Prompts and answers on spans, if the service exports them: in full, or redacted by its own function.

Off by default. No figure uses content. It is prepared off the request path, in bounded size. If the
redaction raises, takes too long or gives no text, or the collector is slow, content is left out, never sent unredacted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from shadow.domain.request import Message
from shadow.errors import ConfigError, ShadowError
from shadow.recording.backlog import Pending
from shadow.runtime.containment import Containment, logger
from shadow.runtime.worker import Task, Worker, wait_for
from shadow.telemetry import keys

if TYPE_CHECKING:
    from shadow.config import Routing

Redact = Callable[[str], str]
"""From the text of a message to the text to export."""

Text = tuple[str, str]
"""Role and text of a message."""

READ_CHARACTERS: Final = 200_000
"""Of one message, for the redaction. Far more than is kept, so that a cut cannot hide what the redaction must see."""
KEPT_CHARACTERS: Final = 24_000
"""Of the prompt, and of the answer."""
JSON_CHARACTERS: Final = 60_000
"""Of one attribute; collectors refuse longer ones."""
REDACT_BUDGET_S: Final = 1.0
"""For the texts of one request."""
REDACT_STRIKES: Final = 3
CUT: Final = "[cut]"


class Content:
    """Attributes of prompts and answers for `route` spans.

    Args:
        routing: with the settings of `export`.
        containment: counts exceptions of the redaction.

    Attributes:
        left_out: requests whose content was left out.

    Raises:
        ConfigError: content is to be redacted, and there is no function for it.
    """

    def __init__(self, routing: Routing, containment: Containment) -> None:
        export = routing.export
        if export.content == "redacted" and export.redact is None:
            raise ConfigError(
                "export.content redacted must have a function that redacts, got none; write `redact: module:function` "
                "under export, or pass redact=",
                file=routing.file,
            )
        self._is_on = export.content != "none"
        self._redact = export.redact if export.content == "redacted" else None
        self._waiting_at_most = routing.limits.queue_spans // 10
        self._containment = containment
        self._strikes_left = REDACT_STRIKES
        self.after_fork()

    def after_fork(self) -> None:
        """The parent's thread does not exist here."""
        self._worker: Worker[Sequence[Text], list[Text] | None] | None = None
        self.left_out = 0

    def of(self, requests: Sequence[Pending], waiting: int) -> Sequence[Mapping[str, str]]:
        """Attributes for the `route` span of each request; empty if content is off or left out.

        Args:
            requests: closed ones.
            waiting: spans that wait for the collector. Above a tenth of the queue, content is left out.
        """
        if not self._is_on:
            return [{}] * len(requests)
        if waiting > self._waiting_at_most or self._strikes_left <= 0:
            self.left_out += len(requests)
            return [{}] * len(requests)
        texts = [_texts(pending) for pending in requests]
        ready: Sequence[list[Text] | None] = texts if self._redact is None else self._redacted(texts)
        self.left_out += sum(each is None for each in ready)
        return [{} if each is None else _attributes(each) for each in ready]

    def stop(self) -> None:
        """End the thread."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _redacted(self, texts: Sequence[list[Text]]) -> list[list[Text] | None]:
        """Every request's texts, redacted in a thread that can be abandoned."""
        done: list[list[Text] | None] = []
        while len(done) < len(texts) and self._strikes_left > 0:
            if self._worker is None:
                self._worker = Worker("shadowroute-redact", self._redact_all)
            task: Task[Sequence[Text], list[Text] | None] = self._worker.start(texts[len(done) :])
            overran = wait_for(task, REDACT_BUDGET_S)
            done += task.results[:overran]
            if overran is not None:
                done.append(None)
                self._strike()
        return done + [None] * (len(texts) - len(done))

    def _strike(self) -> None:
        if self._worker is not None:
            self._worker.abandon()
            self._worker = None
        self._strikes_left -= 1
        if self._strikes_left <= 0:
            logger.error(
                "shadowroute: content switched off, because its redaction took longer than %g s for %d requests; "
                "your requests are unaffected, their records carry no content; make the redaction faster, then restart",
                REDACT_BUDGET_S,
                REDACT_STRIKES,
            )

    def _redact_all(self, texts: Sequence[Text]) -> list[Text] | None:
        try:
            return [(role, self._redact_one(text)) for role, text in texts]
        except BaseException as error:  # noqa: BLE001 - the user's function may raise anything; no content is sent
            self._containment.note("export.redact", error)
            return None

    def _redact_one(self, text: str) -> str:
        redacted: Any = text if self._redact is None else self._redact(text)
        if not isinstance(redacted, str):
            raise ShadowError(f"the redaction must give text, got {type(redacted).__name__}")
        return redacted


def redacting(routing: Routing, redact: Redact | None) -> Routing:
    """The routing with this redaction; unchanged without one."""
    return routing if redact is None else replace(routing, export=replace(routing.export, redact=redact))


def _texts(pending: Pending) -> list[Text]:
    left = READ_CHARACTERS
    kept: list[Text] = []
    for role, text in reversed(pending.request.messages):
        if left <= 0:
            break
        kept.append((role, text[:READ_CHARACTERS]))
        left -= len(text)
    kept.reverse()
    answer = pending.final.answer
    return kept if answer is None or not answer.text else [*kept, (ANSWER, answer.text[:READ_CHARACTERS])]


ANSWER: Final = "\0answer"
"""The role of the answer here, which no message can have."""


def _attributes(texts: Sequence[Text]) -> Mapping[str, str]:
    prompt = [Message(role, text) for role, text in texts if role is not ANSWER]
    answers = [text for role, text in texts if role is ANSWER]
    found: dict[str, str] = {}
    if prompt:
        found[keys.INPUT_MESSAGES] = _bounded(prompt, lambda role, text: {"role": role, "parts": _parts(text)})
    if answers:
        found[keys.OUTPUT_MESSAGES] = _bounded(
            [Message("assistant", answers[0])],
            lambda role, text: {"role": role, "parts": _parts(text), "finish_reason": "unknown"},
        )
    return found


def _bounded(messages: Sequence[Message], shape: Callable[[str, str], Mapping[str, Any]]) -> str:
    """JSON of the last messages that fit. Escaped characters shorten the texts."""
    characters = KEPT_CHARACTERS
    while True:
        left = characters
        shown = []
        for role, text in reversed(messages):
            if left <= 0:
                break
            shown.append(shape(role[:64], text if len(text) <= left else text[:left] + CUT))
            left -= len(text) + 64
        written = json.dumps(shown[::-1], ensure_ascii=False, separators=(",", ":"))
        if len(written) <= JSON_CHARACTERS:
            return written
        characters //= 2


def _parts(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "content": text}]
