"""`required_fields`: the answer is a JSON object in which some fields are filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from shadow.policies.validators.json_value import MISSING, json_in, value_at
from shadow.policies.validators.protocol import Case, named

EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})


class RequiredFields:
    """Accepts a JSON object that has a value at every path. Null, "", [] and {} are no values; 0 and false are.

    Args:
        paths: dotted paths; a number is an index in a list (`items.0.sku`).
        fenced: the object may stand in a fenced block.
    """

    def __init__(self, paths: Sequence[str], *, fenced: bool = False) -> None:
        self._paths = tuple(tuple(path.split(".")) for path in paths)
        self._fenced = fenced
        listed = ", ".join(paths)
        self.name = named("required_fields", f"{listed}, fenced" if fenced else listed)
        self.asks = f"be a JSON object with a value in each of these fields: {listed}"

    def accepts(self, case: Case) -> bool:
        """Whether every path has a value."""
        value = json_in(case.text, fenced=self._fenced)
        return isinstance(value, dict) and all(_is_filled(value_at(value, path)) for path in self._paths)


def _is_filled(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return value is not MISSING and value not in EMPTY
