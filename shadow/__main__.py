"""`python -m shadow check|gateway`: the commands of the SDK alone. Exit 0 fine, 65 bad file, 64 usage."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from shadow.runtime.exits import BAD_FILE, OK, USAGE, run_process

HELP = """usage: python -m shadow check FILE
       python -m shadow gateway [--routing FILE] [--host HOST] [--port PORT]

check: a shadow.yaml with all files that it names, a models.yaml, or one policy file.
Prints one line per problem. Exit: 0 no problem, 65 problems, 64 wrong usage.
gateway: serves OpenAI's chat completions through the router of a routing file."""


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    if arguments and arguments[0] in ("-h", "--help"):
        from shadow.runtime.distribution import documentation  # noqa: PLC0415 - imports are in order only now

        print(f"{HELP}\n\nDocumentation: {documentation()}")  # noqa: T201 - this is the command line
        return OK
    if arguments and arguments[0] == "gateway":
        from shadow.gateway.command import main as gateway  # noqa: PLC0415 - `check` needs nothing of it

        return gateway(arguments[1:])
    if len(arguments) != 2 or arguments[0] != "check" or arguments[1].startswith("-"):
        print(HELP, file=sys.stderr)  # noqa: T201 - as above
        return USAGE
    from pathlib import Path  # noqa: PLC0415 - imports are in order only now

    from shadow.config.check import check  # noqa: PLC0415 - as above

    checked = check(Path(arguments[1]))
    for problem in checked.problems:
        print(problem, file=sys.stderr)  # noqa: T201 - as above
    if checked.summary:
        print(checked.summary)  # noqa: T201 - as above
    return BAD_FILE if checked.problems else OK


if __name__ == "__main__":
    run_process(main)
