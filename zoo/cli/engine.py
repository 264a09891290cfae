"""Where `zoo train` and `zoo tune` have their work done."""

import os
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import Annotated

import typer

from zoo.workers import Engine
from zoo_registry.errors import UsageError

__all__ = ["EngineName", "EngineOption", "SchedulerOption", "chosen_engine"]

_VARIABLE = "DASK_SCHEDULER_ADDRESS"  # Dask's own


class EngineName(StrEnum):
    """Where work is done."""

    processes = "processes"
    dask = "dask"


EngineOption = Annotated[
    EngineName, typer.Option(help="Processes of this machine, or the workers of a Dask cluster.")
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(help=f"Of the cluster, such as tcp://10.0.0.1:8786; or {_VARIABLE}."),
]


def chosen_engine(
    name: EngineName, scheduler: str | None, jobs: int | None
) -> AbstractContextManager[Engine]:
    """Return the engine that the options name, as a context manager.

    Raises
    ------
    UsageError
        If the options contradict each other, or the cluster cannot be used.
    """
    if name is EngineName.processes:
        if scheduler:
            raise UsageError("--scheduler is for a Dask cluster; add --engine dask")
        return nullcontext(Engine(jobs))
    if jobs:
        raise UsageError("--jobs is for processes of this machine; a cluster has its own workers")
    address = scheduler or os.environ.get(_VARIABLE)
    if not address:
        raise UsageError(
            "--engine dask needs a scheduler; start one with `dask scheduler`, and give its "
            f"address as --scheduler or in {_VARIABLE}"
        )
    from zoo.cluster import Cluster

    return Cluster(address)
