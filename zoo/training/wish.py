"""Wish for robustness: how many test tracks the models of a run are also asked about, changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zoo.audio.changes import Change
from zoo.datasets import Dataset, FeatureTable
from zoo.evaluate.protocols import Fold
from zoo.evaluate.robustness import Sample, default_size
from zoo.execution.progress import Reporter
from zoo_registry.errors import UsageError
from zoo_registry.model import Model
from zoo_registry.record import RobustnessInfo
from zoo_registry.runs import Run

__all__ = ["Wish"]


@dataclass(frozen=True)
class Wish:
    """Number of tracks that the user gave, and the changes of this installation.

    Attributes
    ----------
    tracks : int or None
        0 for none; None for what is usual.
    changes : mapping
        The changes by name.
    """

    tracks: int | None
    changes: Mapping[str, Change]

    @classmethod
    def checked(cls, tracks: int | None, changes: Mapping[str, Change], dataset: Dataset) -> "Wish":
        """Return a wish, or raise `UsageError` if `dataset` cannot meet it.

        Parameters
        ----------
        tracks : int or None
            As of the attribute.
        changes : mapping
            As of the attribute.
        dataset : Dataset
            The tracks that are trained on.
        """
        if tracks is not None and tracks < 0:
            raise UsageError(f"{tracks} is not a number of tracks; give --robustness 0 or more")
        if tracks and isinstance(dataset, FeatureTable):
            raise UsageError(
                f"{dataset.source} is a table of features, and only recordings can be changed; "
                "leave out --robustness"
            )
        return cls(tracks, changes)

    def reopen(
        self, run: Run, dataset: Dataset, folds: Sequence[Fold], reporter: Reporter
    ) -> "Wish":
        """Let the folds of a run be fitted again if it has fewer tracks, or lacks a change.

        Parameters
        ----------
        run : Run
            A run whose folds are done.
        dataset : Dataset
            Its tracks.
        folds : sequence of Fold
            Its folds.
        reporter : Reporter
            Receiver of a note.

        Returns
        -------
        Wish
            The same for at least as many tracks as the run has.
        """
        known = run.record.robustness or RobustnessInfo(tracks=0, changes={})
        wish = replace(self, tracks=max(self.tracks or 0, known.tracks))
        own = wish._drawn(wish.tracks or 0, dataset, folds).info
        reason = None
        if own.tracks > known.tracks:
            reason = f"it was tested on {known.tracks or 'no'} changed tracks"
        elif new := own.changes.items() - known.changes.items():
            names = [f"version {v} of {n}" if n in known.changes else n for n, v in sorted(new)]
            reason = f"it was not tested on {', '.join(names)}"
        if reason:
            reporter.note(f"the folds of {run.id} are fitted again: {reason}")
            run.record.status, run.record.folds = "running", []
        return wish

    def sample(
        self, run: Run, model: Model, dataset: Dataset, folds: Sequence[Fold]
    ) -> Sample | None:
        """Return the sample of a run; one that has folds already keeps its number of tracks.

        Parameters
        ----------
        run : Run
            The run, which may be a new one.
        model : Model
            Its model.
        dataset : Dataset
            Its tracks.
        folds : sequence of Fold
            Its folds.
        """
        size, known = self.tracks, run.record.robustness
        if size is None and run.record.folds:
            size = known.tracks if known else 0
        elif size is None:
            size = default_size(model, dataset, len(self.changes))
        return self._drawn(size, dataset, folds) if size else None

    def _drawn(self, size: int, dataset: Dataset, folds: Sequence[Fold]) -> Sample:
        return Sample.draw(dataset, folds, size, self.changes)
