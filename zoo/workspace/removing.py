"""Removal of runs of the workspace."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from zoo.workspace.finding import run_of_id, runs_of_name
from zoo.workspace.stored import check_own, runs
from zoo_registry.errors import RunError, UsageError
from zoo_registry.files import is_temporary, temporary_path
from zoo_registry.published import NAMES
from zoo_registry.runs import FILES, FOLDERS, RECORD, SAVED, Run

__all__ = ["ensembles_of", "find_removable", "remove"]

# Files in the folder of folds.
_OF_FOLD = re.compile(r"(\d+-)?\d+\.(csv|robustness\.csv|npy|unfinished)|\.zoo-.*\.tmp")
_SURE = 8  # characters of an id, from which a run may be deleted


def find_removable(wanted: str) -> Path:
    """Return the folder of the run that shall be deleted, which may be damaged.

    Parameters
    ----------
    wanted : str
        Id of the run, or at least its first eight characters, which is longer than the model's
        name; its own name; or its folder, which has to lie in the workspace.

    Raises
    ------
    UsageError
        If there is no such run, or more than one, or its folder lies elsewhere.
    """
    if wanted in NAMES:
        raise UsageError(f"{wanted} comes with the zoo, and is not a run of this workspace")
    found = list(runs())
    known = [run for run in found if isinstance(run, Run)]
    damaged = [item.folder for item in found if isinstance(item, RunError) and item.folder]
    if any(run.record.model.name == wanted for run in known):
        raise UsageError(
            f"{wanted!r} is a model, which may have several runs; give the id of the run, "
            "which `zoo runs list` shows"
        )
    if wanted and os.path.lexists(Path(wanted, RECORD)):
        folder = Path(os.path.abspath(wanted))  # noqa: PTH100  (a link stays a link)
    elif len(named := [folder for folder in damaged if folder.name == wanted]) == 1:
        folder = named[0]
    else:
        of_name = runs_of_name(wanted, known)
        folder = (of_name[0] if of_name else run_of_id(wanted, known, _SURE)).folder
    check_own(folder, "delete the folder yourself if you do not need it")
    return folder


def ensembles_of(folder: Path) -> list[Run]:
    """Return the ensembles of the workspace that combine a run.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    """
    known = (run for run in runs() if isinstance(run, Run))
    return [run for run in known if folder.name in {one.run for one in run.record.members}]


def remove(folder: Path) -> list[str]:
    """Delete a run at once: no process reads a part of it.

    Parameters
    ----------
    folder : Path
        Folder of a run of the workspace. If it is a link, only the link is deleted.

    Returns
    -------
    list of str
        Names of the files in its folder that are not the run's, and stay there.
    """
    leaving = temporary_path(folder)
    with suppress(FileNotFoundError):  # another process has deleted it
        if folder.is_symlink():
            folder.unlink()
            return []
        own = [entry.name for entry in os.scandir(folder) if _is_own(entry)]
        foreign = sorted({path.name for path in folder.iterdir()} - set(own))
        if not foreign:
            folder.rename(leaving)
        else:
            leaving.mkdir()
            # A folder without a record is not a run.
            for name in sorted(own, key=RECORD.__ne__):
                (folder / name).rename(leaving / name)
        shutil.rmtree(leaving)  # which deletes links, not what they lead to
        return foreign
    return []


def _is_own(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry of a run's folder is one that the zoo writes."""
    if entry.is_symlink():
        return entry.name in FILES | FOLDERS
    if entry.name in FOLDERS and entry.is_dir():
        # Only a plugin knows what it has saved.
        inside = (path.name for path in Path(entry).iterdir())
        return entry.name == SAVED or all(map(_OF_FOLD.fullmatch, inside))
    is_written = entry.name in FILES or is_temporary(entry.name)
    return is_written and not entry.is_dir()
