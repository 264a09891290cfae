"""How every plugin is, found out in a process apart.

There none can end, hang, crash or soil the one that asks. A plugin that takes too long is left
alone; it is loaded when it is named.
"""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Literal

from zoo_registry.discovery import BUILT_IN, Offer
from zoo_registry.errors import PluginError
from zoo_registry.files import read_json, write_text
from zoo_registry.loading import load_extension, load_model
from zoo_registry.model import hooks_of

__all__ = ["PluginStatus", "survey"]

_LONGEST = 60.0  # seconds

Status = Literal["ready", "missing", "broken", "slow", "disabled"]


@dataclass(frozen=True)
class PluginStatus:
    """What is known of a plugin: that it can be used, or why not.

    Attributes
    ----------
    name : str
    title, family : str or None
        From the card; for an extension the first line of its docstring.
    status : {"ready", "missing", "broken", "slow", "disabled"}
        "missing" lacks an installed package, "broken" failed to load, "slow" was not waited for,
        "disabled" is switched off.
    reason : str or None
        Why it is not ready, and what to do.
    distribution, version : str or None
        The package that it comes from.
    kind : {"model", "extension"}
    hooks : tuple of str
        Those that it implements.
    seconds : float or None
        That its import took.
    """

    name: str
    title: str | None
    family: str | None
    status: Status
    reason: str | None
    distribution: str | None
    version: str | None
    kind: Literal["model", "extension"] = "model"
    hooks: tuple[str, ...] = ()
    seconds: float | None = None


def survey(
    offers: Sequence[Offer], limit: float | None = None, memory: Path | None = None
) -> list[PluginStatus]:
    """Return how each plugin is, sorted by name.

    Parameters
    ----------
    offers : sequence of Offer
    limit : float, optional
        Seconds that one may take. By default a minute, since some never finish; then those that
        are kept in `memory` are asked again, too.
    memory : Path, optional
        A file in which plugins that took longer are kept, so that they are waited for once.
    """
    known = _recall(memory)
    skipped = known if limit is not None else set()
    asked = [offer for offer in offers if not offer.withheld and _key(offer) not in skipped]
    limit = _LONGEST if limit is None else limit
    answers = dict(zip(map(_key, asked), _ask(asked, limit), strict=True))
    slow = {key for key, state in answers.items() if state.status == "slow"}
    remembered = (known - answers.keys()) | slow
    if memory and remembered != known:
        with suppress(OSError):  # without a place to remember it, it is waited for again
            write_text(memory, json.dumps(sorted(remembered)))
    found = [answers.get(_key(offer)) or _unasked(offer, limit) for offer in offers]
    return sorted(found, key=lambda status: (status.name, status.distribution or ""))


def _key(offer: Offer) -> str:
    source = offer.source
    return " ".join(map(str, (offer.kind, offer.name, offer.point.value, source.distribution,
                              source.version)))  # fmt: skip


def _recall(memory: Path | None) -> set[str]:
    try:
        return set(map(str, read_json(memory))) if memory else set()
    except (OSError, ValueError, TypeError):
        return set()


def _unasked(offer: Offer, limit: float) -> PluginStatus:
    if offer.withheld:
        return _status(offer, offer.withheld, offer.reason)
    more = " (`zoo plugins doctor` waits for it)" if limit < _LONGEST else ""
    return _status(
        offer, "slow",
        f"importing it takes more than {limit:g} s; it is loaded only when it is named{more}",
    )  # fmt: skip


def _status(offer: Offer, status: Status, reason: str | None) -> PluginStatus:
    source = offer.source
    return PluginStatus(
        offer.name, None, None, status, reason, source.distribution, source.version, offer.kind
    )


def _ask(offers: Sequence[Offer], limit: float) -> Iterator[PluginStatus]:
    """Yield the state of each, from as many processes as it takes, one after the other."""
    if "fork" not in multiprocessing.get_all_start_methods():  # Windows: no process is so cheap
        yield from map(_examine, offers)
        return
    waiting = list(offers)
    while waiting:
        context = multiprocessing.get_context("fork")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_examine_all, args=(waiting, sender), daemon=True)
        process.start()
        sender.close()
        try:
            while waiting and receiver.poll(limit):
                yield receiver.recv()
                waiting = waiting[1:]
            if waiting:  # it takes too long
                yield _unasked(waiting.pop(0), limit)
        except EOFError:
            process.join(limit)
            reason = f"importing it ended the process (exit status {process.exitcode})"
            yield _status(waiting.pop(0), "broken", reason)
        finally:
            receiver.close()
            process.kill()  # a thread that a plugin has left would keep it alive for ever
            process.join()


def _examine_all(offers: Sequence[Offer], sender: Connection) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    sys.stdout = sys.__stdout__ = os.fdopen(nowhere, "w")  # type: ignore[misc]
    for offer in offers:
        sender.send(_examine(offer))


def _examine(offer: Offer) -> PluginStatus:
    source = offer.source
    begun = time.perf_counter()
    try:
        loaded = load_model(offer) if offer.kind == "model" else load_extension(offer)
    except PluginError as error:
        return _status(offer, "broken", str(error))
    except KeyboardInterrupt:
        return _status(offer, "broken", f"importing {offer.point.value} raised KeyboardInterrupt")
    seconds = time.perf_counter() - begun
    if isinstance(loaded, ModuleType):
        title = next(iter((loaded.__doc__ or "").splitlines()), None)
        return PluginStatus(
            offer.name, title, None, "ready", None, source.distribution, source.version,
            offer.kind, hooks_of(loaded), seconds,
        )  # fmt: skip
    card = loaded.card
    status: Status = "ready"
    reason = None
    if missing := loaded.missing():
        wanted = f"{BUILT_IN}[{card.extra}]" if card.extra else " ".join(missing)
        status, reason = "missing", f"needs {', '.join(missing)}: pip install '{wanted}'"
    return PluginStatus(
        offer.name, card.title, card.family, status, reason, source.distribution, source.version,
        offer.kind, loaded.hooks, seconds,
    )  # fmt: skip
