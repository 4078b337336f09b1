"""The commands of docs/import.md run as they stand there."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

from shadow.runtime import exits
from tests.support.cli import shadowroute
from tests.support.groups import ROOT

EXPECTED = {
    "litellm": "12 calls of",
    "otel": "2 calls of",
    "csv": "240 calls of",
    "report": "240 requests",
}


def test_the_commands_of_the_page_run_in_the_folder_that_it_names(tmp_path: Path) -> None:
    """A reader copies them; nobody may find that one does not work."""
    folder = shutil.copytree(ROOT / "examples" / "import", tmp_path / "import")
    page = (ROOT / "docs" / "import.md").read_text()
    (block,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    commands = [shlex.split(line) for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    assert len(commands) == len(EXPECTED)
    for (program, *arguments), (word, expected) in zip(commands, EXPECTED.items(), strict=True):
        assert program == "shadowroute"
        assert word in arguments[:2]
        done = shadowroute(*arguments, cwd=folder)
        assert done.returncode == exits.OK, done.stderr
        assert expected in done.stdout
