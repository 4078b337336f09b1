"""The mechanism `rules`: the first rule whose conditions all hold decides."""

from __future__ import annotations

from collections.abc import Sequence

from shadow.domain.policy import Candidate
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import UnknownFeatureError
from shadow.policies.conditions import Condition
from shadow.policies.plan import Chooser, Plan, Refused
from shadow.runtime.frozen import copied

REJECTED_CHARACTERS = 120
ANY_MODEL = "any model"
"""The model of a rule whose choice is not known before the request."""


class Rule:
    """Conditions, and the chooser if they all hold. Without conditions it always applies."""

    def __init__(self, number: int, conditions: Sequence[Condition], chooser: Chooser) -> None:
        self.chooser = chooser
        model = next(iter(chooser.models), ANY_MODEL)
        self._tests = tuple(
            (
                condition.holds,
                Candidate(model=model, rejected=f"rule {number}: {condition.needs}"[:REJECTED_CHARACTERS]),
                condition.reads,
            )
            for condition in conditions
        )
        asked = frozenset(condition.reads for condition in conditions)
        self.reads = None if chooser.reads is None else asked | chooser.reads

    def rejection(self, request: Request) -> Candidate | None:
        """The rule's model, with the first condition that does not hold; None = the rule applies.

        Raises:
            UnknownFeatureError: a condition needs an unknown feature of the request, and no other condition fails.
        """
        missing = ""
        for holds, rejected, reads in self._tests:
            if reads in request.unknown:
                missing = missing or reads
            elif not holds(request):
                return rejected
        if missing:
            raise UnknownFeatureError(missing)
        return None


class Rules:
    """Chooses by the first rule that applies. The last one must have no conditions.

    The candidates of its plan are the model of every earlier rule, with the condition that does not hold, and then the
    candidates of the rule that applies.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self.models = tuple(dict.fromkeys(model for rule in self._rules for model in rule.chooser.models))
        reads = [rule.reads for rule in self._rules]
        known = [each for each in reads if each is not None]
        self.reads: frozenset[str] | None = frozenset().union(*known) if len(known) == len(reads) else None

    def choose(self, request: Request, snapshot: Snapshot, refused: Refused) -> Plan:
        """The plan of the first rule that applies.

        Raises:
            UnknownFeatureError: a rule needs an unknown feature of the request.
        """
        passed: list[Candidate] = []
        for rule in self._rules:
            rejected = rule.rejection(request)
            if rejected is None:
                plan = rule.chooser.choose(request, snapshot, refused)
                return copied(plan, candidates=(*passed, *plan.candidates)) if passed else plan
            passed.append(rejected)
        raise LookupError("no rule applies; the last rule must have no conditions")
