"""The manifest of a packet: a hash per file, and a signature if a key is configured.

A hash shows that a file is unchanged. It does not show its author: a changed file can come with a new manifest. A
signature needs a key, which the writing and the checking job share.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shadow.errors import ConfigError

SCHEMA: Final = "shadowroute/packet-manifest/1"
MANIFEST: Final = "manifest.json"
KEY_VARIABLE: Final = "SHADOWROUTE_PACKET_KEY"
SHORTEST_KEY: Final = 16


@dataclass(frozen=True, slots=True)
class Integrity:
    """Result of a successful check: every file of the packet is as written.

    Attributes:
        files: names of the checked files.
        is_signed: whether the manifest carries a signature.
        is_authentic: whether the signature was checked with our key; False where no key is configured.
    """

    files: tuple[str, ...]
    is_signed: bool
    is_authentic: bool

    def __str__(self) -> str:
        count = f"{len(self.files)} files as written"
        if self.is_authentic:
            return f"{count}, signature valid"
        return f"{count}, {'signed, not checked: set ' + KEY_VARIABLE if self.is_signed else 'not signed'}"


def key_from_environment() -> bytes | None:
    """The key of packets; None if none is configured.

    Raises:
        ConfigError: the key is too short to protect anything.
    """
    text = os.environ.get(KEY_VARIABLE, "")
    if not text:
        return None
    if len(text) < SHORTEST_KEY:
        raise ConfigError(
            f"{KEY_VARIABLE} must have at least {SHORTEST_KEY} characters, got {len(text)}; make a longer one"
        )
    return text.encode()


def seal(folder: Path, names: list[str], key: bytes | None) -> None:
    """Write the manifest of files that lie in the folder, signed if there is a key."""
    listed = {name: _described(folder / name) for name in sorted(names)}
    content: dict[str, Any] = {"schema": SCHEMA, "files": listed}
    if key is not None:
        content["signature"] = {"algorithm": "hmac-sha256", "key_id": _key_id(key), "value": _signature(content, key)}
    (folder / MANIFEST).write_text(json.dumps(content, indent=2) + "\n")


def verify(folder: Path, key: bytes | None) -> Integrity:
    """Check every file of a packet against its manifest.

    Args:
        folder: the packet.
        key: for signatures; None accepts a packet without a check of its signature.

    Raises:
        ConfigError: there is no packet, a file is missing or was changed, or the signature is missing or wrong.
    """
    manifest = folder / MANIFEST
    content = _read(manifest)
    files = content.get("files")
    if content.get("schema") != SCHEMA or not isinstance(files, dict) or not files:
        raise ConfigError(
            f"a packet's manifest must say schema {SCHEMA} and list files; write the packet again", file=manifest
        )
    for name, expected in files.items():
        if Path(name).name != name:
            raise ConfigError(f"a packet's files must lie in its folder, got {name!r}", file=manifest)
        if not (folder / name).is_file():
            raise ConfigError("file of the packet is missing; write the packet again", file=folder / name)
        if _described(folder / name) != expected:
            raise ConfigError(
                "file was changed after the packet was written; write the packet again", file=folder / name
            )
    signature = content.pop("signature", None)
    if key is not None:
        _check_signature(content, signature, key, manifest)
    return Integrity(tuple(files), is_signed=signature is not None, is_authentic=key is not None)


def _check_signature(content: Mapping[str, Any], signature: Any, key: bytes, manifest: Path) -> None:
    if not isinstance(signature, dict):
        raise ConfigError(
            f"packet must be signed, because {KEY_VARIABLE} is set; write it with that key", file=manifest
        )
    if signature.get("key_id") != _key_id(key):
        raise ConfigError(
            f"packet was signed with another key ({signature.get('key_id')}) than {KEY_VARIABLE} ({_key_id(key)})",
            file=manifest,
        )
    if not hmac.compare_digest(str(signature.get("value")), _signature(content, key)):
        raise ConfigError("signature does not fit the manifest: it was changed after signing", file=manifest)


def _read(manifest: Path) -> dict[str, Any]:
    try:
        content = json.loads(manifest.read_text())
    except FileNotFoundError:
        raise ConfigError(
            "no packet lies here; write one with shadowroute report --packet DIR", file=manifest
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"a packet's manifest must be readable JSON; {error}", file=manifest) from None
    if not isinstance(content, dict):
        raise ConfigError("a packet's manifest must be a JSON object", file=manifest)
    return content


def _described(file: Path) -> dict[str, Any]:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return {"sha256": digest, "bytes": file.stat().st_size}


def _signature(content: Mapping[str, Any], key: bytes) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _key_id(key: bytes) -> str:
    """Distinguishes two keys without revealing one."""
    return hashlib.sha256(b"shadowroute packet key id:" + key).hexdigest()[:8]
