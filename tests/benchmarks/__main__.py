"""`python -m tests.benchmarks [word ...]`: runs the `bench_*.py` of this folder and prints what they measured.

A benchmark never fails on a time: machines differ, and the figures are for people.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path


def main(wanted: list[str]) -> None:
    """Run the benchmarks whose names contain one of the words; all of them without a word."""
    os.environ.setdefault("SHADOW_ID_KEY", "bench")  # as a service has one
    names = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    chosen = [name for name in names if not wanted or any(word in name for word in wanted)]
    for name in chosen:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        print(f"\n{(module.__doc__ or name).splitlines()[0]}", flush=True)
        for figure in module.run():
            print(f"  {figure.what:<70} {figure.measured:>26}   (aim {figure.aim})", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
