"""The process of one shadow policy: reads requests, asks the policy, writes what it said.

It ends when its parent does: a thread waits for the end of the pipe, and where a call into C holds the interpreter, a
timer that needs no interpreter ends it.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import queue
import signal
import sys
import threading
from dataclasses import dataclass
from typing import BinaryIO, Final

from shadow.errors import ConfigError, ShadowError
from shadow.policies.guarded import GuardedPolicy
from shadow.policies.recipe import Recipe
from shadow.prices.catalogue import Catalogue
from shadow.recording.isolation.pipe import Item, judgement_json, read_frame, write_frame
from shadow.runtime.containment import Containment, describe

READY: Final = b"ready"
FAILED: Final = b"failed "
"""Begins the one frame before a process that cannot build its policy ends; the reason follows."""

LEFT_BEHIND_S: Final = 60.0
"""After so long with one request nobody waits for the answer any more, and nobody may be left to end the process."""
DOWNWARD_BYTES_AT_MOST: Final = 2**31


@dataclass(frozen=True, slots=True)
class Order:
    """What the process is for.

    Attributes:
        version: of the policy in the service; one that is built from changed files here would be another policy.
        budget_s: seconds that one decision may take.
    """

    recipe: Recipe
    catalogue: Catalogue
    version: str
    budget_s: float


class Notes(Containment):
    """Keeps what the policy's validators threw for the service, which counts and logs it."""

    def __init__(self) -> None:
        super().__init__()
        self._notes: list[tuple[str, str]] = []

    def note(self, where: str, error: BaseException) -> None:
        """Keep it."""
        self._notes.append((where, str(error) if isinstance(error, ShadowError) else describe(error)))

    def taken(self) -> list[tuple[str, str]]:
        """What was kept since the last time."""
        notes, self._notes = self._notes, []
        return notes


def main() -> None:
    """Run until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends this process itself
    down, up = _own_pipes()
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(down, inbox), name="parent", daemon=True).start()
    order: Order = pickle.loads(inbox.get())  # noqa: S301 - it comes from the process that started this one
    notes = Notes()
    try:
        judge = _judge(order, notes)
    except BaseException as error:  # noqa: BLE001 - importing a policy's function runs a stranger's code
        reason = str(error) if isinstance(error, ShadowError) else f"{describe(error)}: {error}"
        write_frame(up, FAILED + reason[:1000].encode("utf-8", "replace"))
        return
    write_frame(up, READY)
    seconds = max(LEFT_BEHIND_S, 2 * order.budget_s)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - faulthandler needs a file with a descriptor
        while True:
            frame = inbox.get()
            faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
            item: Item = pickle.loads(frame)  # noqa: S301 - as above
            result = judge.ask(item.request, item.snapshot, item.outcome)
            faulthandler.cancel_dump_traceback_later()
            write_frame(up, judgement_json(result, notes.taken()))


def _judge(order: Order, notes: Notes) -> GuardedPolicy:
    policy = order.recipe.build(order.catalogue)
    if policy.version != order.version:
        raise ConfigError(
            f"policy {policy.name} must be version {order.version}, got {policy.version} from the files as they are "
            "now; reload the service"
        )
    return GuardedPolicy(policy, order.catalogue, notes)


def _listen(down: BinaryIO, inbox: queue.SimpleQueue[bytes]) -> None:
    try:
        while True:
            inbox.put(read_frame(down, DOWNWARD_BYTES_AT_MOST))
    finally:
        os._exit(0)  # whatever the policy is doing: nobody is left to tell it to


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output under numbers that a policy does not know, so that it may print."""
    down, up = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    sys.stdin = open(0)  # noqa: SIM115 - lives as long as the process
    return os.fdopen(down, "rb", buffering=0), os.fdopen(up, "wb", buffering=0)
