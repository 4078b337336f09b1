"""`python -m shadow gateway`: the command line of the gateway, also of `shadowroute gateway`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NoReturn

from shadow.config import LiveSpec, Routing, load_routing
from shadow.errors import ConfigError
from shadow.runtime.exits import BAD_FILE, OK, UNAVAILABLE, USAGE

DEFAULT_ROUTING: Final = "routing/router.yaml"
DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8600
NEEDED: Final = ("uvicorn", "httptools", "httpx_aiohttp", "prometheus_client")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit with 64 for wrong usage: argparse's own 2 is a verdict elsewhere."""
        self.exit(USAGE, f"{self.prog}: {message}\nTry: {self.prog} --help\n")


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments after `gateway`, run it, and return the exit code."""
    parser = _Parser(
        prog="shadowroute gateway",
        description="Serve OpenAI's chat completions through the router of a routing file.",
        epilog="Exit codes: 0 stopped, 64 usage, 65 a file is wrong, 69 the port or the extra is not available.",
    )
    parser.add_argument("--routing", type=Path, default=Path(DEFAULT_ROUTING), help="routing file (%(default)s)")
    parser.add_argument("--host", default=DEFAULT_HOST, help="address; beyond loopback keys are needed (%(default)s)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="TCP port (%(default)s)")
    try:
        options = parser.parse_args(arguments)
    except SystemExit as ended:  # after the help, or for a wrong option
        return OK if ended.code is None else int(ended.code)
    return run_gateway(options.routing, options.host, options.port)


def run_gateway(routing_file: Path, host: str, port: int) -> int:
    """Run the gateway until a signal stops it.

    Returns:
        The exit code; errors are on stderr.
    """
    if not all(find_spec(name) for name in NEEDED):
        _say('the extra gateway must be installed; run: pip install "shadowroute[gateway]"')
        return UNAVAILABLE
    from shadow.gateway.server import PortTakenError, run  # noqa: PLC0415 - uvicorn is an extra

    try:
        routing = load_routing(routing_file)
        if isinstance(routing.live, LiveSpec):
            raise ConfigError(
                f"live must be a policy file, got the name {routing.live.name!r} of an observed router; "
                "write `live: policies/live.yaml`",
                file=routing_file,
            )
        run(routing, host, port, lambda url: _say(_started(routing, url)))
    except ConfigError as error:
        _say(str(error))
        return BAD_FILE
    except PortTakenError as error:
        _say(str(error))
        return UNAVAILABLE
    except KeyboardInterrupt:  # before the server catches it
        return OK
    return OK


def _started(routing: Routing, url: str) -> str:
    shadows = ", ".join(shadow.name for shadow in routing.shadows) or "none"
    keys = ", ".join(routing.gateway.keys) or "none (this machine only)"
    return f"base_url {url}  live {routing.live.name}  shadows {shadows}  keys {keys}  records to {routing.export.to}"


def _say(text: str) -> None:
    print(f"shadowroute gateway: {text}", file=sys.stderr, flush=True)  # noqa: T201 - this is the command line
