"""The figures of a board, each with what is said of it to who cannot see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.evaluate.calibration import calibration
from zoo.evaluate.leaderboard import Difference, Row
from zoo.report import figures
from zoo.workspace import file_name
from zoo_registry.runs import Predictions, Run

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["Picture", "curve_pictures", "score_pictures"]


@dataclass(frozen=True)
class Picture:
    """A figure with what is said of it.

    Attributes
    ----------
    name : str
        Of the file, when it is saved.
    svg : Markup
    label : str
        What it shows, for who cannot see it.
    caption : str
    """

    name: str
    svg: "Markup"
    label: str
    caption: str


def _picture(name: str, svg: str, label: str, caption: str) -> Picture:
    from markupsafe import Markup

    return Picture(file_name(name), Markup(svg), label, caption)  # matplotlib escapes


def score_pictures(
    ranked: Sequence[Row],
    names: Mapping[str, str],
    predictions: Mapping[str, Predictions],
    differences: Sequence[Difference],
) -> dict[str, Any]:
    """Draw what the ranked runs of a board score.

    Parameters
    ----------
    ranked : sequence of Row
        The best first.
    names : mapping of str to str
        What to call each run.
    predictions : mapping of str to Predictions
        Of each run.
    differences : sequence of Difference

    Returns
    -------
    dict
        ``intervals, slopes``: a `Picture`, or None where there is nothing to draw;
        ``trade_offs, reliability``: lists of these.
    """
    return {
        "intervals": _intervals(ranked, names) if ranked else None,
        "slopes": _slopes(differences) if differences else None,
        "trade_offs": [
            _trade_off(ranked, names, *amount)
            for amount in (
                ("train_seconds", "s", "training time", "the mean of the folds"),
                ("artefact_bytes", "B", "artefact size", "of the ONNX file"),
            )
            if any(getattr(row, amount[0]) for row in ranked)
        ],
        "reliability": [_reliability(names[run], its) for run, its in predictions.items()],
    }


def _intervals(ranked: Sequence[Row], names: Mapping[str, str]) -> Picture:
    caption = (
        "Share of tracks that the majority vote gets right: a dot, and its 95 % interval. "
        "A bracket holds models that the data cannot tell apart."
    )
    if any(row.tuned_on_test for row in ranked):
        caption += " The second colour marks scores that flatter: a search saw test tracks."
    return _picture(
        "accuracy",
        figures.intervals(ranked, names),
        "Accuracy and 95 % interval of each model: "
        + "; ".join(_said(row, names) for row in ranked),
        caption,
    )


def _said(row: Row, names: Mapping[str, str]) -> str:
    return f"{names[row.run]} {row.accuracy:.3f} ({row.ci_low:.3f} to {row.ci_high:.3f})"


def _slopes(differences: Sequence[Difference]) -> Picture:
    return _picture(
        "grouped-and-by-track",
        figures.slopes(differences),
        "Accuracy with groups kept together, and split by track: "
        + "; ".join(f"{d.model} {d.grouped:.3f}, {d.ungrouped:.3f}" for d in differences),
        "The steeper a line, the more of the score comes from tracks that the model has heard "
        "the like of: of one artist, or of one recording.",
    )


def _trade_off(
    ranked: Sequence[Row],
    names: Mapping[str, str],
    amount: str,
    unit: str,
    title: str,
    remark: str,
) -> Picture:
    known = [(row, getattr(row, amount)) for row in ranked if getattr(row, amount)]
    return _picture(
        f"accuracy-against-{title}",
        figures.trade_off(ranked, names, amount, title, unit),
        f"Accuracy against {title}: "
        + "; ".join(
            f"{_said(row, names)} at {figures.quantity(value, unit)}" for row, value in known
        ),
        f"Accuracy with its interval against {title}, {remark}.",
    )


def _reliability(name: str, predictions: Predictions) -> Picture:
    found = calibration(predictions)
    bins = zip(found.tracks, found.confidence, found.accuracy, strict=True)
    return _picture(
        f"calibration-{name}",
        figures.reliability(found),
        f"Reliability diagram of {name}: "
        + "; ".join(
            f"{count} tracks at a mean probability of {sure:.2f}, {right:.2f} of them right"
            for count, sure, right in bins
        ),
        f"{name}: expected calibration error {found.error:.3f}.",
    )


def curve_pictures(runs: Mapping[str, Run]) -> list[Picture]:
    """Draw the learning curves of the runs that reported some.

    Parameters
    ----------
    runs : mapping of str to Run
        By what to call them.
    """
    reported = {
        name: [fold.curve for fold in run.record.folds if fold.curve] for name, run in runs.items()
    }
    return [_curves(name, folds) for name, folds in reported.items() if folds]


def _curves(name: str, folds: Sequence[Sequence[Mapping[str, float]]]) -> Picture:
    last = (f"{key} {value:.3g}" for key, value in folds[0][-1].items() if key != "fraction")
    return _picture(
        f"learning-{name}",
        figures.learning_curves(folds),
        f"Learning curves of {name} over {len(folds)} folds; the first ends at " + ", ".join(last),
        f"{name}, a line a fold.",
    )
