"""Train and predict hooks for scikit-learn classifiers."""

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from zoo.audio.frontends import Handcrafted
from zoo_registry.class_weight import ClassWeight
from zoo_registry.errors import PluginError, UsageError
from zoo_registry.hooks import hookimpl
from zoo_registry.kept import stdout_kept

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo_registry.model import Model

    Arrays: TypeAlias = Sequence[NDArray[np.float32]]
    Labels: TypeAlias = NDArray[np.int64]

__all__ = ["MANY", "check_estimator", "classical", "components_of"]

MANY = 200  # columns; the front ends that are no encoders have fewer
_COMPONENTS = 64  # that more columns become
_ARGUMENTS = ("params", "seed", "inner_folds")
_NO_WEIGHTS = "{} takes no sample_weight; leave out class_weight=balanced"


def classical(
    make: Callable[..., Any], components: bool = False
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the `train` and `predict` hooks of a scikit-learn classifier, for its plugin.

    The classifier is fitted on the windows of all training tracks, each with the label of its
    track. It gets standardised columns, limited to five standard deviations. Fitting uses all cores
    wherever the estimator leaves `n_jobs` unset, predicting one. A card whose parameters have
    `CLASS_WEIGHT` lets the user weight the windows, so that every class counts alike.

    Parameters
    ----------
    make : callable
        Returns an unfitted classifier that has `predict_proba` or `decision_function`. It takes
        the arguments that it wants, by name: `params`, the parameters of the card; `seed`, an int;
        `inner_folds`, pairs of int64 arrays with the training and test windows of a further split
        of the training tracks. Warning filters that it sets end with the fit.
    components : bool, default: False
        Whether more than 200 columns, which only encoders have, become their 64 principal
        components, of the variance of 20 columns in sum. What measures distances or adds columns
        up is as good on them, and faster and smaller; trees are worse.

    Raises
    ------
    PluginError
        If `make` is no function, or takes another argument.

    Examples
    --------
    A whole plugin, in a file that ``zoo train ./neighbours.py`` takes:

    >>> from zoo import Card, Handcrafted, classical
    >>> card = Card(name="neighbours", title="Nearest neighbours", family="classical",
    ...             frontend=Handcrafted(), params={"neighbours": 5})
    >>> def make(params):
    ...     from sklearn.neighbors import KNeighborsClassifier
    ...     return KNeighborsClassifier(params["neighbours"])
    >>> train, predict = classical(make)

    The zoo calls the two hooks, here with four tracks of two windows and one feature:

    >>> import numpy as np
    >>> tracks = [np.float32([[level], [level + 0.1]]) for level in (0, 1, 5, 6)]
    >>> model = train(tracks, np.array([0, 0, 1, 1]), ["low", "high"], np.arange(4),
    ...               {"neighbours": 3}, seed=0)
    >>> predict(model, [np.float32([[0.5], [5.5]])])[0].argmax(axis=1).tolist()
    [0, 1]
    """
    if not callable(make):
        raise PluginError(
            f"`classical` was given a value of type {type(make).__name__}; give a function that "
            "returns an unfitted classifier, such as `lambda: SVC()`"
        )
    wanted = tuple(inspect.signature(make).parameters)
    if unknown := set(wanted) - set(_ARGUMENTS):
        raise PluginError(
            f"the function given to `classical` takes {', '.join(sorted(unknown))}; it can take "
            f"{', '.join(_ARGUMENTS)}"
        )

    @hookimpl
    def train(
        tracks: "Arrays",
        labels: "Labels",
        classes: Sequence[str],
        groups: "Labels",
        params: Mapping[str, Any],
        seed: int,
        sample_weight: "NDArray[np.float64] | None" = None,
    ) -> Any:
        """Fit a new estimator on the windows of all tracks."""
        import joblib
        import numpy as np

        from zoo.plugins.bounded import BoundedClassifier

        # The zoo takes CLASS_WEIGHT out; who calls this hook with the card's defaults does not.
        own = {name: value for name, value in params.items() if value is not ClassWeight.NONE}
        given: dict[str, Any] = {"params": own, "seed": seed}
        if "inner_folds" in wanted:
            given["inner_folds"] = _inner_folds(tracks, labels, groups, seed)
        X, owner = _windows(tracks)
        with warnings.catch_warnings(), joblib.parallel_config("threading", n_jobs=-1):
            estimator = BoundedClassifier(
                make(**{name: given[name] for name in wanted}), _COMPONENTS if components else 0
            )
            weights = None if sample_weight is None else sample_weight[owner]
            estimator.fit(X, np.asarray(labels)[owner], weights)
        estimator.n_classes_in_dataset_ = len(classes)
        return estimator

    vars(train)["estimator"] = lambda given: make(**{name: given[name] for name in wanted})
    vars(train)["components"] = components
    return train, _predict


def components_of(model: "Model", columns: int | None) -> int | None:
    """Return the number of components that a model makes of many columns.

    Parameters
    ----------
    model : Model
        Any model.
    columns : int or None
        Number of columns of a table, None if the model has its front end.

    Returns
    -------
    int or None
        None if there are few columns, or the model takes them as they are.
    """
    if not getattr(getattr(model.module, "train", None), "components", False):
        return None
    is_few = isinstance(model.card.frontend, Handcrafted) if columns is None else columns <= MANY
    return None if is_few else _COMPONENTS


def check_estimator(model: "Model", params: Mapping[str, Any]) -> None:
    """Refuse a plugin of `classical` whose classifier gives neither probabilities nor scores.

    Any plugin that cannot be fitted with weights is refused if the parameters ask for them.

    Parameters
    ----------
    model : Model
        Any model.
    params : mapping
        All its parameters.

    Raises
    ------
    PluginError
        If a run of it would fail in its first fold for this reason.
    UsageError
        If it takes no weights, and `params` ask for them.
    """
    own, is_balanced = model.card.split(params)
    if is_balanced and not model.takes_weights:
        raise UsageError(_NO_WEIGHTS.format(f"the `train` hook of {model.card.name}"))
    make = getattr(getattr(model.module, "train", None), "estimator", None)
    if make is None:
        return
    import numpy as np

    estimator, is_fitted = None, False
    # Whatever else is wrong is found, and told, when a fold is fitted.
    with stdout_kept(), suppress(Exception, SystemExit), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = np.random.default_rng(0).normal(size=(20, 2))
        labels, every = np.arange(20) % 2, np.arange(20)
        estimator = make({"params": own, "seed": 0, "inner_folds": [(every, every)]})
        if not _scores(estimator):
            estimator.fit(rows, labels)  # some have the methods of what they fit
            is_fitted = True
    if estimator is not None and is_balanced:
        from zoo.plugins.weighted import takes_weights

        if not takes_weights(estimator):
            kind = f"the classifier of {model.card.name}, a {type(estimator).__name__},"
            raise UsageError(_NO_WEIGHTS.format(kind))
    if is_fitted and not _scores(estimator):
        raise PluginError(
            f"the classifier of {model.card.name}, a {type(estimator).__name__}, has neither "
            "predict_proba nor decision_function, and the zoo needs one of them; choose another "
            "classifier, or other parameters of it"
        )


def _scores(estimator: Any) -> bool:
    return hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")


@hookimpl
def _predict(model: Any, tracks: "Arrays") -> "list[NDArray[np.float64]]":
    """Return probabilities per track; a class without a training track gets zero."""
    import numpy as np

    rows, _ = _windows(tracks)
    probabilities = np.zeros((len(rows), model.n_classes_in_dataset_))
    probabilities[:, model.classes_] = model.predict_proba(rows)
    return np.split(probabilities, np.cumsum([len(track) for track in tracks])[:-1])


def _windows(tracks: "Arrays") -> "tuple[NDArray[np.float32], NDArray[np.int64]]":
    """Return the windows of all tracks as rows, and the position of the track of each."""
    import numpy as np

    rows = np.concatenate([np.asarray(track, dtype=np.float32) for track in tracks])
    return rows, np.repeat(np.arange(len(tracks)), [len(track) for track in tracks])


def _inner_folds(
    tracks: "Arrays", labels: "Labels", groups: "Labels", seed: int
) -> "list[tuple[Labels, Labels]]":
    """Return training and test windows of a split of the training tracks.

    Groups stay together if every class has at least two of them, otherwise tracks do. If a
    class has only one track, all windows are used for both parts.
    """
    import numpy as np
    from sklearn.model_selection import StratifiedGroupKFold

    _, owner = _windows(tracks)
    for together in (groups, np.arange(len(tracks))):
        fewest = min(len(set(together[labels == label])) for label in np.unique(labels))
        if fewest >= 2:  # noqa: PLR2004
            splitter = StratifiedGroupKFold(min(5, fewest), shuffle=True, random_state=seed)
            return list(splitter.split(owner, labels[owner], together[owner]))
    everything = np.arange(len(owner))
    return [(everything, everything)]
