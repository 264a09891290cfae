"""Events of runs: extensions are told, and what they return is kept in the record."""

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zoo_registry.runs import Run

__all__ = ["keep"]


def keep(run: Run, returned: Iterable[Mapping[str, Any]], store: Callable[[], object]) -> None:
    """Call the extensions of an event, and store in the record what they return.

    Parameters
    ----------
    run : Run
        The run.
    returned : iterable of mapping
        What each extension keeps, of `Model.announce` or `Registry.announce`; the next one is
        called when the values of the one before are stored.
    store : callable
        Stores the record.
    """
    before = copy.deepcopy(run.record.extensions)
    for kept in returned:
        run.record.extensions.update(kept)
        store()
    # Extensions of the former contract change the record themselves.
    if run.record.extensions != before:
        store()
