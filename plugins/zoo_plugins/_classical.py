"""What the classical models share: rows of windows in, probabilities out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo_registry import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["fit", "inner_folds", "predict"]


def fit(
    estimator: Any,
    tracks: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int64],
    classes: Sequence[str],
) -> Any:
    """Fit a scikit-learn classifier on the windows of all tracks.

    Parameters
    ----------
    estimator : scikit-learn classifier
    tracks : sequence of float32 arrays, each of shape (windows, features)
    labels : int64 array, shape (tracks,)
    classes : sequence of str
        All classes, some of which may have no track here.

    Returns
    -------
    scikit-learn classifier
        Fitted; it also remembers how many classes there are in all.
    """
    import numpy as np

    X = np.concatenate([np.asarray(track, dtype=np.float32) for track in tracks])
    y = np.repeat(labels, [len(track) for track in tracks])
    estimator.fit(X, y)
    estimator.n_classes_in_dataset_ = len(classes)
    return estimator


def inner_folds(
    tracks: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    seed: int,
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Split the windows of the training tracks further, for calibration.

    Groups stay together if every class has at least two of them, otherwise
    tracks do; if a class has one track only, all windows serve for both parts.

    Returns
    -------
    list of (int64 array, int64 array)
        Indices of training and of test windows.
    """
    import numpy as np
    from sklearn.model_selection import StratifiedGroupKFold

    owner = np.repeat(np.arange(len(tracks)), [len(track) for track in tracks])
    for together in (groups, np.arange(len(tracks))):
        fewest = min(len(set(together[labels == label])) for label in np.unique(labels))
        if fewest >= 2:  # noqa: PLR2004
            splitter = StratifiedGroupKFold(min(5, fewest), shuffle=True, random_state=seed)
            return list(splitter.split(owner, labels[owner], together[owner]))
    everything = np.arange(len(owner))
    return [(everything, everything)]


@hookimpl
def predict(model: Any, tracks: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float64]]:
    """Return probabilities, one array a track, each of shape (windows, classes).

    A class without a training track gets probability zero.
    """
    import numpy as np

    rows = np.concatenate([np.asarray(track, dtype=np.float32) for track in tracks])
    known = model.predict_proba(rows)
    full = np.zeros((len(rows), model.n_classes_in_dataset_))
    full[:, model.classes_] = known
    return np.split(full, np.cumsum([len(track) for track in tracks])[:-1])
