"""The runs that the user prefers: the name of a model means them, instead of its newest run."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from zoo.workspace.stored import check_own, choosing, runs
from zoo_registry.errors import RunError, UsageError
from zoo_registry.files import is_file, read_json, unwritable, write_text
from zoo_registry.places import models_folder
from zoo_registry.runs import ARTEFACT, Run
from zoo_registry.structures import Structure, from_plain
from zoo_registry.text import first_line

__all__ = [
    "Preference", "forget", "place_of_folder", "prefer", "preferences", "preferred", "why_not",
]  # fmt: skip

_FILE = "preferred.json"


class Preference(Structure, kw_only=True):
    """A preferred run: its folder in the workspace, its model, and the title of its dataset."""

    run: str
    model: str
    dataset: str

    @property
    def id(self) -> str:
        """Id of the run."""
        return self.run.rpartition("/")[2]


class _Preferences(Structure, kw_only=True):
    preferred: list[Preference]


def preferences(on_fault: Callable[[str], object] = lambda sentence: None) -> list[Preference]:
    """Return the preferences of the workspace, the latest first.

    Parameters
    ----------
    on_fault : callable, optional
        Receives a sentence if they cannot be read; then there are none.
    """
    path = models_folder() / _FILE
    try:
        return from_plain(read_json(path), _Preferences).preferred[::-1]
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        on_fault(f"{path} is damaged: {reason}; `zoo runs prefer RUN` writes it again")
    return []


def place_of_folder(folder: Path) -> str:
    """Return the folder of a run within the workspace, as preferences store it."""
    return "/".join(Path(os.path.abspath(folder)).parts[-3:])  # noqa: PTH100  (a link stays one)


def preferred(among: Sequence[Run]) -> Run | None:
    """Return the one of some runs that was preferred last, None if none is, or can be used."""
    places = {place_of_folder(run.folder): run for run in among if not _is_lost(run)}
    return next((places[one.run] for one in preferences() if one.run in places), None)


def prefer(run: Run) -> None:
    """Let the model of a run mean this run, in place of another one on its dataset.

    Parameters
    ----------
    run : Run
        A run of the workspace.

    Raises
    ------
    UsageError
        If it cannot be preferred, or this cannot be stored.
    """
    if run.lack:
        raise UsageError(run.lack)
    check_own(run.folder, "commands take its folder")
    record = run.record
    chosen = Preference(
        run=place_of_folder(run.folder), model=record.model.name, dataset=record.dataset.title
    )
    with choosing():
        _store([*(one for one in _in_order() if _about(one) != _about(chosen)), chosen])


def forget(those: Iterable[Preference]) -> None:
    """Remove preferences of the workspace; raises `UsageError` if this cannot be stored."""
    gone = list(those)
    with choosing():
        _store([one for one in _in_order() if one not in gone])


def why_not(one: Preference) -> str:
    """Return why a preferred run is not the one that is used, as the end of a sentence.

    Parameters
    ----------
    one : Preference
        A preference of the workspace.
    """
    for item in runs(one.id):
        if isinstance(item, RunError):
            if item.folder and place_of_folder(item.folder) == one.run:
                return "is damaged"
        elif place_of_folder(item.folder) == one.run:
            if not item.complete:
                return f"is not complete ({item.state})"
            return f"has lost its {ARTEFACT}" if _is_lost(item) else "cannot be used here"
    return "no longer exists"


def _is_lost(run: Run) -> bool:
    """Whether the ONNX file of a run is gone."""
    return run.has_artefact and not is_file(run.artefact_path)


def _in_order() -> list[Preference]:
    return preferences()[::-1]


def _about(one: Preference) -> tuple[str, str]:
    return one.model, one.dataset


def _store(those: Sequence[Preference]) -> None:
    path = models_folder() / _FILE
    plain = _Preferences(preferred=list(those)).to_dict()
    try:
        write_text(path, json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise UsageError(unwritable(path, error)) from error
