"""What the user takes from an earlier run, as ``--from`` and ``--keep-classes`` say."""

from dataclasses import dataclass
from functools import partial

from zoo.datasets import Dataset
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
    def checked(cls, run: str | Run | None, keep_classes: bool, frontend: object) -> "Origin":
        """Return what the user means; raise `UsageError` if it contradicts itself.

        Parameters
        ----------
        run, keep_classes, frontend : str or Run, bool, object
            What the user gave as ``--from``, ``--keep-classes`` and ``--front-end``.
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
        return cls(named_run(run) if isinstance(run, str) else run, keep_classes)

    def frontend(self, registry: Registry) -> str | None:
        """Return the value of ``--front-end`` for the front end of the run; None without."""
        return frontend_of_run(self.run, registry) if self.run else None

    def extended(self, dataset: Dataset, registry: Registry) -> Dataset:
        """Return the dataset, with the tracks of the run if its classes are kept."""
        if self.run is None or not self.keep_classes:
            return dataset
        return with_tracks_of(self.run, dataset, partial(recorded_dataset, registry=registry))
