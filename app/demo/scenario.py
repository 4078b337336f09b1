"""The invented service behind the simulated week: its tasks, its customers, and three models of known quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

USER_TIERS = ("free", "pro", "enterprise")
USER_TIER_SHARES = (0.55, 0.33, 0.12)


@dataclass(frozen=True, slots=True)
class Task:
    """One kind of request. Tokens are medians; `easy` is the first parameter of the difficulty's beta distribution."""

    name: str
    share: float
    prompt_tokens: int
    answer_tokens: int
    easy: float
    text: str


@dataclass(frozen=True, slots=True)
class SimModel:
    """Quality of one simulated model: log-odds of a good answer at middling difficulty, per task."""

    name: str
    skill: float
    weak_tasks: Mapping[str, float]
    wordiness: float


TASKS = (
    Task("extract", 0.20, 900, 140, 1.6, "Extract the order number, the date and the amount from this message."),
    Task("classify", 0.13, 240, 8, 1.5, "Which of the nine queues does this message belong to?"),
    Task("chat", 0.28, 160, 240, 1.8, "A customer asks how to change the delivery address."),
    Task("write", 0.14, 280, 520, 2.0, "Write a letter to the customer that explains the delay."),
    Task("code", 0.15, 650, 460, 2.6, "Fix the function below so that its tests pass, and explain why it failed."),
    Task("refund", 0.10, 340, 200, 2.4, "Decide if the customer is owed a refund under the terms, step by step."),
)
MODELS = (
    SimModel("sim-large", 2.9, {}, 1.0),
    SimModel("sim-medium", 2.3, {"code": 1.0, "refund": 0.7, "write": 0.3}, 1.08),
    SimModel("sim-small", 2.0, {"code": 2.2, "refund": 1.9, "write": 0.9, "extract": 0.3}, 1.22),
)
CLAUSES = (
    "Mind the earlier order.",
    "Compare both invoices, because the totals differ.",
    "If the terms exclude it, say which clause does.",
    "Explain each step of the calculation.",
    "Consider that the customer is a company in another country.",
    "Prove that no other case is possible.",
)
