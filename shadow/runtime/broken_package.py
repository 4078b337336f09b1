"""Names the installed package that kept one of our commands from running, if one did."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from importlib.metadata import files, packages_distributions, version
from pathlib import Path
from typing import Final

OURS: Final = frozenset({"shadow", "shadowroute", "__main__"})
TEXT_AT_MOST: Final = 300


def broken_package(error: BaseException) -> str | None:
    """One sentence that names the package whose import failed, what that means and what to do; None if none failed."""
    foreign = (found for found in _failed_imports(error) if _top(found[0]) not in OURS)
    module, place = next(foreign, ("", ""))
    if not module:
        return None
    said = f"{type(error).__name__}: {' '.join(str(error).split())}"[:TEXT_AT_MOST] + (place and f", in {place}")
    providers = packages_distributions()  # from metadata, which may be there when the files are gone
    packages = _owners(module, providers.get(_top(module), []))
    if packages:
        pinned = " ".join(f"{name}=={version(name)}" for name in packages)
        return (
            f"the installed package {' or '.join(packages)} cannot be imported ({said}), so there is no answer; "
            f"repair it: pip install --force-reinstall {pinned}"
        )
    ours = "shadowroute[platform]" if "shadowroute" in providers else "shadowroute"
    return (
        f"the package {_top(module)} is not installed ({said}), so there is no answer; "
        f'install it: pip install "{ours}" adds whatever is missing'
    )


def _failed_imports(error: BaseException) -> Iterator[tuple[str, str]]:
    """Modules whose import failed, innermost first, each with the file and line where it is known."""
    if isinstance(error, ImportError) and error.name:
        yield error.name, error.path or ""
    if isinstance(error, SyntaxError) and error.filename:  # Python read it and never ran it: no frame has its name
        yield _module_of(Path(error.filename)), f"{error.filename}:{error.lineno}"
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if frame.f_code.co_name == "<module>":
            yield str(frame.f_globals.get("__name__", "__main__")), f"{frame.f_code.co_filename}:{line}"


def _module_of(file: Path) -> str:
    """Dotted name of a source file, by the entry of `sys.path` that it lies below; ours where there is none."""
    below = [file.relative_to(entry) for entry in sys.path if entry and file.is_relative_to(entry)]
    if not below:
        return "__main__"
    return ".".join(min(below, key=lambda path: len(path.parts)).with_suffix("").parts).removesuffix(".__init__")


def _owners(module: str, distributions: list[str]) -> list[str]:
    """Which of several distributions that share a top-level name brings this module; all where none says so."""
    names = sorted(set(distributions))
    path = module.replace(".", "/")
    exact = [
        name for name in names if any(str(file).startswith((f"{path}/", f"{path}.")) for file in files(name) or ())
    ]
    return exact or names


def _top(module: str) -> str:
    return module.partition(".")[0]
