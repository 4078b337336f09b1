"""Identifiers: request ids, keyed hashes of users and sessions, content hashes of documents."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import random
import time
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, Literal

from shadow.runtime.containment import logger
from shadow.runtime.forks import on_fork_in_child

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ID_KEY_VARIABLE = "SHADOW_ID_KEY"


# Ids must be unique, not secret. A call of the operating system per id took 15 us and released the interpreter lock;
# so the generator is seeded once, and again in a forked child, which would repeat its parent's ids.
_random = random.Random()  # noqa: S311
on_fork_in_child(_random.seed)


def uuid7(time_ns: int | None = None) -> str:
    """A UUID of version 7 (RFC 9562): 48 bits of epoch milliseconds, then 74 random bits."""
    milliseconds = (time.time_ns() if time_ns is None else time_ns) // 1_000_000
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | _random.getrandbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal documents give equal text. NaN and infinity are refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_id(value: Any, *, length: int) -> str:
    """First `length` hex characters of the SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


def lasting_fields(instance: DataclassInstance) -> dict[str, Any]:
    """Fields of a flat dataclass for a hash that lasts: one with a default only where it differs from it.

    A field that is added later must have a default, and the default must never change.
    """
    values = ((field, getattr(instance, field.name)) for field in fields(instance))
    return {field.name: value for field, value in values if field.default is MISSING or value != field.default}


class KeyedHash:
    """Turns user and session ids into keys, so that raw ids never leave the process.

    The key is `SHADOW_ID_KEY`. Without one a public salt per project is used: counts and clusters stay right, but
    a guessed id can be confirmed. Never a random key per process: the same user must keep the same key.

    Args:
        project: salt of the public key.
        key: instead of `SHADOW_ID_KEY`.
        warns: log one warning when the first id is hashed with the public salt.

    Attributes:
        kind: secret or public; on the resource of every span.
    """

    def __init__(self, project: str, key: str | None = None, *, warns: bool = False) -> None:
        secret = os.environ.get(ID_KEY_VARIABLE, "") if key is None else key
        self.kind: Literal["secret", "public"] = "secret" if secret else "public"
        key_bytes = secret.encode() if secret else f"shadowroute:{project}".encode()
        self._keyed = hmac.new(key_bytes, digestmod=hashlib.sha256)
        self._must_warn = warns and not secret

    def __call__(self, raw: str) -> str:
        """16 hex characters for a non-empty id, empty for an empty one."""
        if not raw:
            return ""
        if self._must_warn:
            self._must_warn = False
            logger.warning(
                "shadowroute: user and session ids are hashed with a public salt; your requests are unaffected, but a "
                "guessed id can be confirmed; set %s to the same secret in every process",
                ID_KEY_VARIABLE,
            )
        # The key is set up once. `hmac.digest` is faster, but releases the interpreter lock, and the caller would wait
        # until it gets that back.
        keyed = self._keyed.copy()
        keyed.update(raw.encode("utf-8", "surrogatepass"))
        return keyed.hexdigest()[:16]
