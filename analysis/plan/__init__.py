"""The plan file: what must be true before a policy may be rolled out, fixed and hashed before the data."""

from analysis.plan.loading import load_plan, plan_of
from analysis.plan.registration import RegisteredPlan, register

__all__ = ["RegisteredPlan", "load_plan", "plan_of", "register"]
