"""`budget` in a policy file."""

from __future__ import annotations

from shadow.config.mechanism_documents import BudgetDocument
from shadow.config.mechanisms.building import Building
from shadow.config.mechanisms.candidates import pool_of
from shadow.config.source import Place
from shadow.policies.budget import Budget


def build_budget(building: Building, document: BudgetDocument, place: Place, reason: str) -> Budget:
    """The chooser of a budget."""
    pool = pool_of(building, document.among, place, output_tokens=document.output_tokens, priced=True)
    unrated = [name for name in pool.names if (model := building.catalogue.get(name)) and model.quality is None]
    if document.prefer == "quality" and unrated:
        building.problem(
            f"prefer: quality must know the quality of every model, got none of {', '.join(unrated)}; "
            "add quality to models.yaml, or prefer: order",
            (*place, "prefer"),
        )
    return Budget(
        pool, document.per_request_usd, prefer=document.prefer, if_none_fits=document.if_none_fits, reason=reason
    )
