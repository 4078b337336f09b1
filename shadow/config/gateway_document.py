"""`gateway:` of the routing file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shadow.config.fields import Document, Name, Positive, Text
from shadow.config.gateway_settings import GatewaySettings, OtherModels

DEFAULTS = GatewaySettings()


class GatewayDocument(Document):
    """Clients and limits of the gateway."""

    keys: dict[Name, Text] = Field(default_factory=dict)
    other_models: OtherModels = DEFAULTS.other_models
    max_body_bytes: Annotated[int, Field(gt=0)] = DEFAULTS.max_body_bytes
    read_timeout_s: Positive = DEFAULTS.read_timeout_s
    max_requests: Annotated[int, Field(gt=0)] = DEFAULTS.max_requests
