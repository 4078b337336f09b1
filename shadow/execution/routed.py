"""One decided request: it is executed once, and its record is closed once, whatever happens."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from shadow.domain.chunk import Chunk
from shadow.domain.outcome import Answer, Outcome
from shadow.domain.policy import Decision, Policy
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.execution.cost_limits import limited
from shadow.execution.dispatch import Dispatch
from shadow.execution.reply import AsyncReplyStream, Reply, ReplyStream
from shadow.execution.shells import arun, astream, run, stream
from shadow.execution.state_machine import Execution
from shadow.execution.stream_buffer import Tick
from shadow.execution.terms import Terms
from shadow.execution.validator_context import LiveValidatorContext
from shadow.prices.billing import Billing
from shadow.prices.catalogue import Catalogue, Model
from shadow.providers.protocol import Call
from shadow.providers.registry import Providers
from shadow.state.rate_limits import rate_limits_of


class Routed:
    """A decided request with everything for its execution. Exactly one of the four ways to execute it is called, once.

    Args:
        request: as every policy sees it.
        decision: of the live policy.
        snapshot: of the decision.
        policy: the live policy, which validates answers if it can escalate.
        catalogue: describes the models of the decision.
        providers: call them.
        messages: the caller's own messages.
        params: further arguments of the caller for the provider.
        billing: prices, for cost budgets; None = there are none.
        terms: shared by all executions of the router.
        pin: the caller's model in place of the decided steps; empty = none.
        timeout_s: seconds that one dispatch may take; None = as configured.
        deadline_s: seconds that the whole request may take; None = as configured.
        tick: a monotonic clock in seconds.
        with_review_flag: flags the outcome if a person should review it.
        close: takes the outcome and closes the record.
    """

    def __init__(
        self,
        *,
        request: Request,
        decision: Decision,
        snapshot: Snapshot,
        policy: Policy,
        catalogue: Catalogue,
        providers: Providers,
        messages: Sequence[Any],
        params: Mapping[str, Any],
        terms: Terms,
        billing: Billing | None,
        pin: str,
        timeout_s: float | None,
        deadline_s: float | None,
        tick: Tick,
        with_review_flag: Callable[[Outcome], Outcome],
        close: Callable[[Outcome], None],
    ) -> None:
        self._request = request
        self._decision = decision
        self._context = LiveValidatorContext(
            request=request,
            catalogue=catalogue,
            providers=providers,
            tick=tick,
            killed=snapshot.killed,
        )
        self._execution = Execution(
            policy=policy,
            request=request,
            decision=decision,
            catalogue=catalogue,
            terms=terms,
            snapshot=snapshot,
            billing=billing,
            pin=pin,
            timeout_s=timeout_s,
            deadline_s=deadline_s,
            context=self._context,
        )
        self._catalogue = catalogue
        self._providers = providers
        self._terms = terms
        self._messages = messages
        self._params = params
        self._tick = tick
        self._with_review_flag = with_review_flag
        self._close = close
        self._outcome: Outcome | None = None

    def complete(self) -> Reply:
        """Wait for the whole answer."""
        try:
            answer = run(self._execution, self._complete, self._tick)
        finally:
            self.finish()
        return self._reply(answer)

    async def acomplete(self) -> Reply:
        """As `complete`, without blocking the event loop."""
        try:
            answer = await arun(self._execution, self._acomplete, self._tick)
        finally:
            self.finish()
        return self._reply(answer)

    def stream(self) -> ReplyStream:
        """Hand out the chunks as they come."""
        return ReplyStream(self, self._chunks())

    def astream(self) -> AsyncReplyStream:
        """As `stream`, without blocking the event loop."""
        return AsyncReplyStream(self, self._achunks())

    @property
    def request_id(self) -> str:
        """The id to send signals and late outcomes for."""
        return self._request.request_id

    def finish(self) -> Outcome:
        """Close the record with the outcome, once; later calls change nothing."""
        if self._outcome is None:
            self._outcome = self._with_review_flag(self._context.added_to(self._execution.outcome()))
            self._close(self._outcome)
        return self._outcome

    def reply(self) -> Reply | None:
        """The reply; None before an answer is served."""
        answer = self._execution.answer
        return None if answer is None else self._reply(answer)

    def _reply(self, answer: Answer) -> Reply:
        return Reply(request_id=self.request_id, answer=answer, outcome=self.finish(), decision=self._decision)

    def _chunks(self) -> Generator[Any, None, None]:
        try:
            yield from stream(self._execution, self._stream, self._tick)
        finally:
            self.finish()

    async def _achunks(self) -> AsyncGenerator[Any, None]:
        try:
            async with aclosing(astream(self._execution, self._astream, self._tick)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self.finish()

    def _complete(self, planned: Dispatch) -> Answer:
        call = self._call(planned)
        return self._providers.of(call.model).complete(call)

    async def _acomplete(self, planned: Dispatch) -> Answer:
        call = self._call(planned)
        return await self._providers.of(call.model).acomplete(call)

    def _stream(self, planned: Dispatch) -> Generator[Chunk, None, None]:
        call = self._call(planned, streams=True)
        return self._providers.of(call.model).stream(call)

    def _astream(self, planned: Dispatch) -> AsyncGenerator[Chunk, None]:
        call = self._call(planned, streams=True)
        return self._providers.of(call.model).astream(call)

    def _call(self, planned: Dispatch, *, streams: bool = False) -> Call:
        """A call of the planned model. A model outside the catalogue goes to the provider, which may know it."""
        model = self._catalogue.get(planned.model) or Model(name=planned.model)
        cap = planned.output_tokens
        return Call(
            request=self._request,
            model=model,
            messages=self._messages if planned.shown is None else [*self._messages, *planned.shown.messages()],
            params=self._params if cap is None else limited(self._params, model, cap),
            timeout_s=planned.timeout_s if streams else planned.whole_s,
            first_chunk_s=planned.first_chunk_s if streams else None,
            deadline_s=planned.stream_s if streams else None,
            on_headers=lambda headers: self._terms.state.limits(model.name, rate_limits_of(headers, time.time())),
        )
