"""`command`: a program checks the answer, for example a compiler or a test.

The program runs without a shell, in its own temporary folder, with only PATH of the environment, so without keys of
providers. This is no sandbox: put a program that runs code of a model into a container. It needs an operating system
with process groups.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from shadow.domain.policy import ValidatorContext
from shadow.errors import UnjudgedError
from shadow.policies.validators.json_value import fenced_block
from shadow.policies.validators.protocol import Case, named
from shadow.policies.validators.waiting import Places, in_thread

FILE: Final = "{file}"
AT_ONCE: Final = 4
"""Simultaneous programs of one validator; further ones wait, within their time limit."""
CANNOT_RUN: Final = frozenset({126, 127})
"""Exit codes of env, timeout and others that cannot start their program: no verdict."""

Part = Literal["text", "code"]


class Command:
    """Accepts an answer if a program ends with exit code 0.

    Args:
        argv: the program and its arguments. `{file}` is replaced by the path of a file with the answer; without
            it, the answer is the standard input.
        timeout_s: seconds after which the program and its children are killed, without a verdict.
        part: the whole text, or its first fenced block, or the text if it has none.
        file: name of the file, because compilers use its extension.
        in_shadows: shadows run it, too, in their own thread and within their time budget.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float = 10.0,
        part: Part = "text",
        file: str = "answer.txt",
        in_shadows: bool = False,
    ) -> None:
        self._argv = tuple(argv)
        self._timeout_s = timeout_s
        self._part = part
        self._file = file
        self.in_shadows = in_shadows
        shown = " ".join(argv).replace(FILE, file)
        self.name = named("command", shown if part == "text" else f"{shown}, code")
        self.asks = f"pass the check: {shown}"
        self._places = Places(self.name, AT_ONCE)

    def check(self, case: Case, context: ValidatorContext) -> bool:
        """Whether the program ends with 0.

        Raises:
            UnjudgedError: it took too long, could not be started, or was killed.
        """
        return self._judged(_Run(self), case.text, context.time_left_s(self._timeout_s))

    async def acheck(self, case: Case, context: ValidatorContext) -> bool:
        """As `check`, in a thread. If the caller is cancelled, the program is killed."""
        run = _Run(self)
        timeout_s = context.time_left_s(self._timeout_s)
        try:
            return await in_thread(lambda: self._judged(run, case.text, timeout_s))
        except asyncio.CancelledError:
            run.stop()
            raise

    def _judged(self, run: _Run, text: str, timeout_s: float) -> bool:
        with self._places.taken(timeout_s):
            return run.verdict(text, timeout_s)

    def written(self, text: str, folder: Path) -> tuple[list[str], bytes]:
        """The arguments and the standard input for an answer; writes its file if the arguments name it."""
        content = (fenced_block(text) or text if self._part == "code" else text).encode("utf-8", "replace")
        if not any(FILE in argument for argument in self._argv):
            return list(self._argv), content
        path = folder / self._file
        path.write_bytes(content)
        return [argument.replace(FILE, str(path)) for argument in self._argv], b""


class _Run:
    def __init__(self, command: Command) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def verdict(self, text: str, timeout_s: float) -> bool:
        name = self._command.name
        with tempfile.TemporaryDirectory(prefix="shadowroute-", ignore_cleanup_errors=True) as folder:
            argv, content = self._command.written(text, Path(folder))
            try:
                process = self._process = subprocess.Popen(
                    argv,
                    cwd=folder,
                    env={
                        "PATH": os.environ.get("PATH", os.defpath),
                        "HOME": folder,
                        "TMPDIR": folder,
                        "LANG": "C.UTF-8",
                    },
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                raise UnjudgedError(f"{name} must name a program that can be started; {error}") from None
            try:
                if self._stopped:  # the caller left while the program was started
                    _kill(process)
                else:
                    process.communicate(content, timeout_s)
            except subprocess.TimeoutExpired:
                raise UnjudgedError(
                    f"{name} must end within {timeout_s:g} s; make it faster, or raise timeout_s"
                ) from None
            finally:
                _kill(process)
        if process.returncode < 0 or process.returncode in CANNOT_RUN:
            raise UnjudgedError(f"{name} must end with its own exit code, got {process.returncode}")
        return process.returncode == 0

    def stop(self) -> None:
        """Kill the program if it runs."""
        self._stopped = True
        if self._process is not None:
            _kill(self._process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the program and its children, and wait for it. Safe to call after its end."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
