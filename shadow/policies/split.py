"""The mechanism `split`: a fixed share of users gets another policy; some requests may explore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shadow.domain.policy import Candidate, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import OverBudgetError, PolicyError, UnknownFeatureError
from shadow.policies.conditions import Condition
from shadow.policies.plan import Chooser, Draw, Plan, Refused
from shadow.policies.pool import Pool, share_of_hash
from shadow.runtime.frozen import copied


@dataclass(frozen=True, slots=True)
class Arm:
    """A chooser and the share of users that get it, in (0, 1)."""

    share: float
    chooser: Chooser
    name: str


@dataclass(frozen=True, slots=True)
class Explore:
    """A share of requests that get one of a few models, each as likely as the others.

    Attributes:
        share: in (0, 1).
        pool: the models.
        conditions: a request that breaks one of them never explores.
    """

    share: float
    pool: Pool
    conditions: tuple[Condition, ...] = ()


class Split:
    """Draws an arm by a hash of the user, else of the session, else of the request, with its propensity.

    A larger share keeps all users of the smaller one, if the order of the arms stays.

    Args:
        policy: name of the policy; part of the hash, so that two policies draw independently.
        arms: with shares that add up to at most 1; `otherwise` gets the rest.
        otherwise: chooser for all other users.
        conditions: a request that breaks one of them goes to `otherwise` without a draw.
        explore: exploration; None = none.
    """

    def __init__(
        self,
        policy: str,
        arms: Sequence[Arm],
        otherwise: Chooser,
        *,
        conditions: Sequence[Condition] = (),
        explore: Explore | None = None,
    ) -> None:
        self._policy = policy
        rest = 1.0 - sum(arm.share for arm in arms)
        self._arms = (*arms, Arm(max(0.0, rest), otherwise, "otherwise"))
        self._conditions = tuple(conditions)
        self._explore = explore
        choosers = [arm.chooser for arm in self._arms]
        explored = () if explore is None else explore.pool.names
        self.models = tuple(dict.fromkeys((*(model for each in choosers for model in each.models), *explored)))
        self.reads = self._reads(choosers)

    def choose(self, request: Request, snapshot: Snapshot, refused: Refused) -> Plan:
        """The plan of the user's arm, with all other possible draws.

        Raises:
            UnknownFeatureError: the draw needs an unknown feature of the request.
        """
        if not _all_hold(self._conditions, request):
            plan = self._arms[-1].chooser.choose(request, snapshot, refused)
            return copied(plan, reason=_reason("split: not drawn", plan))
        drawn = self._drawn(request)
        share, explored = self._exploration(request, snapshot, refused)
        others = [Draw(share / len(explored), _single(model)) for model in explored]
        if explored and share_of_hash(f"explore:{self._policy}:{request.request_id}") < share:
            one = others.pop(int(share_of_hash(f"explored:{self._policy}:{request.request_id}") * len(explored)))
            plan, probability, name = one.plan or _single(explored[0]), one.probability, "explored"
            drawn = -1
        else:
            arm = self._arms[drawn]
            plan, probability, name = (
                arm.chooser.choose(request, snapshot, refused),
                (1.0 - share) * arm.share,
                arm.name,
            )
        rest = [arm for at, arm in enumerate(self._arms) if at != drawn and arm.share > 0]
        not_drawn: list[Candidate] = []
        for arm in rest:
            draw = _draw(arm, (1.0 - share) * arm.share, request, snapshot, refused)
            if draw is not None:
                others.append(draw)
                if draw.plan is not None and draw.plan.steps:
                    not_drawn.append(Candidate(model=draw.plan.steps[0].model, rejected=f"split: {arm.name} not drawn"))
        return copied(
            plan,
            propensity=None if plan.propensity is None else probability * plan.propensity,
            reason=_reason(f"split: {name}", plan),
            candidates=(*plan.candidates, *not_drawn),
            others=tuple(others),
        )

    def _drawn(self, request: Request) -> int:
        for feature, key in (("user", request.user_key), ("session", request.session_key)):
            if feature in request.unknown:
                raise UnknownFeatureError(feature)
            if key:
                break
        at = share_of_hash(f"split:{self._policy}:{request.user_key or request.session_key or request.request_id}")
        for number, arm in enumerate(self._arms[:-1]):
            at -= arm.share
            if at < 0:
                return number
        return len(self._arms) - 1

    def _exploration(self, request: Request, snapshot: Snapshot, refused: Refused) -> tuple[float, tuple[str, ...]]:
        """The chance that this request explores, and the models for that."""
        explore = self._explore
        if explore is None or not _all_hold(explore.conditions, request):
            return 0.0, ()
        field = explore.pool.field(request, snapshot, refused, priced=False)
        if not field.healthy or not field.entries:
            return 0.0, ()
        return explore.share, tuple(entry.name for entry in field.entries)

    def _reads(self, choosers: Sequence[Chooser]) -> frozenset[str] | None:
        reads = {"user", "session"}
        for chooser in choosers:
            if chooser.reads is None:
                return None
            reads |= chooser.reads
        explored = () if self._explore is None else self._explore.conditions
        return frozenset(reads.union(condition.reads for condition in (*self._conditions, *explored)))


def _all_hold(conditions: Sequence[Condition], request: Request) -> bool:
    """Whether every condition holds; False if one fails, even if features of others are unknown."""
    known = [condition for condition in conditions if condition.reads not in request.unknown]
    if not all(condition.holds(request) for condition in known):
        return False
    if len(known) < len(conditions):
        raise UnknownFeatureError(next(each.reads for each in conditions if each.reads in request.unknown))
    return True


def _draw(arm: Arm, probability: float, request: Request, snapshot: Snapshot, refused: Refused) -> Draw | None:
    """The draw of an arm; None if it gives no decision."""
    try:
        return Draw(probability, arm.chooser.choose(request, snapshot, refused))
    except UnknownFeatureError:
        return Draw(probability, None)
    except OverBudgetError:
        return None
    except PolicyError as error:
        return Draw(probability, None) if error.error_type == "unknown_feature" else None


def _single(model: str) -> Plan:
    return Plan(steps=(Step(kind="primary", model=model),), candidates=(Candidate(model=model),))


def _reason(before: str, plan: Plan) -> str:
    return f"{before}; {plan.reason}" if plan.reason else before
