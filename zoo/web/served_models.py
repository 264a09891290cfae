"""The models that are served: complete runs whose artefact takes audio, own and published ones."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeGuard

from zoo.artefacts.artefact import Artefact
from zoo.artefacts.shared_session import SharedFrontEnds
from zoo.artefacts.stated import stated_accuracy
from zoo.inference.predictors import open_model
from zoo.web.refusals import Refused
from zoo.workspace import (
    find_run,
    place_of_folder,
    preferences,
    recency,
    recency_of,
    runs,
)
from zoo_registry.errors import LimitError, RunError, UsageError, ZooError
from zoo_registry.published import is_published, published
from zoo_registry.runs import RECORD, Run
from zoo_registry.text import first_line

__all__ = ["HIDDEN", "ServedModel", "ServedModels"]

HIDDEN = ("source", "sha256", "datasets", "apart_from_seed", "seed")
"""Attributes of a `ServedModel` that are not shown to clients."""

_LOG = logging.getLogger(__name__)
_OPEN = 8  # models that stay in memory


@dataclass(frozen=True)
class ServedModel:
    """A model that is served.

    Attributes
    ----------
    run : str
        Id of its run; for an ONNX file without a run the id in its metadata.
    model : str
        Name of the model.
    title : str
        Title of the model.
    dataset : str
        Name of the dataset that it was trained on.
    classes : tuple of str
        Labels that it can give.
    finished : str or None
        End of its training, ISO 8601, UTC.
    source, sha256 : str
        The run's folder, or the file, and the hash that its run recorded; not shown to clients.
    newest : bool
        Whether it is the run that the name of its model means, the preferred or the newest.
    published : bool
        Whether it comes with the zoo; then `model` is its name, as `run` is, and its title begins
        with that.
    datasets : tuple of str
        What the dataset is called behind an ``@``; not shown to clients.
    name : str
        The name that the user gave the run, or an empty text.
    dataset_title : str
        Title of the dataset.
    frontend : str
        Name of the front end; empty for an ONNX file without a run.
    accuracy : float or None
        Accuracy of the vote on tracks that the model was not trained on, from 0 to 1, as its model
        card states it; None if it is not known.
    ci_low : float or None
        Lower end of its 95 % interval.
    ci_high : float or None
        Upper end of the interval.
    tracks : int or None
        Number of these tracks.
    apart_from_seed, seed : str, int
        Hash of all else that decides about its run, and the seed; not shown to clients.
    """

    run: str
    model: str
    title: str
    dataset: str
    classes: tuple[str, ...]
    finished: str | None
    source: str
    sha256: str = ""
    newest: bool = False
    published: bool = False
    datasets: tuple[str, ...] = ()
    name: str = ""
    dataset_title: str = ""
    frontend: str = ""
    accuracy: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    tracks: int | None = None
    apart_from_seed: str = ""
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, without the place of the file."""
        return {name: value for name, value in asdict(self).items() if name not in HIDDEN}


class ServedModels:
    """The models of a server.

    The workspace is read again for every request, so that a run is served once it is trained.

    Parameters
    ----------
    wanted : sequence of str
        Names or files as for `zoo.inference.predict.predict`; if empty, the whole workspace and the
        published runs.

    Raises
    ------
    UsageError, ArtefactError, PluginError
        If one of them cannot be served.
    """

    def __init__(self, wanted: Sequence[str] = ()) -> None:
        shared = SharedFrontEnds()
        self._open = lru_cache(maxsize=_OPEN)(partial(_open, shared))
        self._refused: dict[tuple[str, str], str] = {}
        self._wanted: list[str | ServedModel] = []
        first: dict[str, tuple[str, bool]] = {}
        for name in dict.fromkeys(wanted):
            model = self._open(name)
            has_run = (model.path.parent / RECORD).is_file()
            other, is_run = first.setdefault(model.name, (name, has_run))
            if other != name and not (is_run and has_run):
                raise UsageError(f"{other} and {name} both have the run {model.name}; name one")
            # A name may mean a newer run later; a file without a run stays the same.
            self._wanted.append(name if has_run else _from_file(model))

    def all(self) -> list[ServedModel]:
        """Return the models that are served now: the newest first, behind them published runs.

        Preferred runs come before all others.
        """
        if self._wanted:
            found = list(self._chosen())
        else:
            usable = sorted(filter(_usable, runs()), key=recency_of, reverse=True)
            found = [*chain.from_iterable(map(_served, [*filter(_usable, published()), *usable]))]
        # A published run comes before whatever else has its name.
        by_run = {model.run: model for model in sorted(found, key=lambda model: model.published)}
        own = _in_order([model for model in by_run.values() if not model.published])
        newest = {model.model: model.run for model in reversed(own)}
        return [
            *(replace(model, newest=newest[model.model] == model.run) for model in own),
            *(model for model in by_run.values() if model.published),
        ]

    def find(self, wanted: str | None) -> ServedModel:
        """Return the model of a name, which means the same as for ``zoo predict``.

        Parameters
        ----------
        wanted : str or None
            Name of a published run, id of a run, or name of a model, which means its newest run,
            each perhaps with ``@`` and a dataset behind it; None means the newest run of the
            workspace, or else the best published one.

        Raises
        ------
        Refused
            503 if none is served yet, 404 if this one is not.
        """
        served = self.all()
        if not served:
            raise Refused(503, self.none_yet())
        if wanted is None:
            return served[0]
        name, _, dataset = wanted.partition("@")
        if found := [m for m in served if name and name in (m.run, m.model, m.name)]:
            found.sort(key=lambda model: not model.published)
            for model in found:
                if not dataset or dataset.casefold() in model.datasets:
                    return model
            datasets = ", ".join(sorted({model.dataset for model in found}))
            raise Refused(404, f"no run of {name} on that dataset is served; there are: {datasets}")
        if waiting := [run for run in self._waiting() if wanted in (run.id, run.record.model.name)]:
            raise Refused(503, _lack(waiting))
        own = sorted({model.model for model in served if not model.published})
        names = ", ".join([*own, *(model.run for model in served if model.published)])
        raise Refused(404, f"no model or run {wanted[:80]!r} is served here; there are: {names}")

    def open(self, model: ServedModel) -> Artefact:
        """Return a model ready to predict; eight models stay in memory."""
        key = model.source, model.sha256
        if key in self._refused:  # it would take a minute of each request
            raise LimitError(self._refused[key])
        try:
            return self._open(*key)
        except LimitError as error:
            self._refused[key] = str(error)
            raise

    def none_yet(self) -> str:
        """Return the sentence for a workspace without a model that can be served."""
        return _lack(self._waiting()) or (
            "no model that takes sound has been trained in the workspace of this server yet; type "
            "`zoo train svm --data FOLDER` there, and it will be served as soon as it is ready"
        )

    def _waiting(self) -> list[Run]:
        """Return the runs that would be served if they had an artefact."""
        found = [run for run in runs() if isinstance(run, Run)] if not self._wanted else []
        return [run for run in found if run.takes_audio and run.record.status == "no artefact"]

    def _chosen(self) -> Iterator[ServedModel]:
        """Yield the models that the command named, except for runs that were removed since."""
        for wanted in self._wanted:
            if isinstance(wanted, ServedModel):
                yield wanted
                continue
            with suppress(ZooError):
                path = Path(wanted)
                is_artefact = path.is_file() and not wanted.endswith(".py")
                run = Run.read(path.parent) if is_artefact else find_run(wanted, _usable)
                if _usable(run):
                    yield from _served(run)


def _in_order(models: Sequence[ServedModel]) -> list[ServedModel]:
    """Return models of runs: preferred ones, then the newest; a name means the first that has it.

    Of runs that differ only in the seed, that with the smallest takes the place of the newest.
    """
    wished = [one.run for one in reversed(preferences())]
    places = {model.run: place_of_folder(Path(model.source)) for model in models}
    ranks = {run: wished.index(at) if at in wished else -1 for run, at in places.items()}
    when = {model.run: (ranks[model.run], recency(model.finished)) for model in models}
    first: dict[tuple[int, str], str] = {}
    for model in sorted(models, key=lambda model: model.seed):
        same = first.setdefault((ranks[model.run], model.apart_from_seed or model.run), model.run)
        when[same] = max(when[same], when[model.run])
    heads = {*first.values()}
    return sorted(models, key=lambda m: (when[m.run], m.run in heads), reverse=True)


def _open(shared: SharedFrontEnds, source: str, sha256: str = "") -> Artefact:
    del sha256  # part of the cache's key: a run that was trained again is opened again
    model = open_model(source, plugins=False, shared=shared)
    assert isinstance(model, Artefact)
    return model


def _lack(waiting: Sequence[Run]) -> str:
    """Return a sentence on runs that cannot be served yet; empty without any."""
    if not waiting:
        return ""
    # The command itself names places, which concern no client.
    verb = "has" if len(waiting) == 1 else "have"
    return (
        f"{', '.join(run.id for run in waiting)} {verb} no artefact yet; the command that trained "
        "a run makes it, and it will be served as soon as it is ready"
    )


def _usable(run: Run | RunError) -> TypeGuard[Run]:
    return isinstance(run, Run) and run.complete and run.has_artefact and run.takes_audio


def _served(run: Run) -> Iterator[ServedModel]:
    """Yield the model of a run, unless it cannot be described in JSON, which the log reports."""
    try:
        model = _from_run(run)
        json.dumps(model.to_json(), ensure_ascii=False).encode()  # also lone surrogates
    except (ZooError, OSError, ValueError) as error:
        _report(run.folder, first_line(error))
    else:
        yield model


@lru_cache(maxsize=1024)
def _report(folder: Path, reason: str) -> None:
    """Report once that a run is not served."""
    _LOG.warning("zoo: %s is not served: %s", folder, reason)


def _from_run(run: Run) -> ServedModel:
    record, is_ours = run.record, is_published(run)
    stated = stated_accuracy(run)
    return ServedModel(
        run=run.id,
        model=run.id if is_ours else record.model.name,
        title=f"{run.id}: {record.title}" if is_ours else record.title,
        dataset=record.dataset.name,
        classes=tuple(record.dataset.classes),
        finished=record.finished,
        source=str(run.folder),
        sha256=record.artefact.sha256 or "",
        newest=is_ours,
        published=is_ours,
        datasets=(record.dataset.name.casefold(), record.dataset.title.casefold()),
        name=run.about.name,
        dataset_title=record.dataset.title,
        frontend=str(record.frontend["name"]),
        apart_from_seed=record.apart_from_seed,
        seed=record.seed,
        **(stated._asdict() if stated else {}),
    )


def _from_file(opened: Artefact) -> ServedModel:
    """Return an ONNX file without a run, as its metadata names it."""
    metadata = opened.metadata
    model, dataset = metadata.model, metadata.dataset
    return ServedModel(
        run=opened.name,
        model=model.name if model else opened.name,
        title=model.title if model else opened.name,
        dataset=dataset.name if dataset else "",
        classes=opened.classes,
        finished=None,
        source=str(opened.path),
    )
