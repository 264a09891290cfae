"""Files of the folds of a run, which are kept until all folds are done."""

import hashlib
import io
import shutil

import numpy as np

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
    windows = io.BytesIO()
    np.save(windows, answers.windows)
    contents = {
        run.fold_path(name): answers.predictions.to_csv().encode(),
        run.windows_path(name): windows.getvalue(),
    }
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


def read_fold(run: Run, entry: FoldRecord, changed: bool) -> FoldAnswers:
    """Return the answers of a fold that was trained earlier.

    Parameters
    ----------
    run : Run
        The run of the fold.
    entry : FoldRecord
        What the record has of the fold.
    changed : bool
        Whether its model was asked about changed tracks.

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
    if entry.windows is None:
        raise RunError(f"{path} is missing, because an earlier version stored the fold")
    if run.sha256(path) != entry.windows:
        raise RunError(f"{path} is not the file that the run wrote")
    try:
        windows = np.load(io.BytesIO(run.content(path)), allow_pickle=False)
        answers = FoldAnswers(own, asked, windows)
        if not answers.are_whole:
            raise ValueError("its numbers are not those of the votes")
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged: {first_line(error)}") from error
    return answers


def clear(run: Run) -> None:
    """Remove the files that only an unfinished run needs, unless its fits to fewer tracks do."""
    info = run.record.sizes
    done = {one.size for one in info.folds if one.betas} if info else set()
    if info and any(one.size not in done for one in info.sizes):
        return
    shutil.rmtree(run.fold_path(0).parent, ignore_errors=True)
