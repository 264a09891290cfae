"""The models that are served: complete runs of the workspace whose artefact takes sound."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeGuard

from zoo.artefacts.artefact import Artefact
from zoo.inference.predictors import Predictor, open_model
from zoo.web.errors import Refused
from zoo.workspace import find_run, models_folder, runs
from zoo_registry.errors import RunError, UsageError, ZooError
from zoo_registry.runs import RECORD, Run

__all__ = ["Offer", "Shelf"]

_OPEN = 8  # models that stay in memory


@dataclass(frozen=True)
class Offer:
    """A model that is served.

    Attributes
    ----------
    run : str
        Its run's id; for an ONNX file from elsewhere what the file says of it.
    model, title : str
    dataset : str
        What it was trained on.
    classes : tuple of str
    finished : str or None
        ISO 8601, UTC.
    source : str
        The run's folder, or the file; not told to who asks.
    sha256 : str
        Of the file, as its run recorded it; empty where there is no run.
    newest : bool
        Whether it is the newest run of its model.
    """

    run: str
    model: str
    title: str
    dataset: str
    classes: tuple[str, ...]
    finished: str | None
    source: str
    sha256: str
    newest: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, without where the file lies."""
        plain = asdict(self)
        del plain["source"], plain["sha256"]
        return plain


class Shelf:
    """Looks into the workspace anew whenever it is asked, so that training can go on beside it.

    Parameters
    ----------
    wanted : sequence of str
        Serve these only: each as for `zoo.inference.predict.predict`. All by default.

    Raises
    ------
    UsageError, ArtefactError, PluginError
        As `open_model`, if one of them cannot be served.
    """

    def __init__(self, wanted: Sequence[str] = ()) -> None:
        self._listener = lru_cache(maxsize=_OPEN)(_open)
        self._wanted: list[str | Offer] = []
        for name in dict.fromkeys(wanted):
            listener = open_model(name)
            if not isinstance(listener, Artefact):
                raise UsageError(f"{listener.name} has no ONNX file, so it cannot be served")
            of_run = (listener.path.parent / RECORD).is_file()
            # A name may mean a newer run tomorrow; a file from elsewhere stays what it is.
            self._wanted.append(name if of_run else _elsewhere(listener))

    def offers(self) -> list[Offer]:
        """Return what is served now, the newest first."""
        offers = self._chosen() if self._wanted else map(_offer, filter(_hears, runs()))
        found = {offer.run: offer for offer in offers}
        ordered = sorted(found.values(), key=lambda offer: offer.finished or "", reverse=True)
        newest = {offer.model: offer.run for offer in reversed(ordered)}
        return [replace(offer, newest=newest[offer.model] == offer.run) for offer in ordered]

    def find(self, wanted: str | None) -> Offer:
        """Return the run of this id, the newest one of this model, or the newest of all.

        Raises
        ------
        Refused
            503 if there is none at all, 404 if there is no such one.
        """
        offers = self.offers()
        if not offers:
            raise Refused(503, self.emptiness())
        if wanted is None:
            return offers[0]
        for offer in offers:
            if wanted in (offer.run, offer.model):
                # Sorted by time: the first of a model is its newest.
                return offer
        names = ", ".join(sorted({offer.model for offer in offers}))
        raise Refused(404, f"no model or run {wanted[:80]!r} is served here; there are: {names}")

    def listener(self, offer: Offer) -> Predictor:
        """Open a model, or return it if it is open.

        Raises
        ------
        ArtefactError
            If its file is not the one that was written, or cannot be run.
        """
        return self._listener(offer.source, offer.sha256)

    @staticmethod
    def emptiness() -> str:
        """Return what to say, and to type, as long as no model has been trained."""
        return (
            f"no model that takes sound has been trained in {models_folder().absolute()} yet; "
            "type `zoo train svm --data FOLDER` there, and it will be served as soon as it is ready"
        )

    def _chosen(self) -> Iterator[Offer]:
        """Yield what the command named, without what has been removed since."""
        for wanted in self._wanted:
            if isinstance(wanted, Offer):
                yield wanted
                continue
            with suppress(ZooError):
                path = Path(wanted)
                run = Run.read(path.parent) if path.is_file() else find_run(wanted, _hears)
                if _hears(run):
                    yield _offer(run)


def _open(source: str, sha256: str) -> Predictor:
    del sha256  # tells a run that was trained again from the one that was opened before
    return open_model(source)


def _hears(run: Run | RunError) -> TypeGuard[Run]:
    """Whether a run has an artefact that takes sound."""
    return isinstance(run, Run) and run.complete and run.has_artefact and run.takes_audio


def _offer(run: Run) -> Offer:
    record = run.record
    return Offer(
        run=run.id,
        model=record.model.name,
        title=record.model.title,
        dataset=record.dataset.name,
        classes=tuple(record.dataset.classes),
        finished=record.finished,
        source=str(run.folder),
        sha256=record.artefact.sha256 or "",
    )


def _elsewhere(listener: Artefact) -> Offer:
    metadata = listener.metadata
    model, dataset = metadata.model, metadata.dataset
    return Offer(
        run=listener.name,
        model=model.name if model else listener.name,
        title=model.title if model else listener.name,
        dataset=dataset.name if dataset else "",
        classes=listener.classes,
        finished=None,
        source=str(listener.path),
        sha256="",
    )
