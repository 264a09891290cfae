"""Processes, named so that another process can tell whether they still run."""

import os
import zlib
from pathlib import Path

from zoo_registry.files import is_dead, machine

__all__ = ["lives", "this_process"]

_GONE = "ZX"  # states of a process that has ended: nobody has asked for its exit status yet


def this_process() -> str:
    """Return the name of this process: machine, number, and where it is known the begin."""
    return f"{machine()}-{os.getpid()}-{_begin(os.getpid())}"


def lives(process: str | None) -> bool | None:
    """Return whether a process runs; None if it ran on another machine or in another container.

    Parameters
    ----------
    process : str or None
        Its name, as `this_process` returned it; None if no process is known.
    """
    if process is None:
        return False
    place, _, rest = process.partition("-")
    number, _, begin = rest.partition("-")
    if place != machine():
        return None
    return number.isdecimal() and not is_dead(number) and _begin(int(number)) == begin


def _begin(number: int) -> str:
    """Return what tells a process from later ones of its number, also after a restart.

    It is empty where the system has no ``/proc``.
    """
    try:
        # The name, in parentheses, may hold anything; see proc_pid_stat(5).
        fields = Path(f"/proc/{number}/stat").read_text(errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        return ""
    return "gone" if fields[0] in _GONE else f"{zlib.crc32(f'{boot} {fields[19]}'.encode()):08x}"
