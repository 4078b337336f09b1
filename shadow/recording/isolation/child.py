"""The process of one shadow policy: reads requests, asks the policy, writes its results.

It ends with its parent: a thread waits for the end of the pipe, and if a call into C holds the interpreter lock, a
timer that does not need the lock ends the process.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import queue
import signal
import sys
import threading
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from shadow.errors import ConfigError, ShadowError
from shadow.policies.guarded import GuardedPolicy
from shadow.policies.recipe import Recipe
from shadow.prices.catalogue import Catalogue
from shadow.recording.isolation.pipe import Item, encoded_result, read_frame, write_frame
from shadow.runtime.containment import Containment, describe
from shadow.runtime.import_order import prefer, user_entries

READY: Final = b"ready"
FAILED: Final = b"failed "
"""Begins the only frame of a process that cannot build its policy; the reason follows."""

LEFT_BEHIND_S: Final = 60.0
"""Seconds with one request after which the process ends itself: its parent no longer waits, and may be gone."""
DOWNWARD_BYTES_AT_MOST: Final = 2**31


@dataclass(frozen=True, slots=True)
class Order:
    """The first message to the process.

    Attributes:
        version: of the policy in the service; the policy built here must have the same.
        budget_s: seconds for one decision.
        user_entries: folders in which the user's modules are found before installed ones.
    """

    recipe: Recipe
    catalogue: Catalogue
    version: str
    budget_s: float
    user_entries: tuple[str, ...] = field(default_factory=user_entries)


class Notes(Containment):
    """Keeps exceptions of the policy's validators for the service, which counts and logs them."""

    def __init__(self) -> None:
        super().__init__()
        self._notes: list[tuple[str, str]] = []

    def note(self, where: str, error: BaseException) -> None:
        """Keep it."""
        self._notes.append((where, str(error) if isinstance(error, ShadowError) else describe(error)))

    def taken(self) -> list[tuple[str, str]]:
        """The errors since the last call."""
        notes, self._notes = self._notes, []
        return notes


def main() -> None:
    """Run until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends this process
    down, up = _own_pipes()
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(down, inbox), name="parent", daemon=True).start()
    order: Order = pickle.loads(inbox.get())  # noqa: S301 - it comes from the process that started this one
    notes = Notes()
    try:
        guarded = _built(order, notes)
    except BaseException as error:  # noqa: BLE001 - importing a policy's function runs the user's code
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
            result = guarded.ask(item.request, item.snapshot, item.outcome)
            faulthandler.cancel_dump_traceback_later()
            write_frame(up, encoded_result(result, notes.taken()))


def _built(order: Order, notes: Notes) -> GuardedPolicy:
    prefer(order.user_entries)
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
        os._exit(0)  # the parent is gone, whatever the policy is doing


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output under other numbers, so that a policy may print."""
    down, up = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    sys.stdin = open(0)  # noqa: SIM115 - lives as long as the process
    return os.fdopen(down, "rb", buffering=0), os.fdopen(up, "wb", buffering=0)
