"""A packet shows whether a file of it was changed, and with a key who wrote it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shadow.errors import ConfigError
from shadowroute.analysis.packet import manifest

KEY = b"sixteen letters!"
OTHER = b"another sixteen!"


@pytest.fixture
def packet(tmp_path: Path) -> Path:
    """Two files and their manifest, signed with KEY."""
    (tmp_path / "packet.json").write_text('{"verdict": "SHIP"}')
    (tmp_path / "packet.html").write_text("<p>SHIP</p>")
    manifest.seal(tmp_path, ["packet.json", "packet.html"], KEY)
    return tmp_path


def test_an_untouched_packet_is_authentic(packet: Path) -> None:
    """Both files, the right key."""
    found = manifest.verify(packet, KEY)
    assert found == manifest.Integrity(("packet.html", "packet.json"), is_signed=True, is_authentic=True)
    assert str(found) == "2 files as written, signature valid"


def test_without_a_key_the_signature_is_not_checked(packet: Path) -> None:
    """It says so instead of calling it valid."""
    assert str(manifest.verify(packet, None)) == "2 files as written, signed, not checked: set SHADOWROUTE_PACKET_KEY"


def test_an_unsigned_packet_says_so(packet: Path) -> None:
    """Hashes alone."""
    manifest.seal(packet, ["packet.json"], None)
    assert str(manifest.verify(packet, None)) == "1 files as written, not signed"


@pytest.mark.parametrize("name", ["packet.json", "packet.html"])
def test_a_changed_file_is_named(packet: Path, name: str) -> None:
    """One byte is enough."""
    (packet / name).write_text((packet / name).read_text().replace("SHIP", "SHOP"))
    with pytest.raises(ConfigError, match=f"{name}.*was changed after"):
        manifest.verify(packet, None)


def test_a_missing_file_is_named(packet: Path) -> None:
    """It was there when the packet was written."""
    (packet / "packet.html").unlink()
    with pytest.raises(ConfigError, match=r"packet.html.*is missing"):
        manifest.verify(packet, KEY)


def test_a_rewritten_manifest_does_not_fit_its_signature(packet: Path) -> None:
    """Who changes a file and its hash still lacks the key."""
    (packet / "packet.json").write_text('{"verdict": "SHOP"}')
    forged = json.loads((packet / manifest.MANIFEST).read_text())
    manifest.seal(packet, ["packet.json", "packet.html"], None)
    new = json.loads((packet / manifest.MANIFEST).read_text())
    (packet / manifest.MANIFEST).write_text(json.dumps(new | {"signature": forged["signature"]}))
    manifest.verify(packet, None)
    with pytest.raises(ConfigError, match="signature does not fit"):
        manifest.verify(packet, KEY)


def test_with_a_key_a_packet_must_be_signed_with_it(packet: Path) -> None:
    """Neither another key's signature nor none passes."""
    with pytest.raises(ConfigError, match="signed with another key"):
        manifest.verify(packet, OTHER)
    manifest.seal(packet, ["packet.json"], None)
    with pytest.raises(ConfigError, match="must be signed"):
        manifest.verify(packet, KEY)


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"schema": "other", "files": {"a": {}}}', '{"schema": "shadowroute/packet-manifest/1", "files": {}}'],
)
def test_something_else_is_no_manifest(tmp_path: Path, content: str) -> None:
    """It is named with the rule."""
    (tmp_path / manifest.MANIFEST).write_text(content)
    with pytest.raises(ConfigError, match=r"manifest.json.*manifest must"):
        manifest.verify(tmp_path, None)


def test_a_file_outside_the_folder_is_refused(packet: Path) -> None:
    """A manifest from a stranger must not make us read elsewhere."""
    content = json.loads((packet / manifest.MANIFEST).read_text())
    content["files"] = {"../packet.json": {"sha256": "", "bytes": 0}}
    (packet / manifest.MANIFEST).write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="must lie in its folder"):
        manifest.verify(packet, None)


def test_an_empty_folder_holds_no_packet(tmp_path: Path) -> None:
    """And says how to write one."""
    with pytest.raises(ConfigError, match="no packet lies here; write one with"):
        manifest.verify(tmp_path, None)


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Absent is none; a short one protects nothing."""
    monkeypatch.delenv(manifest.KEY_VARIABLE, raising=False)
    assert manifest.key_from_environment() is None
    monkeypatch.setenv(manifest.KEY_VARIABLE, KEY.decode())
    assert manifest.key_from_environment() == KEY
    monkeypatch.setenv(manifest.KEY_VARIABLE, "short")
    with pytest.raises(ConfigError, match="at least 16 characters"):
        manifest.key_from_environment()
