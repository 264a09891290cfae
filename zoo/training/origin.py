"""What the user takes from an earlier run, as ``--from`` and ``--keep-classes`` say."""

from dataclasses import dataclass
from functools import partial

from zoo.datasets import Dataset
from zoo.execution.progress import Reporter
from zoo.plugins.from_run import frontend_of_run, named_run, with_tracks_of
from zoo.plugins.registry import recorded_dataset
from zoo_registry.errors import UsageError
from zoo_registry.plugins import Registry
from zoo_registry.runs import Run

__all__ = ["Origin"]


@dataclass(frozen=True)
class Origin:
    """An earlier run, or none, and what is taken from it.

    Attributes
    ----------
    run : Run or None
        The run whose front end is taken.
    keep_classes : bool
        Whether its tracks are added, too.
    """

    run: Run | None
    keep_classes: bool

    @classmethod
    def checked(
        cls, run: str | Run | None, keep_classes: bool, frontend: object, data: str | Dataset
    ) -> "Origin":
        """Return what the user means; raise `UsageError` if it contradicts itself.

        Parameters
        ----------
        run, keep_classes, frontend, data : str or Run, bool, object, str or Dataset
            What the user gave as ``--from``, ``--keep-classes``, ``--front-end`` and ``--data``.
        """
        if run and frontend:
            raise UsageError(
                "--from takes the front end of the run, and --front-end another one; give one of "
                "them"
            )
        if keep_classes and not run:
            raise UsageError(
                "--keep-classes keeps those of a run; name it, as in --from gtzan --keep-classes"
            )
        if isinstance(run, str):
            source = data if isinstance(data, str) else data.source
            run = named_run(run, source if keep_classes else None)
        return cls(run, keep_classes)

    def frontend(self, registry: Registry) -> str | None:
        """Return the value of ``--front-end`` for the front end of the run; None without."""
        return frontend_of_run(self.run, registry) if self.run else None

    def extended(self, dataset: Dataset, registry: Registry, reporter: Reporter) -> Dataset:
        """Return the dataset, with the tracks of the run if its classes are kept.

        Parameters
        ----------
        dataset : Dataset
            The dataset of the user.
        registry : Registry
            Registry with the extensions, which may offer the dataset of the run.
        reporter : Reporter
            Receiver of a note on tracks that both have, under other labels.
        """
        if self.run is None or not self.keep_classes:
            return dataset
        found = with_tracks_of(self.run, dataset, partial(recorded_dataset, registry=registry))
        if found.said:
            reporter.note(found.said)
        return found
