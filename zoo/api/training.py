"""Training, search of parameters, and ensembles."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.api.arguments import A_RUN, Data, data_of, one_of, one_or_many, placed
from zoo.api.checked import check_values
from zoo.api.progress import usual_reporter
from zoo.api.run import Runs, TrainedRun
from zoo.execution.progress import Reporter
from zoo_registry.card import ParamValue
from zoo_registry.errors import UsageError
from zoo_registry.runs import Run

if TYPE_CHECKING:
    from zoo.evaluate.ensemble import Weighting
    from zoo.execution.engine import Engine
    from zoo.tuning.trials import Tuning
    from zoo_registry.plugins import Registry

__all__ = ["ensemble", "train", "tune"]

_MODEL = (
    'the name of a model, such as "svm", or the path of its file (zoo.classical makes a model of a '
    "scikit-learn estimator)"
)
_FRONT_END = 'the name of a front end, such as "musicnn"'
_RUN = 'the name of a run, such as "gtzan"'
_SEED = "a whole number"


def train(
    model: str | Path | Sequence[str | Path],
    data: Data = "demo",
    *,
    frontend: str | Path | Sequence[str | Path] | None = None,
    from_run: str | Path | Run | None = None,
    keep_classes: bool = False,
    protocol: str | None = None,
    grouped: bool = True,
    params: Mapping[str, str | ParamValue] | None = None,
    tuned: bool = False,
    nested: int = 0,
    tuner: str = "random",
    seed: int | Sequence[int] = 0,
    robustness: int | None = None,
    sizes: int | Sequence[int | str] = (),
    name: str | None = None,
    note: str | None = None,
    jobs: int | None = None,
    engine: "Engine | None" = None,
    reporter: Reporter | None = None,
    registry: "Registry | None" = None,
    root: str | Path | None = None,
) -> TrainedRun | Runs:
    """Train and evaluate models, or return the runs that did so before.

    An unfinished run of the same command is continued after its last stored fold.

    Parameters
    ----------
    model : str or Path, or list of them
        A name that `zoo.models` lists, or the path of a plugin's file.
    data : str, Path or Dataset
        As for `zoo.open_dataset`, or its result.
    frontend : str or Path, or list of them, optional
        Name of a front end that `zoo.front_ends` lists, or the path of its plugin's file, in the
        place of the one of the model's card. Values of its fields may follow, as in
        ``handcrafted:window=10``.
    from_run : str, Path or Run, optional
        A run whose front end is taken, as for `zoo.load`; it may be a published one,
        such as "gtzan". Its plugin need not be installed, if the run has an ONNX file.
    keep_classes : bool
        Whether the model also learns the classes of `from_run`, from the tracks of that run;
        classes of the same name are one. Otherwise it learns those of `data` alone.
    protocol : str, optional
        Way to split, such as "kfold:5"; see `zoo.evaluate.protocols`. By default
        `zoo.evaluate.protocols.chosen_protocol` takes the usual one.
    grouped : bool
        Whether all tracks of a group, such as an artist, are used either for training or for
        testing. False splits by track, which gives scores that are too high.
    params : mapping, optional
        Parameters that differ from the card's defaults.
    tuned : bool
        Whether the best parameters of the newest `zoo.tune` on this dataset are used, beneath
        `params`. The run records which tracks that search has seen.
    nested : int
        Number of trials of a search inside every fold, which sees the training part of the fold
        only; 0 for no search.
    tuner : {"random", "bayesian", "hyperband"}
        Method of the nested search.
    seed : int, or list of int
        Random seed for the split and the model, 0 to 2**32 - 1.
    robustness : int, optional
        Number of test tracks that the model of each fold is also asked about as everyday handling
        changes them, in all; 0 for none. By default 100 where that is cheap; see
        `zoo.evaluate.robustness.default_size`. A run that is complete stays as it is, unless more
        are asked for here than it has, or it was not tested on a change.
    sizes : int, or sequence of int
        Numbers of training tracks per class. The model is also fitted to subsets of the training
        part of each fold with so many tracks, in whole groups, and tested on the whole test part;
        `zoo.size_curve` returns the accuracies. Sizes that the run has already are kept.
    name : str, optional
        Name of the run, which boards show and which can be used in the place of its id. It is no
        part of what identifies the run.
    note : str, optional
        Any text, which is stored beside the run.
    jobs : int, optional
        Number of processes on this machine; all cores by default.
    engine : Engine, optional
        Where the work is done, such as a `zoo.execution.dask_cluster.Cluster`; by default `jobs`
        processes of this machine.
    reporter : Reporter, optional
        Receiver of progress and notes; see `zoo.api.progress.usual_reporter`.
    registry : Registry, optional
        Registry in which the model is looked up; by default all that is installed.
    root : str or Path, optional
        Folder for the run; by default the workspace's models folder.

    Returns
    -------
    TrainedRun or Runs
        One run, or a list of one run per front end, model and seed if any of these is a list. A run
        is complete; or failed, or without an artefact, with the error in the record.

    Raises
    ------
    UsageError
        If model, parameters, dataset or protocol are wrong; of a list, all models and seeds are
        checked before the first is trained.
    PluginError
        If the plugin cannot be loaded.
    EngineError
        If a cluster has no worker left; the same command continues the run.
    StorageError
        If nothing more can be written.

    Examples
    --------
    >>> import zoo
    >>> run = zoo.train("logistic", "demo", protocol="holdout:0.3", params={"C": 0.1})
    >>> run.complete
    True
    >>> runs = zoo.train(["svm", "logistic"], "demo", protocol="holdout:0.3")
    >>> [run.record.model.name for run in runs]
    ['svm', 'logistic']
    """
    from zoo.plugins.registry import find_dataset, open_registry, usable_model
    from zoo.training.train import check_seed
    from zoo.training.train import train as train_one

    check_values(
        keep_classes=keep_classes, protocol=protocol, grouped=grouped, params=params, tuned=tuned,
        nested=nested, tuner=tuner, robustness=robustness, sizes=sizes, name=name, note=note,
        jobs=jobs, engine=engine, reporter=reporter, registry=registry, root=root,
    )  # fmt: skip
    if isinstance(sizes, str):
        fewer: list[int | str] = [*sizes.split(",")]
    else:
        fewer = list(sizes) if isinstance(sizes, Iterable) else [sizes]
    models, is_one_model = one_or_many(model, (str, Path), _MODEL)
    seeds, is_one_seed = one_or_many(seed, (int, Integral), _SEED)
    ends, is_one_end = (
        ([None], True) if frontend is None else one_or_many(frontend, (str, Path), _FRONT_END)
    )
    is_one = is_one_model and is_one_seed and is_one_end
    if name is not None and not is_one:
        raise UsageError("name is the name of one run, and a list trains several; leave it out")
    source = None if from_run is None else one_of(from_run, (str, Path, Run), _RUN)
    wanted = data_of(data)
    reporter, registry = usual_reporter(reporter), registry or open_registry()
    wishes = [
        (None if end is None else str(end), str(each), int(number))
        for end, each, number in product(ends, models, seeds)
    ]
    if not is_one:
        for end, each, number in wishes:  # errors are reported before hours of work
            check_seed(number)
            usable_model(registry, each, end)
        if isinstance(wanted, str) and not keep_classes:  # read once
            wanted = find_dataset(wanted, registry, engine=engine, reporter=reporter)
    runs = [
        train_one(
            each,
            wanted,
            frontend=end,
            from_run=str(source) if isinstance(source, Path) else source,
            keep_classes=keep_classes,
            protocol=protocol,
            grouped=grouped,
            params=params,
            tuned=tuned,
            nested=int(nested),
            tuner=tuner,
            seed=number,
            robustness=None if robustness is None else int(robustness),
            sizes=fewer,
            name=name,
            note=note,
            jobs=jobs,
            engine=engine,
            reporter=reporter,
            registry=registry,
            root=_folder(root),
        )
        for end, each, number in wishes
    ]
    return TrainedRun(runs[0]) if is_one else Runs(runs)


def tune(
    model: str | Path,
    data: Data = "demo",
    *,
    frontend: str | Path | None = None,
    trials: int = 20,
    tuner: str = "random",
    protocol: str | None = None,
    grouped: bool = True,
    seed: int = 0,
    jobs: int | None = None,
    engine: "Engine | None" = None,
    reporter: Reporter | None = None,
    registry: "Registry | None" = None,
    root: str | Path | None = None,
) -> "Tuning":
    """Search parameters on the training part of the first fold of a protocol.

    An interrupted search of the same command is continued; so is one with fewer trials.

    Parameters
    ----------
    model : str or Path
        A name that `zoo.models` lists, or the path of a plugin's file.
    data : str, Path or Dataset
        As for `zoo.open_dataset`, or its result.
    frontend : str or Path, optional
        Front end in the place of the card's, as for `zoo.train`.
    trials : int
        Number of trials in addition to that of the card's defaults.
    tuner : {"random", "bayesian", "hyperband"}
        Method of the search; see `zoo.tuning.keras_tuner_oracle`.
    protocol : str, optional
        Way to split, by default as for `zoo.train`; the search does not see the test tracks of the
        first fold.
    grouped : bool
        Whether all tracks of a group, such as an artist, are used either for training or for
        testing. False splits by track, which gives scores that are too high.
    seed : int
        Random seed of split, search and model.
    jobs : int, optional
        Number of processes on this machine; all cores by default.
    engine : Engine, optional
        Where the work is done; by default in `jobs` processes of this machine.
    reporter : Reporter, optional
        Receiver of progress and notes; see `zoo.api.progress.usual_reporter`.
    registry : Registry, optional
        Registry in which the model is looked up; by default all that is installed.
    root : str or Path, optional
        Folder for the search; by default the workspace's models folder.

    Returns
    -------
    Tuning
        The search with its trials; `to_frame` gives a data frame.

    Raises
    ------
    UsageError
        If model, dataset, protocol or tuner do not fit.
    StorageError
        If nothing more can be written.

    Examples
    --------
    >>> import zoo
    >>> tuning = zoo.tune("decision-tree", "demo", trials=2)
    >>> [trial.number for trial in tuning.trials]
    [0, 1, 2]
    """
    from zoo.training.train import check_seed
    from zoo.tuning.search import tune as search

    if not isinstance(model, str | Path):
        one_or_many(model, (str, Path), _MODEL)
        raise UsageError("a search is of one model; call zoo.tune for each")
    check_values(
        trials=trials, tuner=tuner, protocol=protocol, grouped=grouped, seed=seed, jobs=jobs,
        engine=engine, reporter=reporter, registry=registry, root=root,
    )  # fmt: skip
    check_seed(seed)
    end = None if frontend is None else one_of(frontend, (str, Path), _FRONT_END)
    return search(
        str(model),
        data_of(data),
        frontend=None if end is None else str(end),
        trials=int(trials),
        tuner=tuner,
        protocol=protocol,
        grouped=grouped,
        seed=int(seed),
        jobs=jobs,
        engine=engine,
        reporter=usual_reporter(reporter),
        registry=registry,
        root=_folder(root),
    )


def ensemble(
    runs: Iterable[str | Path | Run],
    weights: "Weighting" = "mean",
    *,
    reporter: Reporter | None = None,
    root: str | Path | None = None,
) -> TrainedRun:
    """Combine complete runs of one board to a run, or return the one that was made before.

    Its answers are the weighted means of the members' answers out of fold; nothing is trained. Its
    ONNX file holds the members, in which a front end that several have is computed once.

    Parameters
    ----------
    runs : list of str, Path or Run
        At least two runs, as for `zoo.load`; published ones may be among them.
    weights : {"mean", "fit"}
        Equal weights; or those of the least log loss, for the tracks of a fold on the answers to
        the tracks of the other folds, for the ONNX file on all.
    reporter : Reporter, optional
        Receiver of notes; see `zoo.api.progress.usual_reporter`.
    root : str or Path, optional
        Folder for the run; by default the workspace's models folder.

    Returns
    -------
    TrainedRun
        Complete; or without an artefact, with the reason in the record.

    Raises
    ------
    UsageError
        If the runs are not complete, not of one board, or not different.
    RunError
        If a file of a member is damaged.
    StorageError
        If nothing more can be written.

    Examples
    --------
    >>> import zoo
    >>> members = zoo.train(["svm", "logistic"], "demo", protocol="holdout:0.3")
    >>> zoo.ensemble(members).complete
    True
    """
    from zoo.training.ensemble import ensemble as combine

    check_values(weights=weights, reporter=reporter, root=root)
    members, is_one = one_or_many(runs, (str, Path, Run), A_RUN)
    if is_one:
        raise UsageError('an ensemble takes a list of at least two runs, such as ["svm", "knn"]')
    plain = [str(each) if isinstance(each, Path) else each for each in members]
    reporter, folder = usual_reporter(reporter), _folder(root)
    return TrainedRun(combine(plain, weights, reporter=reporter, root=folder))


def _folder(root: str | Path | None) -> Path | None:
    return None if root is None else Path(placed(root))
