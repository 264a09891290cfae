"""Predictions of many recordings, each computed when it is first read."""

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, overload

from zoo.inference.prediction import Prediction
from zoo_registry.frames import data_frame

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Answers"]


class Answers(Sequence[Prediction]):
    """Predictions in a sequence, each computed when it is first read, and then kept.

    A loop over them works while it goes. Their number is known before, an index or a slice computes
    what it needs, and `stream` keeps nothing.

    Parameters
    ----------
    predictions : generator of Prediction
        The predictions.
    count : int
        Their number.
    about : str
        Number of recordings, and names of the models.
    """

    def __init__(
        self, predictions: Generator[Prediction, None, None], count: int, about: str
    ) -> None:
        self._waiting = predictions
        self._count = count
        self._about = about
        self._kept: list[Prediction] = []

    def __repr__(self) -> str:
        """Return the number of recordings, the models, and how many predictions are there."""
        done = f"{len(self._kept)} of {self._count} computed"
        return f"<predictions of {self._about}: {done}; read them with a loop, or by index>"

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Prediction]:
        place = 0
        while self._has(place):
            yield self._kept[place]
            place += 1

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> list[Prediction]: ...
    def __getitem__(self, index: int | slice) -> Prediction | list[Prediction]:
        places = range(self._count)[index]
        last = places if isinstance(places, int) else max(places, default=-1)
        self._has(last)
        return self._kept[places] if isinstance(places, int) else [self._kept[p] for p in places]

    def _has(self, place: int) -> bool:
        """Compute predictions up to a place; return whether there is one."""
        while len(self._kept) <= place:
            found = next(self._waiting, None)
            if found is None:
                return False
            self._kept.append(found)
        return True

    def stream(self) -> Iterator[Prediction]:
        """Yield the predictions once, without keeping them: for more than fit into memory."""
        yield from self._kept
        yield from self._waiting

    def close(self) -> None:
        """End the work; what was computed stays."""
        self._waiting.close()

    def to_frame(self) -> "DataFrame":
        """Return a data frame with one row per prediction; it needs pandas.

        Its columns are those of `Prediction`, without the timeline, and the probability of each
        class.
        """
        rows = []
        for found in self:
            plain = vars(found).copy()
            for name in ("timeline", "votes", "probabilities"):
                plain.pop(name)
            means = found.probabilities or {}
            rows.append(plain | {f"probability:{name}": mean for name, mean in means.items()})
        return data_frame(rows)
