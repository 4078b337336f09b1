"""`call`: a function of the user."""

from __future__ import annotations

from collections.abc import Callable

from shadow.errors import ShadowError
from shadow.validators.base import Case, named


class Calls:
    """Accepts an answer that a function accepts. The function must return at once.

    Args:
        function: takes the answer's text.
        label: what the function is called, `module:function`.
    """

    def __init__(self, function: Callable[[str], object], *, label: str) -> None:
        self.name = named("call", label)
        self.asks = f"be accepted by {label}"
        self._function = function

    def accepts(self, case: Case) -> bool:
        """Whether the function says so.

        Raises:
            ShadowError: it answered something else than True or False.
            Exception: whatever the function raises.
        """
        verdict = self._function(case.text)
        if not isinstance(verdict, bool):
            raise ShadowError(f"{self.name} must return True or False, got {type(verdict).__name__}")
        return verdict
