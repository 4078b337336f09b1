"""`tool_calls`: the called tools exist, and their arguments are valid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shadow.domain.outcome import ToolCall
from shadow.errors import ShadowError, UnjudgedError
from shadow.policies.validators.json_schema import fits
from shadow.policies.validators.json_value import json_in
from shadow.policies.validators.protocol import Case, named


class ToolCalls:
    """Accepts an answer whose tool calls all name a tool of the request, with a JSON object of arguments.

    Args:
        required: an answer without a tool call is refused.
        schemas: JSON schema of the arguments, by tool; a tool without one accepts any.
        success: from a tool's name and arguments to whether the call works; must return at once.
        label: name of `success`, `module:function`.

    Raises:
        ConfigError: a schema is not one, or the package jsonschema is missing.
    """

    def __init__(
        self,
        *,
        required: bool = False,
        schemas: Mapping[str, dict[str, Any]] | None = None,
        success: Callable[[str, dict[str, Any]], object] | None = None,
        label: str = "",
    ) -> None:
        self._required = required
        self._fits = {tool: fits(schema, label=f"schema of {tool}") for tool, schema in (schemas or {}).items()}
        self._success = success
        words = (["required"] if required else []) + [f"schema of {tool}" for tool in sorted(self._fits)]
        self.name = named("tool_calls", ", ".join(words + ([label] if label else [])))
        self.asks = "call only tools that were offered, with arguments as their schema asks" + (
            ", and call at least one" if required else ""
        )

    def accepts(self, case: Case) -> bool:
        """Whether every call is valid.

        Raises:
            UnjudgedError: the answer's tool calls or the request's tools are unknown.
            ShadowError: `success` did not return True or False.
        """
        calls, request = case.answer.tool_calls, case.request
        if calls is None:
            raise UnjudgedError(f"{self.name} must know the answer's tool calls, got none from the provider")
        if not calls:
            return not self._required
        if "has_tools" in request.unknown or (request.has_tools and not request.tools):
            raise UnjudgedError(f"{self.name} must know the names of the request's tools, got none")
        return all(call.name in request.tools and self._works(call) for call in calls)

    def _works(self, call: ToolCall) -> bool:
        arguments = json_in(call.arguments or "{}")
        if not isinstance(arguments, dict):
            return False
        fitting = self._fits.get(call.name)
        if fitting is not None and not fitting(arguments):
            return False
        if self._success is None:
            return True
        verdict = self._success(call.name, arguments)
        if not isinstance(verdict, bool):
            raise ShadowError(f"{self.name} must return True or False, got {type(verdict).__name__}")
        return verdict
