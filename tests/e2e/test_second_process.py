"""What other processes read and write over the ClickHouse port of `up` is what the store holds, to the row."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd

from shadowroute.collector.store.owner import read_owner
from tests.e2e.test_up import STORE, figures, priced_figures, send
from tests.support import clickhouse_script
from tests.support.cli import Up, free_ports, running_up, shadowroute
from tests.support.groups import ROOT

_IN_PROCESS = """
import sys
from pathlib import Path
from shadowroute.collector.store import open_store
from tests.support.clickhouse_script import read
with open_store(sys.argv[1]) as store:
    assert store.kind == "embedded", store.kind
    read(store.client(), Path(sys.argv[2]))
"""


def script(up: Up, folder: Path, mode: str, *more: str) -> None:
    """Run the plain clickhouse-connect script in a process of its own."""
    owner = read_owner(folder / STORE)
    assert owner is not None
    port = up.clickhouse_url.rpartition(":")[2]
    command = [sys.executable, str(Path(clickhouse_script.__file__)), mode, port, owner.token, *more]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr


def operations_example() -> str:
    """The Python block of the operations page, which a reader pastes into another terminal."""
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/operations.md").read_text(), re.DOTALL)
    return str(block)


def test_other_processes_read_and_write_what_the_store_holds(tmp_path: Path) -> None:
    """Report, the documented example and a plain script, while `up` runs, equal the store opened in process later."""
    with running_up(cwd=tmp_path, ports=free_ports(3)) as up:
        send(up)
        documented = subprocess.run(
            [sys.executable, "-c", operations_example()], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert documented.stdout == "[('live', 60), ('shadow', 60)]\n", documented.stderr
        script(up, tmp_path, "write")
        script(up, tmp_path, "read", "outside")
        assert shadowroute("rollup", cwd=tmp_path).returncode == 0
        over_http = priced_figures(tmp_path, "--project", "default")
        assert up.stop()[0] == 0
    command = [sys.executable, "-c", _IN_PROCESS, f"chdb://{STORE}", "inside"]
    env = {"PYTHONPATH": str(ROOT), "PATH": ""}
    ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr

    assert figures(tmp_path, "--project", "default") == over_http
    for name in clickhouse_script.QUERIES:
        outside, inside = (pd.read_pickle(tmp_path / side / f"{name}.pickle") for side in ("outside", "inside"))
        pd.testing.assert_frame_equal(outside, inside, check_exact=True)
    totals = (tmp_path / "outside/totals.json").read_text()
    assert totals == (tmp_path / "inside/totals.json").read_text()
    assert {project: rows for project, rows, *_ in json.loads(totals)} == {
        "rows": clickhouse_script.LIST_ROWS,
        "arrow": clickhouse_script.ARROW_ROWS,
        "frame": clickhouse_script.FRAME_ROWS,
    }
    sent = clickhouse_script.frame("frame", clickhouse_script.FRAME_ROWS)
    stored = pd.read_pickle(tmp_path / "outside/signals.pickle").query("project == 'frame'").reset_index(drop=True)
    assert (stored["target"] == sent["target"]).all()
    assert (stored["value"].astype("Float64").fillna(-1) == sent["value"].fillna(-1)).all()
    assert (stored["label"] == sent["label"]).all()
