"""Writes a packet to a folder, and reads one back for the gate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZipFile

from shadow.errors import ConfigError
from shadowroute.analysis.as_json import to_json
from shadowroute.analysis.packet.content import SCHEMA, Packet
from shadowroute.analysis.packet.manifest import MANIFEST, Integrity, seal, verify
from shadowroute.analysis.verdict.judgement_json import judgement_from_json
from shadowroute.analysis.verdict.results import Judgement
from shadowroute.app.packet.page import html
from shadowroute.app.tables import csv_text
from shadowroute.app.worksheet_text import CSV_HEADER, csv_rows

JSON: Final = "packet.json"
PAGE: Final = "packet.html"
WORKSHEET: Final = "worksheet.csv"


@dataclass(frozen=True, slots=True)
class Checked:
    """A packet that was read and is unchanged.

    Attributes:
        content: of packet.json.
    """

    content: dict[str, Any]
    integrity: Integrity

    @property
    def judgement(self) -> Judgement | None:
        """The judgement that it holds; None if nothing was judged."""
        found = self.content["judgement"]
        return None if found is None else judgement_from_json(found)


def write(packet: Packet, folder: Path, *, key: bytes | None) -> list[Path]:
    """Write all files and the manifest; the folder is made, and an earlier packet in it is replaced.

    Raises:
        ConfigError: the folder holds something else or cannot be written, so nothing is written.
    """
    check_room(folder)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        JSON: json.dumps(to_json(packet, SCHEMA), indent=2) + "\n",
        PAGE: html(packet),
        WORKSHEET: csv_text(CSV_HEADER, csv_rows(packet.worksheet)),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    seal(folder, list(texts), key)
    return [folder / name for name in (*texts, MANIFEST)]


def check_room(folder: Path) -> None:
    """Check that a packet can be written there, before anything is computed; nothing is created.

    Raises:
        ConfigError: the folder holds something else, or cannot be made or written.
    """
    try:
        nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        if not nearest.is_dir():
            raise NotADirectoryError(None, "Not a directory")
        with TemporaryFile(dir=nearest):
            pass
        holds_other = folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).is_file()
    except OSError as error:
        raise ConfigError(
            f"folder of a packet must be one that can be written ({error.strerror}); name another one", file=folder
        ) from None
    if holds_other:
        raise ConfigError("folder of a packet must be new or hold an earlier packet; name another one", file=folder)


def zipped(packet: Packet, *, key: bytes | None) -> bytes:
    """The same files in one zip file, below the folder `packet`."""
    with TemporaryDirectory() as folder:
        files = write(packet, Path(folder), key=key)
        buffer = BytesIO()
        with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, f"packet/{file.name}")
    return buffer.getvalue()


def check(folder: Path, *, key: bytes | None) -> Checked:
    """Read a packet back.

    Raises:
        ConfigError: it is not there, was changed, is signed wrongly, or is of another version.
    """
    integrity = verify(folder, key)
    content = json.loads((folder / JSON).read_text())
    if content.get("schema") != SCHEMA:
        raise ConfigError(f"packet must be of schema {SCHEMA}, got {content.get('schema')!r}", file=folder / JSON)
    return Checked(content, integrity)
