"""The typer application: registers the commands and turns their errors into exit codes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version

import typer

from shadow.runtime.distribution import documentation
from shadow.runtime.exits import INTERRUPTED, OK
from shadowroute.app.cli import exits
from shadowroute.app.cli.backtest import backtest
from shadowroute.app.cli.calculator import calculator
from shadowroute.app.cli.demo import demo
from shadowroute.app.cli.doctor import doctor
from shadowroute.app.cli.gate import gate
from shadowroute.app.cli.gateway import gateway
from shadowroute.app.cli.import_logs import imports
from shadowroute.app.cli.init import init
from shadowroute.app.cli.migrate import migrate
from shadowroute.app.cli.policy import policies
from shadowroute.app.cli.queue import queue
from shadowroute.app.cli.report import report
from shadowroute.app.cli.rollup import rollup
from shadowroute.app.cli.train import train
from shadowroute.app.cli.up import up
from shadowroute.app.cli.worksheet import worksheet

app = typer.Typer(
    name="shadowroute",
    help="Is this LLM routing policy safe to roll out? Runs candidate policies beside the live one and measures them.",
    epilog=f"{exits.HELP}\n\nDocumentation: {documentation()}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"shadowroute {version('shadowroute')} (platform {version('shadowroute-platform')})")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the versions of both distributions."
    ),
) -> None:
    """Hold the options that stand before a command."""


for command in (
    demo, init, up, gateway, report, gate, queue, worksheet, calculator, backtest, train, doctor, migrate, rollup
):  # fmt: skip
    app.command()(command)


app.add_typer(imports)
app.add_typer(policies)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; messages for people go to stderr.

    Raises:
        BrokenPipeError: the reader of stdout went away; the script ends quietly on it.
    """
    try:
        result = app(list(arguments), prog_name="shadowroute", standalone_mode=False)
    except KeyboardInterrupt:
        return INTERRUPTED
    except typer.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # typer's own answer to a closed pipe would be exit 1
            raise ended.__context__ from None
        return _failed(ended)
    except Exception as error:  # noqa: BLE001  the one place where every error becomes an exit code
        return _failed(error)
    return result if isinstance(result, int) else OK


def _failed(error: BaseException) -> int:
    end = exits.ending(error)
    if end.message:
        print(end.message, file=sys.stderr)
    return end.code


def main() -> int:
    """Run the process's command line and return its exit code."""
    # The driver logs what it also raises; the person at the terminal gets one message, ours.
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
    return run(sys.argv[1:])
