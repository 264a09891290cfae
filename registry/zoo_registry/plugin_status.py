"""Status of plugins, found by importing them in a separate process.

A plugin that exits, hangs, crashes or prints there does not affect the command. A plugin that
takes too long is skipped; it is imported when it is named.
"""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from zoo_registry.discovery import (
    BUILT_IN,
    Kind,
    PluginEntry,
    load_extension,
    load_frontend,
    load_model,
)
from zoo_registry.errors import PluginError
from zoo_registry.files import read_json, write_text
from zoo_registry.model import LoadedFrontEnd, Model, hooks_of
from zoo_registry.text import pip_install

__all__ = ["PluginStatus", "statuses"]

_LONGEST = 60.0  # seconds

Status = Literal["ready", "missing", "broken", "slow", "disabled"]


@dataclass(frozen=True, kw_only=True)
class PluginStatus:
    """Whether a plugin can be used, and the reason if not.

    Attributes
    ----------
    title, family : str or None
        From the card; the title of an extension is the first line of its docstring. The family
        of a front end is "front end".
    frontend : str or None
        Name of the front end that a model takes by default.
    layout : str or None
        What a front end gives, or a model takes: "vectors" or "frames".
    licence, weights, trained_on : str or None, str or None, tuple of str
        Licence of the weights of a front end, the package that has them or "included", and what
        they have seen.
    status : {"ready", "missing", "broken", "slow", "disabled"}
        "missing": a required package is not installed; "broken": it failed to load; "slow": its
        import was not waited for; "disabled": it is switched off.
    reason : str or None
        Why it is not ready, and what to do.
    distribution, version : str or None
        The package that it comes from.
    hooks, seconds : tuple of str, float or None
        Names of the hooks that it implements, and duration of its import.
    """

    name: str
    title: str | None = None
    family: str | None = None
    frontend: str | None = None
    layout: str | None = None
    licence: str | None = None
    weights: str | None = None
    trained_on: tuple[str, ...] = ()
    status: Status
    reason: str | None = None
    distribution: str | None
    version: str | None
    kind: Kind
    hooks: tuple[str, ...] = ()
    seconds: float | None = None

    @property
    def origin(self) -> str:
        """Distribution and version."""
        return f"{self.distribution} {self.version or ''}".strip()


def statuses(
    entries: Sequence[PluginEntry], limit: float | None = None, memory: Path | None = None
) -> list[PluginStatus]:
    """Return the status of each plugin, sorted by name.

    Parameters
    ----------
    entries : sequence of PluginEntry
        Plugins to import.
    limit : float, optional
        Seconds to wait for one plugin. By default a minute, since some imports never end; then
        plugins listed in `memory` are imported again.
    memory : Path, optional
        File that lists plugins that took longer, so that each is waited for only once.
    """
    known = _read_slow(memory)
    skipped = known if limit is not None else set()
    asked = [
        entry
        for entry in entries
        if not entry.withheld and (_is_own(entry) or _key(entry) not in skipped)
    ]
    limit = _LONGEST if limit is None else limit
    found = dict(zip(map(_key, asked), _import_all(asked, limit), strict=True))
    slow = {key for key, state in found.items() if state.status == "slow"}
    remembered = (known - found.keys()) | slow
    if memory and remembered != known:
        with suppress(OSError):  # without the file it is waited for again
            write_text(memory, json.dumps(sorted(remembered)), durable=False)
    states = [found.get(_key(entry)) or _not_imported(entry, limit) for entry in entries]
    return sorted(states, key=lambda state: (state.name, state.distribution or ""))


def _key(entry: PluginEntry) -> str:
    source = entry.source
    parts = entry.kind, entry.name, entry.point.value, source.distribution, source.version
    return " ".join(map(str, parts))


def _is_own(entry: PluginEntry) -> bool:
    """Whether a plugin is built in: its import is known to be quick, unless the machine is busy."""
    return entry.source.distribution == BUILT_IN


def _read_slow(memory: Path | None) -> set[str]:
    try:
        return set(map(str, read_json(memory))) if memory else set()
    except (OSError, ValueError, TypeError):
        return set()


def _not_imported(entry: PluginEntry, limit: float) -> PluginStatus:
    if entry.withheld:
        return _status(entry, entry.withheld, entry.reason)
    more = " (`zoo plugins doctor` waits for it)" if limit < _LONGEST else ""
    reason = f"importing it takes more than {limit:g} s; it is loaded only when it is named{more}"
    return _status(entry, "slow", reason)


def _status(
    entry: PluginEntry, status: Status, reason: str | None = None, **more: Any
) -> PluginStatus:
    source = entry.source
    return PluginStatus(
        name=entry.name, status=status, reason=reason, distribution=source.distribution,
        version=source.version, kind=entry.kind, **more,
    )  # fmt: skip


def _import_all(entries: Sequence[PluginEntry], limit: float) -> Iterator[PluginStatus]:
    """Yield the status of each plugin; a new process is started when one ends or hangs."""
    if "fork" not in multiprocessing.get_all_start_methods():  # Windows: processes start slowly
        yield from map(_import, entries)
        return
    waiting = list(entries)
    while waiting:
        context = multiprocessing.get_context("fork")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_send_all, args=(waiting, sender), daemon=True)
        process.start()
        sender.close()
        try:
            while waiting and receiver.poll(_LONGEST if _is_own(waiting[0]) else limit):
                yield receiver.recv()
                waiting = waiting[1:]
            if waiting:  # it takes too long
                yield _not_imported(waiting.pop(0), limit)
        except EOFError:
            process.join(limit)
            process.kill()  # it may have closed the connection only
            process.join()
            reason = f"importing it ended the process (exit status {process.exitcode})"
            yield _status(waiting.pop(0), "broken", reason)
        finally:
            receiver.close()
            process.kill()  # a thread of a plugin would keep it alive for ever
            process.join()


def _send_all(entries: Sequence[PluginEntry], sender: Connection) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    # The command's own streams write to copies of the descriptors.
    silent = os.fdopen(nowhere, "w")
    sys.stdout = sys.__stdout__ = sys.stderr = sys.__stderr__ = silent  # type: ignore[misc]
    for entry in entries:
        sender.send(_import(entry))


_LOAD: dict[str, Callable[[PluginEntry], Model | LoadedFrontEnd | ModuleType]] = {
    "model": load_model, "front-end": load_frontend, "extension": load_extension
}  # fmt: skip


def _import(entry: PluginEntry) -> PluginStatus:
    begun = time.perf_counter()
    try:
        loaded = _LOAD[entry.kind](entry)
    except PluginError as error:
        return _status(entry, "broken", str(error))
    except KeyboardInterrupt:
        return _status(entry, "broken", f"importing {entry.point.value} raised KeyboardInterrupt")
    seconds = time.perf_counter() - begun
    if isinstance(loaded, ModuleType):
        title = next(iter((loaded.__doc__ or "").splitlines()), None)
        return _status(
            entry, "missing" if entry.need else "ready", entry.need or None, title=title,
            hooks=hooks_of(loaded), seconds=seconds,
        )  # fmt: skip
    if isinstance(loaded, LoadedFrontEnd):
        described = loaded.card
        need = described.missing
        return _status(
            entry, "missing" if need else "ready", f"needs its weights: {need}" if need else None,
            title=described.title, family="front end", seconds=seconds,
            layout=described.frontend.layout, licence=described.licence,
            weights=described.source_of_weights,
            trained_on=tuple(seen.corpus for seen in described.trained_on),
        )  # fmt: skip
    card, reason = loaded.card, None
    if missing := loaded.missing():
        reason = f"needs {', '.join(missing)}: {pip_install(card.extra, missing)}"
    return _status(
        entry, "missing" if reason else "ready", reason, title=card.title, family=card.family,
        frontend=card.frontend.name, layout=card.frontend.layout, hooks=loaded.hooks,
        seconds=seconds,
    )  # fmt: skip
