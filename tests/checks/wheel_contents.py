"""Builds both wheels and checks what they carry.

The SDK lives in other people's processes: its wheel may bring the import name `shadow` and nothing else. The platform's
brings `shadowroute`, and must hold every source and data file of its three folders, or it works here and nowhere else.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
SOURCE_SUFFIXES = {".py", ".sql", ".yaml", ".toml", ".typed", ".proto", ".json", ".css", ".j2"}
WHEELS = {
    # distribution folder: folders whose files must be inside, each with the place it has in the wheel
    "shadow": {"shadow": "shadow"},
    ".": {name: f"shadowroute/{name}" for name in ("collector", "analysis", "app")},
}


def source_files() -> list[str]:
    """Tracked and new files of the repository, relative to its root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def copy_sources(target: Path) -> None:
    """A clean copy to build from: a `build/` folder of an earlier run would smuggle deleted files into the wheel."""
    for name in source_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)


def build(project: Path, target: Path) -> Path:
    """The wheel of one project, built without reaching for the network."""
    subprocess.run(
        [UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", target, project],
        check=True,
    )
    return max(target.glob("*.whl"), key=lambda path: path.stat().st_mtime_ns)


def expected_files(places: dict[str, str]) -> set[str]:
    """Source and data files below the folders, as the wheel names them."""
    return {
        places[name.split("/", 1)[0]] + "/" + name.split("/", 1)[1]
        for name in source_files()
        if name.split("/", 1)[0] in places
        and (Path(name).suffix in SOURCE_SUFFIXES or Path(name).name == "py.typed")
        and name != "shadow/pyproject.toml"
    }


def problems(wheel: Path, places: dict[str, str]) -> list[str]:
    """What is wrong with one wheel, one sentence each."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    packaged = {name for name in names if ".dist-info/" not in name}
    top_levels = {place.split("/", 1)[0] for place in places.values()}
    foreign = sorted(name for name in packaged if name.split("/", 1)[0] not in top_levels)
    expected = expected_files(places)
    return [
        *(f"{wheel.name}: {name} brings a foreign top-level name" for name in foreign),
        *(f"{wheel.name}: {name} is missing" for name in sorted(expected - packaged)),
        *(f"{wheel.name}: {name} should not ship" for name in sorted(packaged - expected)),
    ]


def main() -> int:
    """Exit status 1 and a line per problem, or 0 and one line per wheel."""
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        copy_sources(Path(folder) / "source")
        for project, places in WHEELS.items():
            wheel = build(Path(folder) / "source" / project, Path(folder) / "wheels")
            bad = problems(wheel, places)
            failures += bad
            if not bad:
                print(f"{wheel.name}: only {', '.join(sorted(places.values()))}, complete")
    print("\n".join(failures), end="\n" if failures else "")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
