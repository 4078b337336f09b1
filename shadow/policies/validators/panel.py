"""All validators of a policy. A step's validators without cost are asked first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from shadow.domain.policy import ACCEPTED, ValidatorContext, Verdict
from shadow.errors import PolicyError, UnjudgedError
from shadow.policies.validators.protocol import AnyValidator, Case, ShadowValidatorContext, SlowValidator, Validator

SHADOW_CONTEXT: Final = ShadowValidatorContext()


class Validators:
    """The validators of one policy, by their names.

    Args:
        policy: its name, for errors.
        validators: of all its cascades.
    """

    def __init__(self, policy: str, validators: Iterable[AnyValidator]) -> None:
        self._policy = policy
        self._fast: dict[str, Validator] = {}
        self._slow: dict[str, SlowValidator] = {}
        for each in validators:
            if isinstance(each, SlowValidator):
                self._slow[each.name] = each
            else:
                self._fast[each.name] = each

    def __bool__(self) -> bool:
        return bool(self._fast or self._slow)

    def verdict(self, names: Sequence[str], case: Case, context: ValidatorContext) -> Verdict:
        """The verdict of the named validators on one answer; the first refusal ends the check."""
        verdict = self._fast_verdict(names, case)
        if verdict is not None:
            return verdict
        for slow in self._slow_ones(names):
            if not slow.check(case, context):
                return _refused(slow)
        return ACCEPTED

    async def averdict(self, names: Sequence[str], case: Case, context: ValidatorContext) -> Verdict:
        """As `verdict`, without blocking the event loop."""
        verdict = self._fast_verdict(names, case)
        if verdict is not None:
            return verdict
        for slow in self._slow_ones(names):
            if not await slow.acheck(case, context):
                return _refused(slow)
        return ACCEPTED

    def shadow_verdict(self, names: Sequence[str], case: Case) -> Verdict:
        """The verdict of the validators that may run in a shadow.

        Raises:
            UnjudgedError: they accept, and another one must not run in a shadow.
        """
        verdict = self._fast_verdict(names, case)
        if verdict is not None:
            return verdict
        unasked = ""
        for slow in self._slow_ones(names):
            if not slow.in_shadows:
                unasked = unasked or slow.name
            elif not slow.check(case, SHADOW_CONTEXT):
                return _refused(slow)
        if unasked:
            raise UnjudgedError(f"{unasked} must not run in a shadow; its verdict is unknown")
        return ACCEPTED

    def _fast_verdict(self, names: Sequence[str], case: Case) -> Verdict | None:
        """The verdict if the validators without cost suffice, else None.

        An exception of one of them is raised only if no other one refuses.
        """
        unknown: Exception | None = None
        is_open = False
        for name in names:
            fast = self._fast.get(name)
            if fast is None:
                if name not in self._slow:
                    raise PolicyError(self._policy, f"has no validator {name!r}", error_type="unknown_validator")
                is_open = True
                continue
            try:
                if not fast.accepts(case):
                    return _refused(fast)
            except Exception as error:  # noqa: BLE001 - a user's validator may raise anything
                unknown = unknown or error
        if unknown is not None:
            raise unknown
        return None if is_open else ACCEPTED

    def _slow_ones(self, names: Sequence[str]) -> Iterator[SlowValidator]:
        return (slow for name in names if (slow := self._slow.get(name)) is not None)


def _refused(validator: AnyValidator) -> Verdict:
    return Verdict(refused_by=validator.name, asks=validator.asks)
