"""The plan file: conditions for the rollout of a policy, fixed and hashed before the data."""

from shadowroute.analysis.plan.loading import Plan, load_plan, plan_of
from shadowroute.analysis.plan.registration import RegisteredPlan, register

__all__ = ["Plan", "RegisteredPlan", "load_plan", "plan_of", "register"]
