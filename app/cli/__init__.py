"""The `shadowroute` command line; `main` is the entry point that the SDK's script hands over to."""

from shadowroute.app.cli.root import main

__all__ = ["main"]
