"""Files of options, checked for writing before any work is done."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile


def check_writable(file: Path, option: str) -> None:
    """Refuse a file that could not be written later; an existing one is left as it is.

    Raises:
        ConfigError: its folder does not exist or takes no files, or it is a folder.
    """
    from shadow.errors import ConfigError

    try:
        if file.is_dir():
            raise IsADirectoryError(None, "Is a directory")
        if file.exists():
            with file.open("ab"):
                return
        with TemporaryFile(dir=file.parent):
            return
    except OSError as error:
        raise ConfigError(f"{option} must be a file that can be written ({error.strerror})", file=file) from None
