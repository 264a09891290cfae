"""Locations on disk: runs in the user's directory, caches in the folder of the platform."""

from zoo.workspace.finding import asked_by_default, chosen, find_run, meant, runs_of_file
from zoo.workspace.naming import check_free, checked_name, checked_note, set_about
from zoo.workspace.preferred import (
    Preference,
    forget,
    place_of_folder,
    prefer,
    preferences,
    preferred,
    why_not,
)
from zoo.workspace.removing import ensembles_of, find_removable, remove
from zoo.workspace.stored import (
    cache_folder,
    check_own,
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
    "Preference",
    "asked_by_default",
    "cache_folder",
    "check_free",
    "check_own",
    "checked_name",
    "checked_note",
    "chosen",
    "ensembles_of",
    "file_name",
    "find_removable",
    "find_run",
    "forget",
    "locked",
    "meant",
    "models_folder",
    "place_of_folder",
    "prefer",
    "preferences",
    "preferred",
    "recency",
    "remembered",
    "remove",
    "run_folder",
    "runs",
    "runs_of_file",
    "set_about",
    "sole_writer",
    "stamps",
    "why_not",
]
