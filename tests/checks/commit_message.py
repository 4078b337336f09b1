"""The rule for commit messages, as git's hook commit-msg runs it: a short subject, then a body that says why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

SUBJECT_AT_MOST: Final = 72
MADE_BY_GIT: Final = ("Merge ", "Revert ", "fixup! ", "squash! ", "amend! ")
"""Subjects that git writes; what they belong to has its reason already."""
SCISSORS: Final = ">8"
"""`git commit --verbose` puts the diff below a comment with this."""


def problems(message: str) -> list[str]:
    """What is wrong with a message as the editor left it, one sentence each; comments of git are no part of it."""
    lines: list[str] = []
    for line in message.splitlines():
        if line.startswith("#") and SCISSORS in line:
            break
        if not line.startswith("#"):
            lines.append(line.rstrip())
    text = "\n".join(lines).strip()
    subject, _, rest = text.partition("\n")
    if not subject:
        return ["the message must have a subject, got none; say what the commit does"]
    if subject.startswith(MADE_BY_GIT):
        return []
    wrong = []
    if len(subject) > SUBJECT_AT_MOST:
        wrong.append(
            f"the subject must have at most {SUBJECT_AT_MOST} characters, got {len(subject)}; move the rest below"
        )
    if subject.endswith("."):
        wrong.append("the subject must end without a full stop, as a heading does")
    if rest and not rest.startswith("\n"):
        wrong.append("the second line must be empty; git takes everything above it for the subject")
    if not rest.strip():
        wrong.append("the body must say why; leave an empty line below the subject and write it there")
    return wrong


def main(arguments: list[str]) -> int:
    """Exit status 1 and a line per problem, or 0. The argument is the file that holds the message."""
    found = problems(Path(arguments[0]).read_text(encoding="utf-8"))
    for problem in found:
        print(f"commit message: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
