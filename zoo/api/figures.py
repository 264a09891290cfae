"""Figures of a run as people read them: metrics with intervals, and the confusion matrix."""

from collections.abc import Sequence
from difflib import get_close_matches
from html import escape
from typing import TYPE_CHECKING, Any

from zoo_registry.frames import data_frame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray
    from pandas import DataFrame

    from zoo_registry.predictions import Predictions
    from zoo_registry.record import RunRecord

__all__ = ["Confusion", "Estimate", "Metrics", "metrics_of"]

_DARK = 0.65  # share of a row from which letters are light


class Estimate(float):
    """A number with its 95 % interval.

    Attributes
    ----------
    low, high : float
        Ends of the interval; NaN if there is none.
    """

    low: float
    high: float

    def __new__(
        cls, value: float, low: float = float("nan"), high: float = float("nan")
    ) -> "Estimate":
        """Return a number with an interval."""
        found = super().__new__(cls, value)
        found.low, found.high = low, high
        return found

    def __getnewargs__(self) -> tuple[float, float, float]:  # type: ignore[override]
        return float(self), self.low, self.high

    def __repr__(self) -> str:
        """Return number and interval with three digits."""
        return f"{float(self):.3f} ({self.low:.3f} to {self.high:.3f})"


class Metrics(dict[str, Estimate]):
    """Metrics of a run by their keys, such as "macro_f1"; NaN where one is not defined."""

    def __missing__(self, name: str) -> Estimate:
        asked = str(name).lower().replace("-", "_")
        alike = [own for own in self if asked in own] or get_close_matches(asked, self, 1)
        meant = f" (did you mean {alike[0]!r}?)" if alike else ""
        raise KeyError(f"there is no metric {name!r}{meant}; they are {', '.join(self)}")

    def __repr__(self) -> str:
        """Return one line per metric."""
        return "\n".join(f"{name:<18}{value!r}" for name, value in self.items())

    def _repr_html_(self) -> str:
        from zoo.evaluate.board import TITLES, metric_key

        titles = {metric_key(name): title for name, title in TITLES.items()}
        rows = "".join(
            f"<tr><td>{titles[name]}</td><td>{float(value):.3f}</td>"
            f"<td>{value.low:.3f} to {value.high:.3f}</td></tr>"
            for name, value in self.items()
        )
        return f"<table><tr><th>metric</th><th></th><th>95 % interval</th></tr>{rows}</table>"

    def to_frame(self) -> "DataFrame":
        """Return a data frame with one row per metric; it needs pandas."""
        rows = (
            {"metric": name, "value": float(value), "low": value.low, "high": value.high}
            for name, value in self.items()
        )
        return data_frame(rows, index="metric")


def metrics_of(predictions: "Predictions", record: "RunRecord") -> Metrics:
    """Return all metrics of a run.

    Parameters
    ----------
    predictions : Predictions
        Its out-of-fold predictions.
    record : RunRecord
        Its record.
    """
    from zoo.evaluate.metrics import METRICS
    from zoo.evaluate.significance import Entries

    sizes = [fold.train_tracks for fold in record.folds if fold.is_trained]
    entries = Entries([[predictions.scored]], sum(sizes) / max(1, len(sizes)))
    (scores,) = entries.scores()
    undefined = (float("nan"),)
    return Metrics(
        (metric.key, Estimate(*scores.get(metric.key, undefined))) for metric in METRICS.values()
    )


class Confusion:
    """Confusion matrix: how often tracks of a class got each answer.

    Parameters
    ----------
    labels : tuple of str
        Names of the rows, which are the classes.
    answers : tuple of str
        Names of the columns: the classes, and "_other" if the model was trained against tracks of
        none of them.
    counts : int64 array, shape (labels, answers)
        Numbers of tested tracks; each test of a repeated split counts. `numpy.asarray` gives them,
        too.
    """

    def __init__(
        self, labels: Sequence[str], answers: Sequence[str], counts: "NDArray[np.int64]"
    ) -> None:
        self.labels = tuple(labels)
        self.answers = tuple(answers)
        self.counts = counts

    def __array__(self, dtype: "DTypeLike | None" = None, copy: bool | None = None) -> Any:
        import numpy as np

        return np.array(self.counts, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        """Return the matrix as a table."""
        from zoo.cli.output import as_text, columns, make_table
        from zoo.cli.wrapping import width

        # Full names unless the terminal is too narrow for them.
        left = width() - max(map(len, self.labels), default=0)
        room = max(4, left // max(1, len(self.answers)) - 2)
        headings = [
            *columns("", no_wrap=True),
            *columns(*(_cut(n, room) for n in self.answers), justify="right", no_wrap=True),
        ]
        rows = (
            (label, *(count or "." for count in row))
            for label, row in zip(self.labels, self.counts.tolist(), strict=True)
        )
        return as_text([make_table(headings, rows, "rows are labels, columns are answers")])

    def _repr_html_(self) -> str:
        most = self.counts.sum(axis=1, keepdims=True).clip(1)
        shares = (self.counts / most).tolist()
        head = "".join(f"<th>{escape(name)}</th>" for name in self.answers)
        body = "".join(
            f"<tr><th>{escape(label)}</th>"
            + "".join(_html_cell(*pair) for pair in zip(counts, own, strict=True))
            + "</tr>"
            for label, counts, own in zip(self.labels, self.counts.tolist(), shares, strict=True)
        )
        return (
            f"<table><caption>rows are labels, columns are answers</caption>"
            f"<tr><th></th>{head}</tr>{body}</table>"
        )

    def to_frame(self) -> "DataFrame":
        """Return a data frame with labels as rows and answers as columns; it needs pandas."""
        columns = dict(zip(self.answers, self.counts.T, strict=True))
        return data_frame(columns, index=self.labels)


def _cut(name: str, room: int) -> str:
    return name if len(name) <= room else name[: room - 1] + "…"


def _html_cell(count: int, share: float) -> str:
    # Letters of light cells keep the colour of the page, which may be dark.
    ground = f"background:rgba(57,92,180,{share:.2f});" if share else ""
    ink = "color:#fff;" if share >= _DARK else ""
    return f'<td style="text-align:right;{ground}{ink}">{count or "·"}</td>'
