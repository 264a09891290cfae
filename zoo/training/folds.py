"""Files of the folds of a run, which are kept until all folds are done."""

import hashlib
import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.calibration import FoldAnswers
from zoo_registry.errors import RunError
from zoo_registry.files import atomic_path
from zoo_registry.record import FoldRecord
from zoo_registry.runs import Run
from zoo_registry.text import first_line

__all__ = ["clear", "read_fold", "write_fold"]


def write_fold(run: Run, entry: FoldRecord, answers: FoldAnswers) -> None:
    """Write the answers of a fold, and their hashes into its entry of the record.

    Parameters
    ----------
    run : Run
        The run of the fold.
    entry : FoldRecord
        What the record has of the fold; changed in place.
    answers : FoldAnswers
        What the model of the fold answered.
    """
    name, changed = entry.name, answers.changed
    contents = {
        run.fold_path(name): answers.predictions.to_csv().encode(),
        run.windows_path(name): _npy(answers.windows),
    }
    if answers.importance is not None:
        contents[run.fold_importance_path(name)] = _npy(answers.importance)
    if changed is not None:
        contents[run.changed_fold_path(name)] = changed.to_csv().encode()
    hashes = {}
    for path, content in contents.items():
        with atomic_path(path, durable=False) as temporary:
            temporary.write_bytes(content)
        hashes[path] = hashlib.sha256(content).hexdigest()
    entry.sha256 = hashes[run.fold_path(name)]
    entry.windows = hashes[run.windows_path(name)]
    entry.robustness = hashes.get(run.changed_fold_path(name))
    entry.importance = hashes.get(run.fold_importance_path(name))


def _npy(values: NDArray[np.float32]) -> bytes:
    content = io.BytesIO()
    np.save(content, values)
    return content.getvalue()


def read_fold(run: Run, entry: FoldRecord, changed: bool, families: int = 0) -> FoldAnswers:
    """Return the answers of a fold that was trained earlier.

    Parameters
    ----------
    run : Run
        The run of the fold.
    entry : FoldRecord
        What the record has of the fold.
    changed : bool
        Whether its model was asked about changed tracks.
    families : int
        Number of families of columns whose importance was measured.

    Returns
    -------
    FoldAnswers
        As they were written.

    Raises
    ------
    RunError
        If a file is missing or damaged.
    """
    path = run.fold_path(entry.name)
    own = run.read_predictions(path, entry.sha256)
    if len(own) != entry.test_tracks:  # an earlier version recorded no hash
        raise RunError(f"{path} is cut off")
    asked = None
    if changed:
        asked = run.read_robustness(run.changed_fold_path(entry.name), entry.robustness)
    path = run.windows_path(entry.name)
    answers = FoldAnswers(own, asked, _array(run, path, entry.windows))
    if not answers.are_whole:
        raise RunError(f"{path} is damaged: its numbers are not those of the votes")
    if not families:
        return answers
    path = run.fold_importance_path(entry.name)
    answers = replace(answers, importance=_array(run, path, entry.importance))
    if answers.importance is None or answers.importance.shape != (len(own), families):
        raise RunError(f"{path} is damaged: it is of other tracks or families")
    return answers


def _array(run: Run, path: Path, sha256: str | None) -> NDArray[np.float32]:
    """Return the array of a file, or raise `RunError`."""
    if sha256 is None:
        raise RunError(f"{path} is missing, because an earlier version stored the fold")
    if run.sha256(path) != sha256:
        raise RunError(f"{path} is not the file that the run wrote")
    try:
        found: NDArray[np.float32] = np.load(io.BytesIO(run.content(path)), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged: {first_line(error)}") from error
    return found


def clear(run: Run) -> None:
    """Remove the files that only an unfinished run needs, unless its fits to fewer tracks do."""
    info = run.record.sizes
    done = {one.size for one in info.folds if one.betas} if info else set()
    if info and any(one.size not in done for one in info.sizes):
        return
    shutil.rmtree(run.fold_path(0).parent, ignore_errors=True)
