"""Predictions of many recordings, each computed when it is first read."""

import threading
from collections.abc import Generator, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, overload

from zoo.inference.prediction import Prediction
from zoo_registry.errors import UsageError
from zoo_registry.frames import data_frame

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Answers"]


class Answers(Sequence[Prediction]):
    """Predictions in a sequence, each computed when it is first read, and then kept.

    A loop over them works while it goes. Their number is known before, an index or a slice computes
    what it needs, and `stream` keeps nothing. What `stream` or `close` took away cannot be read any
    more, which raises `UsageError`. Threads may share them.

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
        self._ended = ""  # why no more are computed
        self._lock = threading.RLock()

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
        with self._lock:
            while len(self._kept) <= place < self._count:
                self._check()
                found = self._next()
                if found is None:
                    return False
                self._kept.append(found)
        return place < self._count

    def _next(self) -> Prediction | None:
        """Compute one more; None at the end."""
        with self._lock:
            try:
                return next(self._waiting, None)
            except BaseException:
                self._ended = "ended by an error"
                raise

    def _check(self) -> None:
        """Raise `UsageError` if no more are computed."""
        if self._ended:
            raise UsageError(
                f"the predictions of {self._about} were {self._ended}, and {len(self._kept)} of "
                f"{self._count} are kept; call zoo.predict again for the others"
            )

    def stream(self) -> Iterator[Prediction]:
        """Return an iterator over all, once, that keeps none: for more than fit into memory."""
        with self._lock:
            kept, is_whole = list(self._kept), len(self._kept) == self._count
            if not is_whole:
                self._check()
                self._ended = "streamed"
        return chain(kept, () if is_whole else iter(self._next, None))

    def close(self) -> None:
        """End the work; what was computed stays."""
        with self._lock:
            self._waiting.close()
            self._ended = self._ended or "closed"

    def to_frame(self) -> "DataFrame":
        """Return a data frame with one row per prediction; it needs pandas.

        Its columns are those of `Prediction`, without the timeline, and the probability of each
        class.
        """
        return data_frame(found.row for found in self)
