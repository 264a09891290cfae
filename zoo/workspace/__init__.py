"""Locations on disk: runs in the user's directory, caches in the folder of the platform."""

from zoo.workspace.finding import asked_by_default, find_run, meant, newest, runs_of_file
from zoo.workspace.removing import find_removable, remove
from zoo.workspace.stored import (
    cache_folder,
    file_name,
    locked,
    models_folder,
    recency,
    remembered,
    run_folder,
    runs,
    sole_writer,
    stamps,
)

__all__ = [
    "asked_by_default",
    "cache_folder",
    "file_name",
    "find_removable",
    "find_run",
    "locked",
    "meant",
    "models_folder",
    "newest",
    "recency",
    "remembered",
    "remove",
    "run_folder",
    "runs",
    "runs_of_file",
    "sole_writer",
    "stamps",
]
