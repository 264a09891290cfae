"""Start of the command line, also of ``python -m zoo``: ready for Ctrl-C before it is imported."""

import os
import signal
from contextlib import suppress

__all__ = ["main"]


def main() -> None:
    """Run ``zoo`` with the arguments of the process, and exit with its status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as in the background
            signal.signal(number, _end)
    from zoo.cli import main as run

    run()


def _end(number: int, frame: object) -> None:
    """End at once: nothing has begun, and an exception would be shown as a traceback."""
    what = "interrupted" if number == signal.SIGINT else "stopped"
    with suppress(OSError):  # stderr may be closed
        os.write(2, f"zoo: {what}; run the same command again\n".encode())
    os._exit(128 + number)


if __name__ == "__main__":
    main()
