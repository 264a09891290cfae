"""The command line: one module a command, nothing heavy imported before it is needed."""

import gc
import sys

__all__ = ["main"]


def main() -> None:
    """Run ``zoo`` with the arguments of the process, and exit with its status."""
    # A quick command makes modules, not garbage; looking for it takes a seventh of its time.
    gc.set_threshold(20_000)
    from zoo.cli.app import run

    status = run()
    gc.freeze()
    sys.exit(status)
