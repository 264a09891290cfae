"""The command line: one module a command, nothing heavy imported before it is needed."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run ``zoo`` with the arguments of the process, and exit with its status."""
    from zoo.cli.app import run

    sys.exit(run())
