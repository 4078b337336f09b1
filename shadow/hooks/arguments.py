"""Facts of a request from the arguments of an OpenAI-shaped call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shadow.domain.features import output_limit
from shadow.domain.from_request import HOOK_FIELDS, facts_of


def facts_of_call(arguments: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    """Facts by the argument names of `Observer.request`, and those of `from_request`.

    Messages may be the `input` of the Responses API, a text or a list.
    """
    facts = facts_of({}, arguments, paths, HOOK_FIELDS)
    facts["messages"] = arguments["messages"] if "messages" in arguments else arguments.get("input")
    facts["tools"] = arguments.get("tools")
    facts["response_format"] = arguments.get("response_format")
    facts["max_output_tokens"] = output_limit(arguments)
    return facts
