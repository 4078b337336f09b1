"""Reloads changed files while a service runs: all of them or none, and never on the request path.

No method raises into the host. A refused change is logged once, counted, and stated on the spans until the
files are good again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shadow.config import load_routing
from shadow.config.noted_files import Digests, digest_of, noted_files
from shadow.config.routing import Routing
from shadow.errors import ConfigError
from shadow.runtime.containment import describe, logger
from shadow.runtime.forks import on_fork_in_child

if TYPE_CHECKING:
    from shadow.recording.recorder import Recorder

Signature = dict[Path, tuple[int, int, int] | None]
"""Signs of a changed file: time of its last change, size and inode; None = absent."""

FIXED: Final = ("service", "project", "origin", "export")
FIXED_LIMITS: Final = ("max_pending", "outcome_timeout_s", "queue_spans")
"""Settings of the running threads and connections, which a reload cannot change."""


class Reloader:
    """Loads the files of a routing again, and gives them to a recorder.

    Args:
        routing: the current one.
        recorder: adopts the new routing; its thread checks for changes.
        prepare: completes a new routing as its owner completed the old one.
        accepts: raises a `ConfigError` for a routing that its owner cannot use; None = it can use any.
        adopted: called with the new routing; must not raise.
        load: reads a shadow.yaml.
        tick: seconds of a monotonic clock.
    """

    def __init__(
        self,
        routing: Routing,
        recorder: Recorder,
        *,
        accepts: Callable[[Routing], object] | None = None,
        adopted: Callable[[Routing], None] | None = None,
        prepare: Callable[[Routing], Routing] | None = None,
        load: Callable[[Path], Routing] = load_routing,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self._routing = routing
        self._recorder = recorder
        self._counts = recorder.reloads
        self._accepts = accepts
        self._adopted = adopted
        self._prepare = prepare
        self._load = load
        self._tick = tick
        self._digests: Digests = dict(routing.files)
        self._handled: Signature | None = None
        self._settling: Signature | None = None
        self._looked_at = tick()
        self._reset()
        on_fork_in_child(self._reset)
        recorder.chores.now_and_then(self.look)

    def _reset(self) -> None:
        """A new lock: a forked child may have inherited a locked one."""
        self._lock = threading.Lock()

    def reload(self, routing: Routing | None = None) -> bool:
        """Load the files again, or take a routing made in code; whether it is in use now.

        Requests in progress keep the old routing. If the new one has a problem, the old one stays.
        """
        with self._lock:
            return self._take_over(routing)

    def look(self) -> None:
        """Load changed files, if they are watched and the time has come. Called on the recorder's thread.

        A change is loaded at the second look that sees it, so that half-written files are not read.
        """
        settings, now = self._routing.reload, self._tick()
        if not settings.watch or now - self._looked_at < settings.every_s:
            return
        with self._lock:
            self._looked_at = now
            signature = _signature(self._digests)
            if signature == self._handled:
                return
            if signature != self._settling:
                self._settling = signature
                return
            self._handled = signature
            if any(digest_of(file) != digest for file, digest in self._digests.items()):
                self._take_over(None)

    def _take_over(self, given: Routing | None) -> bool:
        try:
            routing = self._read() if given is None else given
            routing = routing if self._prepare is None else self._prepare(routing)
            _refuse_fixed(self._routing, routing)
            if self._accepts is not None:
                self._accepts(routing)
            self._recorder.adopt(routing)
            if self._adopted is not None:
                self._adopted(routing)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - importing a policy's function runs the user's code
            self._refuse(str(error) if isinstance(error, ConfigError) else describe(error))
            return False
        self._routing = routing
        self._counts.done += 1
        self._counts.error = ""
        logger.info("shadowroute: configuration changed; new requests use %s", _summary(routing))
        return True

    def _read(self) -> Routing:
        """The routing of the current files. All files that were read are watched from now on, good or bad."""
        file = self._routing.file
        if file is None:
            raise ConfigError("reload must have a file to read, and this routing was made in code; pass a new Routing")
        with noted_files() as digests:
            try:
                return self._load(file)
            finally:
                self._digests = digests

    def _refuse(self, reason: str) -> None:
        self._counts.refused += 1
        file = self._routing.file
        if file is not None:
            reason = reason.replace(f"{file.parent}{os.sep}", "")  # spans must not have the folder's path
        if reason != self._counts.error:
            self._counts.error = reason
            logger.error(
                "shadowroute: change of %s refused; your requests use the old configuration; correct it: %s",
                file,
                reason,
            )


def _signature(files: Digests) -> Signature:
    found: Signature = {}
    for file in files:
        try:
            status = file.stat()
        except OSError:
            found[file] = None
        else:
            found[file] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def _refuse_fixed(old: Routing, new: Routing) -> None:
    pairs = [(name, getattr(old, name), getattr(new, name)) for name in FIXED]
    pairs += [(f"limits.{name}", getattr(old.limits, name), getattr(new.limits, name)) for name in FIXED_LIMITS]
    for name, before, after in pairs:
        if before != after:
            raise ConfigError(
                f"{name} must stay the same while the process runs, got {after!r} instead of {before!r}; "
                "restart the process to change it",
                file=new.file,
            )


def _summary(routing: Routing) -> str:
    shadows = ", ".join(f"{shadow.name} {shadow.version}" for shadow in routing.shadows) or "none"
    return f"live {routing.live.name} {routing.live.version}; shadows {shadows}"
